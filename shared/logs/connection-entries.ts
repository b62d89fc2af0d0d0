import * as z from 'zod/mini'
import { bytes, connectionId, deviceId, hash, natural, timeMs, userId } from '../wire/primitives.ts'

/** docs/protocol.md §5 */
export const REQUEST_LABEL = 'kith/v1/conn-request'
export const ACCEPT_LABEL = 'kith/v1/conn-accept'
export const ROTATE_LABEL = 'kith/v1/conn-rotate'

/** Devices of one side that may write in one epoch: so many fit into the entry that ends it. */
export const DEVICES_A_SIDE = 32

/** Public halves that belong to one connection alone: X25519, X-Wing. */
const keys = { x: bytes(32), w: bytes(1216) }
const author = z.strictObject({ userId, identityKey: bytes(32), identityHead: hash })

export const requestEntry = z.strictObject({
  v: z.literal(1),
  suite: z.literal(2),
  connectionId,
  from: author,
  to: z.strictObject({ userId, identityKey: bytes(32) }),
  ...keys,
  /** Of the sealed note beside the request. */
  note: z.nullable(hash),
  createdAt: timeMs,
  expiresAt: timeMs,
})
export const acceptEntry = z.strictObject({
  v: z.literal(1),
  /** Hash of the request. */
  request: hash,
  from: author,
  ...keys,
  /** Encapsulated to the request's X-Wing key. */
  ct: bytes(1120),
  createdAt: timeMs,
})
export const rotateReason = z.enum([
  'scheduled',
  'answer',
  'device-removed',
  'password-reset',
  'unblocked',
  'disappearing',
])
export const rotateEntry = z.strictObject({
  v: z.literal(1),
  author: userId,
  epoch: natural,
  /** Hash of the entry before. */
  prev: hash,
  ...keys,
  /** Encapsulated to the other side's newest X-Wing key. */
  ct: bytes(1120),
  reason: rotateReason,
  /** The last message of every device that sent in the epoch that ends. */
  closes: z
    .array(z.strictObject({ senderId: userId, deviceId, counter: natural }))
    .check(z.maxLength(2 * DEVICES_A_SIDE)),
  createdAt: timeMs,
})
export type RequestEntry = z.output<typeof requestEntry>
export type AcceptEntry = z.output<typeof acceptEntry>
export type RotateEntry = z.output<typeof rotateEntry>
export type RotateReason = z.output<typeof rotateReason>
