import { AppError } from '../errors.ts'
import { type Bytes, equalBytes, utf8 } from '../format/bytes.ts'
import type { ConnectionId, DeviceId, UserId } from '../format/ids.ts'
import {
  ACCEPT_LABEL,
  acceptEntry,
  DEVICES_A_SIDE,
  REQUEST_LABEL,
  type RequestEntry,
  ROTATE_LABEL,
  type RotateReason,
  requestEntry,
  rotateEntry,
} from './connection-entries.ts'
import { checkSignature, decodeUnverified, hashEntry, hashOf, type SignedEntry } from './signed.ts'

export type PublicKeys = { readonly x: Bytes; readonly w: Bytes }
/** One of the two, as the log knows them. */
export type ConnectionSide = {
  readonly userId: UserId
  readonly identityKey: Bytes
  /** Newest public halves: `null` before they accepted. */
  readonly keys: PublicKeys | null
  /** When those were made, by their maker's clock, and in which epoch. */
  readonly keysAt: number
  readonly keysEpoch: number
}
/** Last counters of an epoch that is over, by `<senderId>.<deviceId>`. */
export type EpochCloses = ReadonlyMap<`${UserId}.${DeviceId}`, number>

/** What a verified connection log says after `length` entries (docs/protocol.md §5). */
export type ConnectionState = {
  readonly connectionId: ConnectionId
  readonly requester: ConnectionSide
  readonly receiver: ConnectionSide
  readonly length: number
  readonly head: Bytes
  /** Hash of the sealed note beside the request. */
  readonly note: Bytes | null
  readonly createdAt: number
  readonly expiresAt: number
  /** -1 until it was accepted. */
  readonly epoch: number
  /** Who made the newest epoch, and why; `null` before the first rotation. */
  readonly rotatedBy: UserId | null
  readonly rotatedFor: RotateReason | null
  /** By epoch: what the entry that ended it says. */
  readonly closes: ReadonlyMap<number, EpochCloses>
}

/** What was seen of a connection's log before. */
export type ConnectionPin = { readonly length: number; readonly head: Bytes }
/** Who the two are, as the reader has pinned them. */
export type ExpectedPeople = readonly { readonly userId: UserId; readonly identityKey: Bytes }[]

export type ConnectionOptions = {
  /** Verified state to go on from, no further than the pin; `entries` then start at `from.length`. */
  readonly from?: ConnectionState
  readonly pin?: ConnectionPin
  readonly expected?: ExpectedPeople
}

/**
 * Verifies a connection's log.
 * @throws {AppError} `log/bad-entry`, `log/bad-signature`, `log/wrong-prev`; `connection/forbidden` (somebody else, or not
 *   their turn); `identity/changed` when a key is not the one that the reader has pinned; against the pin
 *   `connection/rollback`, `connection/fork`.
 */
export function replayConnection(
  connectionId: ConnectionId,
  entries: readonly SignedEntry[],
  { from, pin, expected = [] }: ConnectionOptions = {},
): ConnectionState {
  let state = from
  if (from) checkPin(from, pin)
  for (const entry of entries) {
    state = followConnection(connectionId, state, entry)
    checkPin(state, pin)
  }
  if (!state) throw new AppError(pin ? 'connection/rollback' : 'log/bad-entry', 'a connection log cannot be empty')
  if (pin && state.length < pin.length)
    throw new AppError('connection/rollback', 'the server shows an older connection')
  for (const { userId, identityKey } of expected) {
    const side = sideOf(state, userId)
    if (!equalBytes(side.identityKey, identityKey)) throw new AppError('identity/changed', 'another identity key')
  }
  return state
}

function checkPin({ length, head }: ConnectionState, pin: ConnectionPin | undefined): void {
  if (pin && length === pin.length && !equalBytes(head, pin.head))
    throw new AppError('connection/fork', 'the server shows another history of the connection')
}

/** @throws {AppError} `connection/forbidden` when they are neither of the two. */
export function sideOf(state: ConnectionState, user: UserId): ConnectionSide {
  if (state.requester.userId === user) return state.requester
  if (state.receiver.userId === user) return state.receiver
  throw new AppError('connection/forbidden', 'not one of the two')
}

/** The other one. @throws as `sideOf` */
export function peerOf(state: ConnectionState, me: UserId): ConnectionSide {
  return sideOf(state, me) === state.requester ? state.receiver : state.requester
}

