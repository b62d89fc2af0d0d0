import type { UserId } from '../../shared/format/ids.ts'
import { DEVICES_A_SIDE } from '../../shared/logs/connection-entries.ts'
import type { Closes, Sent } from './types.ts'

/**
 * Of the devices that ever wrote, those that did so in this epoch: what the rotation that ends it has to close.
 * @param closesOf what the epochs before it ended with.
 */
export function writersIn(
  epoch: number,
  closesOf: (epoch: number) => Closes | null | undefined,
  counters: Sent['counters'],
): Sent['counters'] {
  return counters.filter(({ senderId, deviceId, counter }) => {
    for (let before = epoch - 1; before >= 0; before--) {
      const closed = closesOf(before)?.get(`${senderId}.${deviceId}`)
      if (closed !== undefined) return counter > closed
    }
    return true
  })
}

/** Never more than a rotation may close. */
export function closable(writers: Sent['counters'], sides: readonly UserId[]): Sent['counters'][number][] {
  return sides.flatMap((side) => writers.filter(({ senderId }) => senderId === side).slice(0, DEVICES_A_SIDE))
}
