import { FormatError } from '../../shared/errors.ts'
import {
  type ConnectionId,
  type DeviceId,
  idFromBytes,
  parseConnectionId,
  parseDeviceId,
  parseUserId,
  type UserId,
} from '../../shared/format/ids.ts'

/** What the server reads of a message: the beginning that everybody may see (docs/protocol.md §5). */
export interface Header {
  connectionId: ConnectionId
  epoch: number
  senderId: UserId
  deviceId: DeviceId
  counter: number
}

/** @throws {FormatError} */
export function parseHeader(sealed: Uint8Array): Header {
  const view = new DataView(sealed.buffer, sealed.byteOffset, sealed.byteLength)
  if (view.getUint8(0) !== 1 || view.getUint8(1) !== 2) throw new FormatError('message header')
  const counter = view.getBigUint64(55)
  if (counter < 1n || counter > BigInt(Number.MAX_SAFE_INTEGER)) throw new FormatError('message header')
  return {
    connectionId: parseConnectionId(idFromBytes(sealed.subarray(3, 19))),
    epoch: view.getUint32(19),
    senderId: parseUserId(idFromBytes(sealed.subarray(23, 39))),
    deviceId: parseDeviceId(idFromBytes(sealed.subarray(39, 55))),
    counter: Number(counter),
  }
}
