import { AppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import type { ConnectionId, UserId } from '../../shared/format/ids.ts'
import { type ConnectionState, followConnection } from '../../shared/logs/connection.ts'
import { acceptEntry, requestEntry } from '../../shared/logs/connection-entries.ts'
import { decodeUnverified, hashOf, type SignedEntry } from '../../shared/logs/signed.ts'
import { REQUEST_TTL_MS } from '../../shared/wire/connections.ts'
import type { NewestIdentity } from '../accounts/identity-log.ts'
import type { ConnectionRow } from '../db/chat-rows.ts'

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
 * @throws {AppError} `connection/forbidden`, `identity/changed`, `connection/expired`; as `followConnection`
 */
export function checkRequest(entry: SignedEntry, asked: Asked): ConnectionState {
  const state = followConnection(asked.connectionId, undefined, entry)
  if (state.requester.userId !== asked.from || state.receiver.userId !== asked.to) {
    throw new AppError('connection/forbidden', 'nobody speaks for others')
  }
  checkIsNewest(decodeUnverified(requestEntry, entry.bytes).from, asked.me)
  if (!equalBytes(state.receiver.identityKey, asked.peer.identityKey)) {
    throw new AppError('identity/changed', 'the request is for another identity')
  }
  const isNote = asked.note ? state.note !== null && equalBytes(hashOf(asked.note), state.note) : state.note === null
  if (!isNote) throw new AppError('log/bad-entry', 'the request names another note')
  if (state.expiresAt <= asked.now) throw new AppError('connection/expired', 'the request has run out')
  if (state.expiresAt > asked.now + REQUEST_TTL_MS + SKEW_MS) {
    throw new AppError('log/bad-entry', 'the request would stay for too long')
  }
  return state
}

/**
 * What the stored log says of whoever may add to it. Its first entry stands for all of them: each was checked when it
 * was stored, and the row has followed them since.
 */
export function stateOf(row: ConnectionRow, request: SignedEntry): ConnectionState {
  return {
    ...followConnection(row.connection_id, undefined, request),
    length: row.length,
    head: new Uint8Array(row.head),
    epoch: row.state === 'pending' ? -1 : row.epoch,
  }
}

/**
 * The next entry, `accept` or `rotate`, by the very person who sends it. What a client would refuse is never stored:
 * it would end the conversation.
 * @throws {AppError} `connection/forbidden`, `identity/changed`; as `followConnection`
 */
export function checkNext(
  before: ConnectionState,
  entry: SignedEntry,
  by: UserId,
  me: NewestIdentity,
): ConnectionState {
  const state = followConnection(before.connectionId, before, entry)
  if (before.epoch < 0) checkIsNewest(decodeUnverified(acceptEntry, entry.bytes).from, me)
  else if (state.rotatedBy !== by) throw new AppError('connection/forbidden', 'nobody speaks for others')
  return state
}

/** Whoever comes in shows the newest statement of the very identity that is known here. */
function checkIsNewest(from: { identityKey: Bytes; identityHead: Bytes }, { identityKey, head }: NewestIdentity): void {
  if (!equalBytes(from.identityKey, identityKey) || !equalBytes(from.identityHead, head)) {
    throw new AppError('identity/changed', 'this is not the newest statement of this identity')
  }
}
