import type { Gate, WaitReason } from './resources.ts'

/** So many of the last waits count. */
const REMEMBERED = 5
const LEAST_MS = 5000

/**
 * Guesses how long a gate stays closed, for people: as long as it did the last times for the same reason, less what has
 * passed; before there was a first time, what the reading suggests. One that lasts longer than usual is said to take as
 * long again as it has taken, so that the guess never runs out.
 */
export function createForecast(now: () => number = () => performance.now()): (gate: Gate) => number | null {
  const lasted = new Map<WaitReason, readonly number[]>()
  let closed: { reason: WaitReason; at: number } | null = null
  return (gate) => {
    const at = now()
    const reason = gate.open ? null : gate.reason
    if (closed !== null && closed.reason !== reason) {
      lasted.set(closed.reason, [...(lasted.get(closed.reason) ?? []), at - closed.at].slice(-REMEMBERED))
      closed = null
    }
    if (gate.open) return null
    closed ??= { reason: gate.reason, at }
    const passed = at - closed.at
    const before = lasted.get(gate.reason)
    const usual = before ? before.reduce((sum, ms) => sum + ms, 0) / before.length : gate.estimateMs
    return Math.max(LEAST_MS, Math.round(passed < usual ? usual - passed : passed))
  }
}
