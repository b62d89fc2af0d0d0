import { FormatError } from '../errors.ts'
import { type Bytes, concat, u8, u32, u64 } from './bytes.ts'
import {
  type ConnectionId,
  type DeviceId,
  idBytes,
  idFromBytes,
  parseConnectionId,
  parseDeviceId,
  parseUserId,
  type UserId,
} from './ids.ts'
import { padme } from './padme.ts'

/** Header of a message, docs/protocol.md §5: everybody may read it, the signature covers it. */
export type MessageHeader = {
  readonly type: number
  readonly connectionId: ConnectionId
  readonly epoch: number
  readonly senderId: UserId
  readonly deviceId: DeviceId
  /** From 1 on, for one device in one connection, over all epochs. */
  readonly counter: number
  readonly lamport: number
  /** Hash of this device's previous message; zero for the first. */
  readonly prev: Bytes
  /** Hash of the newest message of the other side that was seen; zero if none. */
  readonly ack: Bytes
}

export const MESSAGE_HEADER_BYTES = 135
export const MESSAGE_NONCE_BYTES = 24
export const MESSAGE_COMMITMENT_BYTES = 32
const VERSION = 1
/** X25519 and X-Wing, XChaCha20-Poly1305. */
const SUITE = 2
const PADDED_MIN_BYTES = 256

export function encodeMessageHeader(header: MessageHeader): Bytes {
  return concat(
    u8(VERSION),
    u8(SUITE),
    u8(header.type),
    idBytes(header.connectionId),
    u32(header.epoch),
    idBytes(header.senderId),
    idBytes(header.deviceId),
    u64(header.counter),
    u64(header.lamport),
    header.prev,
    header.ack,
  )
}

/** @throws {FormatError} on another version or suite, or on numbers beyond 2⁵³ − 1. */
export function parseMessageHeader(sealed: Uint8Array): MessageHeader {
  if (sealed.length < MESSAGE_HEADER_BYTES) throw new FormatError('message')
  const view = new DataView(sealed.buffer, sealed.byteOffset, MESSAGE_HEADER_BYTES)
  if (view.getUint8(0) !== VERSION || view.getUint8(1) !== SUITE) throw new FormatError('message')
  const counter = number(view, 55)
  if (counter === 0) throw new FormatError('message')
  return {
    type: view.getUint8(2),
    connectionId: parseConnectionId(idFromBytes(sealed.subarray(3, 19))),
    epoch: view.getUint32(19),
    senderId: parseUserId(idFromBytes(sealed.subarray(23, 39))),
    deviceId: parseDeviceId(idFromBytes(sealed.subarray(39, 55))),
    counter,
    lamport: number(view, 63),
    prev: new Uint8Array(sealed.slice(71, 103)),
    ack: new Uint8Array(sealed.slice(103, 135)),
  }
}

/** `connectionId ‖ u32 epoch ‖ senderId ‖ deviceId ‖ u64 counter`: what a message's keys are for. */
export function messagePlace(header: Uint8Array): Uint8Array {
  return header.subarray(3, 63)
}

/** Length of `sig ‖ body ‖ 0x80` with its padding. */
export function messagePaddedBytes(length: number): number {
  return length <= PADDED_MIN_BYTES ? PADDED_MIN_BYTES : padme(length)
}

function number(view: DataView, at: number): number {
  const value = view.getBigUint64(at)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new FormatError('message')
  return Number(value)
}
