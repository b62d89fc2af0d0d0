import * as z from 'zod/mini'
import { newDeviceId } from '../../shared/crypto/random.ts'
import { ERROR_CODES } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import { ZERO_HASH } from '../../shared/logs/signed.ts'
import { type MessageTtl, messageTtl } from '../../shared/wire/connections.ts'
import { counterRange } from '../../shared/wire/message-body.ts'
import { deviceId, hash, mediaId, natural, timeMs, userId } from '../../shared/wire/primitives.ts'
import { floor } from '../friends/floors.ts'
import { findWindow, missingOf, window } from './windows.ts'

const mark = z.strictObject({ senderId: userId, deviceId, counter: natural })
export type Mark = z.output<typeof mark>

/** More than a message holds: what turns out to be too long for one is not lost. */
export const DRAFT_MAX = 200_000

/** What this device knows of one conversation, besides its messages. */
export const conversationState = z.strictObject({
  v: z.literal(1),
  /** Newest number of the server up to which everything was taken. */
  cursor: natural,
  /** When, by this device's clock, it last had everything that the server said there was; to an hour. */
  lookedAt: timeMs,
  /**
   * Whom this device seals as: an id of its own for each conversation, taken anew whenever the server knows more of it
   * than this device does, so that no counter is ever sealed twice.
   */
  self: z.strictObject({ deviceId, counter: natural, hash }),
  /** Highest that was seen. */
  lamport: natural,
  /** Newest message of the friend that was seen. */
  ack: z.strictObject({ lamport: natural, hash }),
  windows: z.array(window),
  /**
   * Rows that the server showed and that did not open, or carry nothing: said to exist, and proven by nobody. They touch no
   * window, so that a lie leaves nothing behind once it is no longer told.
   */
  doubtful: z.array(z.strictObject({ seq: natural, senderId: userId, deviceId, counter: natural })),
  /** Newest message of one's own devices and of the friend's that are known to be read. */
  read: z.array(mark),
  /** What the friend's devices say of one's own messages. */
  told: z.strictObject({ delivered: z.array(mark), read: z.array(mark) }),
  /** Newest receipt of each other device: an older one is refused. */
  receipts: z.array(
    z.strictObject({
      userId,
      deviceId,
      revision: natural,
      /** One's own messages below its marks that never came to it. */
      never: z.array(z.strictObject({ deviceId, ranges: z.array(counterRange) })),
    }),
  ),
  /** Of this device: what it said last. */
  receipt: z.strictObject({ revision: natural, said: z.string() }),
  ttl: z.strictObject({ ms: messageTtl, lamport: natural, place: z.string() }),
  unread: natural,
  /** Where the first of them may stand; everything before is read. */
  unreadFrom: natural,
  draft: z.string().check(z.maxLength(DRAFT_MAX)),
  /** Messages that are kept, for each epoch: at none its secret can go; and how long those live that were ever in it. */
  live: z.array(z.strictObject({ epoch: natural, count: natural, lives: z.array(messageTtl) })),
  /** What disappeared here, and the vault has not been told yet: epochs whose secrets go, and messages not to be missed. */
  forget: z.strictObject({ epochs: z.array(natural), floors: z.array(floor) }),
  /**
   * What is gone here, and the server still has: numbers of one's own messages whose ciphertext goes, and items that the
   * friend was granted with a message, from when on.
   */
  leftovers: z.strictObject({
    messages: z.array(natural),
    items: z.array(z.strictObject({ mediaId, from: timeMs })),
  }),
  /** Epochs before this one are closed, and what they say is applied. */
  closed: natural,
  confirmedAt: z.nullable(timeMs),
  /** The last thing that was wrong with what the server showed. */
  fault: z.nullable(z.enum(ERROR_CODES)),
  /** Since when something is missing, and from which number on it is asked for again. */
  gap: z.nullable(z.strictObject({ since: timeMs, from: natural })),
})
export type ConversationState = z.output<typeof conversationState>

