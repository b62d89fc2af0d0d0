import type { UserId } from '../../shared/format/ids.ts'
import { type ConnectionState, peerOf, sideOf } from '../../shared/logs/connection.ts'
import { DEVICES_A_SIDE, type RotateReason } from '../../shared/logs/connection-entries.ts'
import type { MessageTtl } from '../../shared/wire/connections.ts'
import type { Sent } from './types.ts'
import { writersIn } from './writers.ts'

const KEY_AGE_MS = 7 * 86_400_000
const KEY_MESSAGES = 200

/** What calls for new keys, beside what was sent. */
export type Asked = { due: RotateReason | null; resetAt: number | null; ttlMs: MessageTtl }

/**
 * Why keys have to change before the next message; `null`: they need not (docs/protocol.md §5).
 * @param asked `due`: a device was removed, a block lifted, …; `resetAt`: when the password was set anew, which the
 *   identity log tells every device; `ttlMs`: how long the next message lives.
 */
export function rotationDue(
  state: ConnectionState,
  me: UserId,
  sent: Sent,
  { due, resetAt, ttlMs }: Asked,
  now: number,
): RotateReason | null {
  if (due) return due
  // One more would be refused.
  const writers = writersIn(state.epoch, (epoch) => state.closes.get(epoch), sent.counters)
  if (writers.filter(({ senderId }) => senderId === me).length >= DEVICES_A_SIDE) return 'scheduled'
  const own = sideOf(state, me)
  const peer = peerOf(state, me)
  // Never for a time to come: a wrong clock would call for it again and again.
  if (resetAt !== null && resetAt <= now && resetAt > own.keysAt) return 'password-reset'
  // Once: else each answer would call for the next one.
  if (state.rotatedBy === peer.userId && state.rotatedFor !== 'answer') return 'answer'
  if (now - own.keysAt > KEY_AGE_MS || sentUnder(state, me, sent, own.keysEpoch) >= KEY_MESSAGES) return 'scheduled'
  // Whole epochs die: then none may live for longer than its messages, and all of them equally long.
  if (sent.isSpent || sent.lives.some((one) => one !== ttlMs)) return 'disappearing'
  if (ttlMs !== null && now - Math.max(own.keysAt, peer.keysAt) > ttlMs) return 'disappearing'
  return null
}

/** How many messages this account sent since it made its newest keys. */
function sentUnder(state: ConnectionState, me: UserId, sent: Sent, keysEpoch: number): number {
  return sent.counters
    .filter(({ senderId }) => senderId === me)
    .reduce((sum, { senderId, deviceId, counter }) => {
      let before = 0
      for (let epoch = keysEpoch - 1; epoch >= 0 && before === 0; epoch--)
        before = state.closes.get(epoch)?.get(`${senderId}.${deviceId}`) ?? 0
      return sum + Math.max(0, counter - before)
    }, 0)
}
