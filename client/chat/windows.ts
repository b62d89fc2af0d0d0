import * as z from 'zod/mini'
import { AppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import type { DeviceId, UserId } from '../../shared/format/ids.ts'
import { ZERO_HASH } from '../../shared/logs/signed.ts'
import { type CounterRange, counterRange, NEVER_MAX } from '../../shared/wire/message-body.ts'
import { deviceId, hash, natural, userId } from '../../shared/wire/primitives.ts'

/** How far behind the newest a message may come (docs/protocol.md §5). */
const WINDOW = 1024

/** What came of one device, over all epochs. */
export const window = z.strictObject({
  senderId: userId,
  deviceId,
  /** Highest counter that is known to exist. */
  high: natural,
  /** Up to here nothing more is waited for; the hash is null where the message itself never came. */
  low: z.strictObject({ counter: natural, hash: z.nullable(hash) }),
  /** What came above `low`. */
  seen: z.array(z.strictObject({ counter: natural, hash: z.nullable(hash), prev: z.nullable(hash) })),
  /** How many below `low` were given up. */
  lost: natural,
  /** What is waited for no more and never came: nobody is told that it was received. */
  never: z.array(counterRange),
})
export type Window = z.output<typeof window>

type Step = { readonly counter: number; readonly hash: Bytes; readonly prev: Bytes | null }

export function findWindow(
  windows: readonly Window[],
  { senderId, deviceId }: { readonly senderId: UserId; readonly deviceId: DeviceId },
): Window | undefined {
  return windows.find((one) => one.senderId === senderId && one.deviceId === deviceId)
}

export function windowOf(windows: Window[], senderId: UserId, deviceId: DeviceId): Window {
  const found = findWindow(windows, { senderId, deviceId })
  if (found) return found
  const low = { counter: 0, hash: ZERO_HASH }
  const fresh: Window = { senderId, deviceId, high: 0, low, seen: [], lost: 0, never: [] }
  windows.push(fresh)
  return fresh
}

/** Highest counter of it that was verified, not what somebody says there must be. */
export function verifiedOf({ low, seen }: Window): number {
  return Math.max(low.counter, ...seen.map(({ counter }) => counter))
}

/** More devices than one person ever had: from there on somebody makes them up. */
const DEVICES = 512

/**
 * Whether there is room to follow this device, beside all others of its person.
 * @param isProven somebody signed that it exists; what the server alone says takes half of the room at most.
 */
export function mayFollow(
  windows: readonly Window[],
  senderId: UserId,
  deviceId: DeviceId,
  isProven: boolean = true,
): boolean {
  const own = windows.filter((one) => one.senderId === senderId)
  return own.length < (isProven ? DEVICES : DEVICES / 2) || own.some((one) => one.deviceId === deviceId)
}

/**
 * Takes the next message of a device, in any order. Changes nothing where it throws.
 * @param known hash of the message that the device keeps for this counter, if any.
 * @returns `again`: it was there already, or is gone on purpose.
 * @throws {AppError} `message/conflict`: two messages for one counter, or a chain that does not hold.
 */
export function advance(window: Window, { counter, hash, prev }: Step, known: Bytes | null): 'new' | 'again' {
  const kept = known ?? hashAt(window, counter)
  if (kept && !equalBytes(kept, hash)) throw new AppError('message/conflict', 'two messages for one counter')
  if (kept || isHere(window, counter)) return 'again'
  const before = hashAt(window, counter - 1)
  const after = window.seen.find((one) => one.counter === counter + 1)?.prev
  if ((before && prev && !equalBytes(before, prev)) || (after && !equalBytes(after, hash))) {
    throw new AppError('message/conflict', 'a message does not follow the one before it')
  }
  put(window, { counter, hash, prev })
  return 'new'
}

/** Counters from `from` to `to` are gone on purpose; the hash is that of the last, where it is known. */
export function fill(window: Window, from: number, to: number, hash: Bytes | null): void {
  const { low } = window
  if (to <= low.counter) return
  if (from <= low.counter + 1) {
    window.low = { counter: to, hash: hash ?? hashAt(window, to) }
    window.seen = window.seen.filter((one) => one.counter > to)
    window.high = Math.max(window.high, to)
    settle(window)
    return
  }
  // Behind a hole: what lies before it may still come.
  if (to - from >= WINDOW / 4) return
  for (let counter = from; counter <= to; counter++) {
    if (!isHere(window, counter)) put(window, { counter, hash: counter === to ? hash : null, prev: null })
  }
}

/** A message whose time is over before it came: nothing waits for it. */
export function skip(window: Window, counter: number): void {
  if (isHere(window, counter)) return
  window.never = withRange(window.never, [counter, counter])
  fill(window, counter, counter, null)
}

/** How many messages must exist and did not come. */
export function missingOf({ high, low, seen, lost }: Window): number {
  return high - low.counter - seen.length + lost
}

export function isHere(window: Window, counter: number): boolean {
  return counter <= window.low.counter || window.seen.some((one) => one.counter === counter)
}

function put(window: Window, step: Window['seen'][number]): void {
  window.seen.push(step)
  window.seen.sort((a, b) => a.counter - b.counter)
  window.high = Math.max(window.high, step.counter)
  settle(window)
}

function settle(window: Window): void {
  const { seen } = window
  for (;;) {
    const first = seen[0]
    if (!first) return
    const isNext = first.counter === window.low.counter + 1
    // A hole that nobody fills must not hold up everything that comes after it.
    if (!isNext && seen.length <= WINDOW) return
    if (!isNext) {
      window.lost += first.counter - window.low.counter - 1
      window.never = withRange(window.never, [window.low.counter + 1, first.counter - 1])
    }
    window.low = { counter: first.counter, hash: first.hash }
    seen.shift()
  }
}

function hashAt({ low, seen }: Window, counter: number): Bytes | null {
  if (counter === low.counter) return low.hash
  return seen.find((one) => one.counter === counter)?.hash ?? null
}

function withRange(ranges: readonly CounterRange[], added: CounterRange): CounterRange[] {
  const joined: CounterRange[] = []
  for (const [from, to] of [...ranges, added].sort(([a], [b]) => a - b)) {
    const last = joined.at(-1)
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to)
    else joined.push([from, to])
  }
  // Rather too much at the old end, where what is meant has disappeared on the other side as well.
  while (joined.length > NEVER_MAX) {
    const [[from] = [0], [, to] = [0, 0]] = joined.splice(0, 2)
    joined.unshift([from, to])
  }
  return joined
}
