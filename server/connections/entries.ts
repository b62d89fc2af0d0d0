import * as z from 'zod/mini'
import { AppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import type { ConnectionId, UserId } from '../../shared/format/ids.ts'
import { checkSignature, decodeUnverified, hashEntry, hashOf, type SignedEntry } from '../../shared/logs/signed.ts'
import { REQUEST_TTL_MS } from '../../shared/wire/connections.ts'
import { bytes, connectionId, deviceId, hash, natural, timeMs, userId } from '../../shared/wire/primitives.ts'
import type { NewestIdentity } from '../accounts/identity-log.ts'

/** docs/protocol.md §5: of the entries, the server checks who signed what, and for which place. */
const keys = { x: bytes(32), w: bytes(1216) }
const author = z.strictObject({ userId, identityKey: bytes(32), identityHead: hash })
const request = z.strictObject({
  v: z.literal(1),
  suite: z.literal(2),
  connectionId,
  from: author,
  to: z.strictObject({ userId, identityKey: bytes(32) }),
  ...keys,
  note: z.nullable(hash),
  createdAt: timeMs,
  expiresAt: timeMs,
})
const accept = z.strictObject({
  v: z.literal(1),
  request: hash,
  from: author,
  ...keys,
  ct: bytes(1120),
  createdAt: timeMs,
})
const rotate = z.strictObject({
  v: z.literal(1),
  author: userId,
  epoch: natural,
  prev: hash,
  ...keys,
  ct: bytes(1120),
  reason: z.enum(['scheduled', 'answer', 'device-removed', 'password-reset', 'unblocked', 'disappearing']),
  closes: z.array(z.strictObject({ senderId: userId, deviceId, counter: natural })),
  createdAt: timeMs,
})

/** Clocks of devices differ. */
const SKEW_MS = 10 * 60_000

export interface Asked {
  connectionId: ConnectionId
  from: UserId
  to: UserId
  me: NewestIdentity
  peer: NewestIdentity
  note: Bytes | null
  now: number
}

/**
 * A request by the very person who sends it, for the connection, the peer and the note beside it.
 * @returns when it ends.
 * @throws {AppError} `log/bad-entry`, `log/bad-signature`, `identity/changed`, `connection/expired`
 */
export function checkRequest(entry: SignedEntry, asked: Asked): number {
  const body = decodeUnverified(request, entry.bytes)
  if (body.connectionId !== asked.connectionId || body.from.userId !== asked.from || body.to.userId !== asked.to) {
    throw new AppError('log/bad-entry', 'the request is about something else')
  }
  checkAuthor('kith/v1/conn-request', entry, body.from, asked.me)
  if (!equalBytes(body.to.identityKey, asked.peer.identityKey)) {
    throw new AppError('identity/changed', 'the request is for another identity')
  }
  const isNote = asked.note ? body.note !== null && equalBytes(hashOf(asked.note), body.note) : body.note === null
  if (!isNote) throw new AppError('log/bad-entry', 'the request names another note')
  if (body.expiresAt <= asked.now) throw new AppError('connection/expired', 'the request has run out')
  if (body.expiresAt > asked.now + REQUEST_TTL_MS + SKEW_MS) {
    throw new AppError('log/bad-entry', 'the request would stay for too long')
  }
  return body.expiresAt
}

/** @throws {AppError} `log/bad-entry`, `log/wrong-prev`, `log/bad-signature`, `identity/changed` */
export function checkAccept(entry: SignedEntry, from: UserId, me: NewestIdentity, head: Uint8Array): void {
  const body = decodeUnverified(accept, entry.bytes)
  if (body.from.userId !== from) throw new AppError('connection/forbidden', 'nobody speaks for others')
  if (!equalBytes(body.request, head)) throw new AppError('log/wrong-prev', 'this accepts another request')
  checkAuthor('kith/v1/conn-accept', entry, body.from, me)
}

/** @throws as `checkAccept` */
export function checkRotate(
  entry: SignedEntry,
  from: UserId,
  me: NewestIdentity,
  log: { head: Uint8Array; epoch: number },
): void {
  const body = decodeUnverified(rotate, entry.bytes)
  if (body.author !== from) throw new AppError('connection/forbidden', 'nobody speaks for others')
  if (body.epoch !== log.epoch + 1 || !equalBytes(body.prev, log.head)) {
    throw new AppError('log/wrong-prev', 'this does not follow the newest entry')
  }
  checkSignature('kith/v1/conn-rotate', entry, me.identityKey)
}

export const isSameEntry = (entry: SignedEntry, stored: Uint8Array): boolean => equalBytes(hashEntry(entry), stored)

function checkAuthor(
  label: string,
  entry: SignedEntry,
  from: { identityKey: Bytes; identityHead: Bytes },
  { identityKey, head }: NewestIdentity,
): void {
  if (!equalBytes(from.identityKey, identityKey) || !equalBytes(from.identityHead, head)) {
    throw new AppError('identity/changed', 'this is not the newest statement of this identity')
  }
  checkSignature(label, entry, identityKey)
}
