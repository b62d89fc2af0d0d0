import * as z from 'zod/mini'
import { person } from './people.ts'
import { bytes, connectionId, deviceId, hash, natural, signedEntry, timeMs, userId } from './primitives.ts'
import { queryNumber, route } from './route.ts'

/** Sealed size of a message at most: header, nonce, key commitment and padding included (docs/protocol.md §5). */
export const MESSAGE_MAX_BYTES = 65_536
/** header(135) ‖ nonce(24) ‖ kc(32) ‖ 256 padded ‖ tag(16). */
const MESSAGE_MIN_BYTES = 135 + 24 + 32 + 256 + 16
/** How many requests one person may send in a day, and messages in a minute. */
export const REQUESTS_A_DAY = 20
export const MESSAGES_A_MINUTE = 60
/** How often one side may change the keys of one connection: several times what talking all day long calls for. */
export const ROTATIONS_A_DAY = 200
/** A request that nobody answers ends after 30 days. */
export const REQUEST_TTL_MS = 30 * 86_400_000

/** A note, sealed to the agreement key of whoever is asked: X-Wing ciphertext, at least one byte, tag. */
const note = z.nullable(bytes(1120 + 1 + 16, 8192))

/**
 * How the server shows a connection to one of its two people: `asking` (I asked), `asked` (I was asked), `friends`,
 * `blocked` (by me), `ended` (removed, withdrawn, denied by me, expired). Whoever was denied or blocked sees no difference.
 */
export const connectionView = z.strictObject({
  connectionId,
  peer: person,
  state: z.enum(['asking', 'asked', 'friends', 'blocked', 'ended']),
  /** Entries in the log, and the hash of the last. */
  length: natural,
  head: hash,
  /** Number of the newest message; 0: none. */
  lastSeq: natural,
  /** For whoever was asked: the note, sealed to their agreement key; the request names its hash. */
  note,
  createdAt: timeMs,
  /** Grows with every change of any connection of this account: where to go on from. */
  changeSeq: natural,
})
export type ConnectionView = z.output<typeof connectionView>

/** A message as it lies at the server. `sealed` is null once its sender took it back or its time was over. */
export const storedMessage = z.strictObject({
  seq: natural,
  senderId: userId,
  deviceId,
  counter: natural,
  sealed: z.nullable(bytes(MESSAGE_MIN_BYTES, MESSAGE_MAX_BYTES)),
  createdAt: timeMs,
  expiresAt: z.nullable(timeMs),
})
export type StoredMessage = z.output<typeof storedMessage>

/** Newest receipt of one device. The friend's are `peer` boxes; one's own devices' are `own` boxes. */
export const storedReceipt = z.strictObject({ userId, deviceId, revision: natural, sealed: bytes(40, 16_384) })
export type StoredReceipt = z.output<typeof storedReceipt>

/** How long a message lives: what the conversation was set to, in milliseconds; null: for good. */
export const messageTtl = z.nullable(z.literal([86_400_000, 604_800_000, 2_592_000_000]))
export type MessageTtl = z.output<typeof messageTtl>

const one = z.strictObject({ connectionId })

/** Connections that changed after `since`, oldest change first; `more` says to ask again. */
export const listConnections = route('GET', '/api/connections', {
  query: z.strictObject({ since: queryNumber }),
  reply: z.strictObject({ connections: z.array(connectionView), more: z.boolean() }),
})
/**
 * Asks somebody. `entry`: the signed `request`. Refused with `connection/exists` while one between the two is open,
 * with `connection/refused` where the other one blocked or is not there.
 */
export const requestConnection = route('POST', '/api/connections', {
  body: z.strictObject({ connectionId, peerId: userId, entry: signedEntry, note }),
  reply: connectionView,
})
/**
 * `accept` by whoever was asked, then `rotate` by either. Refused with `log/conflict` unless `ifHead` is the stored
 * head, and with `connection/behind` unless `ifLastSeq` is the newest message: what a rotation closes is then exact.
 * The same bytes again answer as the first time. At most 16 KiB, and 200 rotations of one side in a day.
 */
export const appendConnectionLog = route('POST', '/api/connections/:connectionId/log', {
  params: one,
  body: z.strictObject({ ifHead: hash, ifLastSeq: natural, entry: signedEntry }),
  reply: connectionView,
})
/** By whoever was asked; never told to whoever asked, who sees "pending" until the request expires. */
export const denyConnection = route('POST', '/api/connections/:connectionId/deny', { params: one })
/** Withdraws a request, resp. removes a friend; by whoever was asked and has not answered it is a denial. */
export const endConnection = route('DELETE', '/api/connections/:connectionId', { params: one })

const cursor = z.strictObject({
  connectionId,
  /** Number of log entries that are known. */
  logFrom: natural,
  /** Newest message number that is known. */
  since: natural,
})
/** One conversation named often would be read and sent as often. */
const areDistinct = (cursors: readonly z.output<typeof cursor>[]) =>
  new Set(cursors.map((one) => one.connectionId)).size === cursors.length
/**
 * What came after the cursors, in one answer for many conversations; `more`: ask again for that one from its last entry
 * and its last seq. At most 256 entries and 256 messages for each, 1,024 messages and 8 MiB of entries, receipts and
 * messages in all; whatever comes after the first that does not fit is empty, with `more`. Messages and receipts come
 * only beside the last entry. Each answer brings something of the first conversation that has more: ask for that one
 * first. Conversations that are not the caller's are left out.
 */
export const catchUp = route('POST', '/api/connections/catch-up', {
  body: z.strictObject({ cursors: z.array(cursor).check(z.minLength(1), z.maxLength(64), z.refine(areDistinct)) }),
  reply: z.strictObject({
    connections: z.array(
      z.strictObject({
        connectionId,
        entries: z.array(signedEntry),
        messages: z.array(storedMessage),
        receipts: z.array(storedReceipt),
        lastSeq: natural,
        more: z.boolean(),
      }),
    ),
  }),
})
/**
 * The header inside `sealed` says connection, epoch, sender, device and counter (shared/format/message-layout.ts); the
 * server checks them. The same bytes again answer as the first time; the same counter with other bytes is
 * `message/conflict`; an epoch that is not the newest is `connection/stale-epoch`; a 33rd device of one side in one epoch
 * is `message/too-many-devices`; not friends, blocked or ended is `connection/refused`.
 */
export const sendMessage = route('POST', '/api/connections/:connectionId/messages', {
  params: one,
  body: z.strictObject({ sealed: bytes(MESSAGE_MIN_BYTES, MESSAGE_MAX_BYTES), ttlMs: messageTtl }),
  reply: z.strictObject({ seq: natural, createdAt: timeMs }),
})
/** The sender takes the ciphertext back; number, device and counter stay, so that nobody takes it for a gap. */
export const deleteMessage = route('DELETE', '/api/connections/:connectionId/messages/:seq', {
  params: z.strictObject({ connectionId, seq: queryNumber }),
})
/** What this device has received and read. Refused with `receipt/rollback` unless `revision` is greater than the stored. */
export const writeReceipt = route('PUT', '/api/connections/:connectionId/receipt', {
  params: one,
  body: z.strictObject({
    deviceId,
    revision: natural,
    /** For the friend, under the epoch's keys. */
    peer: bytes(40, 16_384),
    /** For one's own other devices, under a key of the account. */
    own: bytes(40, 16_384),
  }),
})
