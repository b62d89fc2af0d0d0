import { FormatError } from '../errors.ts'
import { fromBase64Url, toBase64Url } from './base64url.ts'
import type { Bytes } from './bytes.ts'

declare const brand: unique symbol
type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** Ids are 16 random bytes, written as 22 characters of unpadded base64url (docs/protocol.md, Notation). */
export type UserId = Brand<string, 'UserId'>
export type WorkerId = Brand<string, 'WorkerId'>
export type DeviceId = Brand<string, 'DeviceId'>
export type GroupId = Brand<string, 'GroupId'>
export type InviteId = Brand<string, 'InviteId'>
export type MediaId = Brand<string, 'MediaId'>
export type ObjectId = Brand<string, 'ObjectId'>
export type JobId = Brand<string, 'JobId'>
export type ConnectionId = Brand<string, 'ConnectionId'>
/** A member or a worker: whoever can be in a group's box list. */
export type MemberId = UserId | WorkerId
export type Id = UserId | WorkerId | DeviceId | GroupId | InviteId | MediaId | ObjectId | JobId | ConnectionId

export const ID_BYTES = 16

/** Whether `text` is the canonical form of 16 bytes (the last character carries two bits only). */
export function isId(text: string): boolean {
  return /^[\w-]{21}[AQgw]$/.test(text)
}

/** The only doors to branded ids. @throws {FormatError} */
export const parseUserId = door<UserId>('user id')
export const parseWorkerId = door<WorkerId>('worker id')
export const parseDeviceId = door<DeviceId>('device id')
export const parseGroupId = door<GroupId>('group id')
export const parseInviteId = door<InviteId>('invite id')
export const parseMediaId = door<MediaId>('media id')
export const parseObjectId = door<ObjectId>('object id')
export const parseJobId = door<JobId>('job id')
export const parseConnectionId = door<ConnectionId>('connection id')

function door<T extends string>(what: string): (text: string) => T {
  return (text) => {
    if (!isId(text)) throw new FormatError(what)
    return text as T
  }
}

/** The 16 bytes of an id. */
export function idBytes(id: Id): Bytes {
  return fromBase64Url(id)
}

/** Text form of 16 bytes; pass it through the door that names what it is. @throws {FormatError} */
export function idFromBytes(bytes: Uint8Array): string {
  if (bytes.length !== ID_BYTES) throw new FormatError('id')
  return toBase64Url(bytes)
}