export function emptyState(): ConversationState {
  return {
    v: 1,
    cursor: 0,
    lookedAt: 0,
    self: freshSelf(),
    lamport: 0,
    ack: { lamport: 0, hash: ZERO_HASH },
    windows: [],
    doubtful: [],
    read: [],
    told: { delivered: [], read: [] },
    receipts: [],
    receipt: { revision: 0, said: '' },
    ttl: { ms: null, lamport: 0, place: '' },
    unread: 0,
    unreadFrom: 0,
    draft: '',
    live: [],
    forget: { epochs: [], floors: [] },
    leftovers: { messages: [], items: [] },
    closed: 0,
    confirmedAt: null,
    fault: null,
    gap: null,
  }
}

/** How many messages must exist, or are said to, and did not come; `lost` of them were given up. */
export function missingIn({ windows, doubtful }: ConversationState): { missing: number; lost: number } {
  const holes = windows.reduce((sum, one) => sum + missingOf(one), 0)
  // A hole below the highest that was verified is counted already.
  const beyond = doubtful.filter((row) => row.counter > (findWindow(windows, row)?.high ?? 0))
  return { missing: holes + beyond.length, lost: windows.reduce((sum, { lost }) => sum + lost, 0) }
}

export function freshSelf(): { deviceId: ConversationState['self']['deviceId']; counter: number; hash: Bytes } {
  return { deviceId: newDeviceId(), counter: 0, hash: ZERO_HASH }
}

export function markOf(marks: readonly Mark[], { senderId, deviceId }: Omit<Mark, 'counter'>): number {
  return marks.find((one) => one.senderId === senderId && one.deviceId === deviceId)?.counter ?? 0
}

/** Whether a device of the friend says that this message of one's own never came to it. */
export function isMissed({ receipts }: ConversationState, { deviceId, counter }: Omit<Mark, 'senderId'>): boolean {
  return receipts.some(({ never }) =>
    never.some((one) => one.deviceId === deviceId && one.ranges.some(([from, to]) => from <= counter && counter <= to)),
  )
}

/** The higher of each. @returns the same list where nothing is higher. */
export function raiseMarks(marks: Mark[], more: readonly Mark[]): Mark[] {
  const higher = more.filter((one) => one.counter > markOf(marks, one))
  if (higher.length === 0) return marks
  const rest = marks.filter((one) => !higher.some((two) => isSame(one, two)))
  return [...rest, ...higher]
}

/** One more message of an epoch is kept. */
export function countIn(state: ConversationState, epoch: number, ttlMs: MessageTtl): void {
  const known = state.live.find((one) => one.epoch === epoch)
  const entry = known ?? { epoch, count: 0, lives: [] }
  if (!known) state.live.push(entry)
  entry.count += 1
  if (!entry.lives.includes(ttlMs)) entry.lives.push(ttlMs)
}

/** One less. */
export function countOut(state: ConversationState, epoch: number): void {
  const entry = state.live.find((one) => one.epoch === epoch)
  if (entry) entry.count = Math.max(0, entry.count - 1)
}

/** Notes the closed epochs of which nothing is kept any more: their secrets go. @returns whether there are any. */
export function noteOver(state: ConversationState): boolean {
  const over = state.live.filter(({ count, epoch }) => count === 0 && epoch < state.closed)
  if (over.length === 0) return false
  state.live = state.live.filter((one) => !over.includes(one))
  state.forget.epochs = [...new Set([...state.forget.epochs, ...over.map(({ epoch }) => epoch)])]
  return true
}

const isSame = (a: Omit<Mark, 'counter'>, b: Omit<Mark, 'counter'>) =>
  a.senderId === b.senderId && a.deviceId === b.deviceId

/** Lamport first, then place: the same on every device, whatever the server says. */
export function comesBefore(a: readonly [number, string], b: readonly [number, string]): boolean {
  return a[0] < b[0] || (a[0] === b[0] && a[1] < b[1])
}