/** Takes one more entry. @throws as `replayConnection` */
export function followConnection(
  connectionId: ConnectionId,
  before: ConnectionState | undefined,
  entry: SignedEntry,
): ConnectionState {
  if (!before) return requested(connectionId, entry)
  return before.epoch < 0 ? accepted(before, entry) : rotated(before, entry)
}

function requested(connectionId: ConnectionId, entry: SignedEntry): ConnectionState {
  const request = decodeUnverified(requestEntry, entry.bytes)
  const { from, to } = request
  if (request.connectionId !== connectionId) throw new AppError('log/bad-entry', 'a request of another connection')
  if (from.userId === to.userId) throw new AppError('connection/forbidden', 'nobody connects with themselves')
  const head = checkSignature(REQUEST_LABEL, entry, from.identityKey)
  return {
    connectionId,
    requester: { ...personOf(from), keys: keysOf(request), keysAt: request.createdAt, keysEpoch: -1 },
    receiver: { ...personOf(to), keys: null, keysAt: 0, keysEpoch: -1 },
    length: 1,
    head,
    note: request.note,
    createdAt: request.createdAt,
    expiresAt: request.expiresAt,
    epoch: -1,
    rotatedBy: null,
    rotatedFor: null,
    closes: new Map(),
  }
}

function accepted(before: ConnectionState, entry: SignedEntry): ConnectionState {
  const accept = decodeUnverified(acceptEntry, entry.bytes)
  const { receiver } = before
  if (accept.from.userId !== receiver.userId) throw new AppError('connection/forbidden', 'only who was asked accepts')
  if (!equalBytes(accept.from.identityKey, receiver.identityKey))
    throw new AppError('identity/changed', 'accepted with another identity than was asked')
  const head = checkSignature(ACCEPT_LABEL, entry, receiver.identityKey)
  if (!equalBytes(accept.request, before.head)) throw new AppError('log/wrong-prev', 'accepts another request')
  const keys = { keys: keysOf(accept), keysAt: accept.createdAt, keysEpoch: 0 }
  return { ...before, length: before.length + 1, head, epoch: 0, receiver: { ...receiver, ...keys } }
}

function rotated(before: ConnectionState, entry: SignedEntry): ConnectionState {
  const rotate = decodeUnverified(rotateEntry, entry.bytes)
  const by = sideOf(before, rotate.author)
  const head = checkSignature(ROTATE_LABEL, entry, by.identityKey)
  if (rotate.epoch !== before.epoch + 1 || !equalBytes(rotate.prev, before.head))
    throw new AppError('log/wrong-prev', 'a rotation that does not follow the newest entry')
  const side = { ...by, keys: keysOf(rotate), keysAt: rotate.createdAt, keysEpoch: rotate.epoch }
  return {
    ...before,
    length: before.length + 1,
    head,
    epoch: rotate.epoch,
    rotatedBy: by.userId,
    rotatedFor: rotate.reason,
    ...(by === before.requester ? { requester: side } : { receiver: side }),
    closes: new Map(before.closes).set(before.epoch, closesOf(before, rotate.closes)),
  }
}

function closesOf(
  state: ConnectionState,
  listed: readonly { senderId: UserId; deviceId: DeviceId; counter: number }[],
): EpochCloses {
  const closes = new Map<`${UserId}.${DeviceId}`, number>()
  for (const { senderId, deviceId, counter } of listed) {
    const place = `${sideOf(state, senderId).userId}.${deviceId}` as const
    if (closes.has(place)) throw new AppError('log/bad-entry', 'a device is closed twice')
    closes.set(place, counter)
  }
  for (const { userId } of [state.requester, state.receiver]) {
    const devices = listed.filter(({ senderId }) => senderId === userId)
    if (devices.length > DEVICES_A_SIDE) throw new AppError('log/bad-entry', 'too many devices of one side')
  }
  return closes
}

const TRANSCRIPT = utf8('kith/v1/conn-th')
const personOf = ({ userId, identityKey }: Pick<RequestEntry['to'], 'userId' | 'identityKey'>) => ({
  userId,
  identityKey,
})
const keysOf = ({ x, w }: PublicKeys): PublicKeys => ({ x, w })

/** `th_0`, the transcript after `accept`. */
export function firstTranscript(request: SignedEntry, accept: SignedEntry): Bytes {
  return hashOf(TRANSCRIPT, hashEntry(request), hashEntry(accept))
}
/** `th_e` from `th_{e-1}`. */
export function nextTranscript(before: Bytes, rotate: SignedEntry): Bytes {
  return hashOf(TRANSCRIPT, before, hashEntry(rotate))
}
