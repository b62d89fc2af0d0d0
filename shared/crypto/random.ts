import type { Bytes } from '../format/bytes.ts'
import {
  type ConnectionId,
  type DeviceId,
  type GroupId,
  ID_BYTES,
  type InviteId,
  idFromBytes,
  type MediaId,
  parseConnectionId,
  parseDeviceId,
  parseGroupId,
  parseInviteId,
  parseMediaId,
  parseUserId,
  parseWorkerId,
  type UserId,
  type WorkerId,
} from '../format/ids.ts'

/** Bytes from the platform's generator. */
export function randomBytes(length: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(length))
}

/** 256-bit keys: content keys, card keys, group keys, account keys, seeds. */
export const newKey = (): Bytes => randomBytes(32)

const newId = (): string => idFromBytes(randomBytes(ID_BYTES))
export const newUserId = (): UserId => parseUserId(newId())
export const newWorkerId = (): WorkerId => parseWorkerId(newId())
export const newDeviceId = (): DeviceId => parseDeviceId(newId())
export const newGroupId = (): GroupId => parseGroupId(newId())
export const newInviteId = (): InviteId => parseInviteId(newId())
export const newConnectionId = (): ConnectionId => parseConnectionId(newId())
export const newMediaId = (): MediaId => parseMediaId(newId())
/** Name of one attempt's set of renditions (docs/protocol.md §7). */
export const newSetName = (): string => newId()
