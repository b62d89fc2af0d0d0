import type { GroupId } from '../../shared/format/ids.ts'
import type { Session } from '../app/session.ts'
import { Signal } from '../app/signal.ts'
import type { Group } from '../groups/group.ts'
import type { Groups } from '../groups/groups.ts'

/** Which group the library shows; the circle first, for that is what people come for. */
const chosen = new Signal<GroupId | null>(null)
export const chosenGroup = chosen

export type GroupsSeen = Pick<Session, 'isOnline' | 'state'> & {
  requireUnlocked(): { readonly groups: Pick<Groups, 'all' | 'failures' | 'isWhole'> }
}

/**
 * The group that is on the screen, for which everything is that is shared there. `null` while a circle may still come
 * before what only this person sees: what is for the circle must not be lost in there, nor what is for nobody be shared.
 */
export function currentGroup(session: GroupsSeen): Group | null {
  const { groups } = session.requireUnlocked()
  const all = sortedGroups(groups.all.value)
  const mine = all.find(({ groupId }) => groupId === chosen.value)
  if (mine) return mine
  const [first] = all
  // Without the server what is open is all there is.
  const isSure = first?.kind === 'circle' || groups.isWhole || !session.isOnline
  return (isSure && first) || null
}

/**
 * As `currentGroup`, once it is known.
 * @param waits called where that takes time.
 * @throws {AppError} `auth/required` locked meanwhile
 */
export async function settledGroup(session: GroupsSeen, waits: () => void): Promise<Group | null> {
  const { groups } = session.requireUnlocked()
  const isSettled = () => session.state.value.kind !== 'unlocked' || groups.isWhole || currentGroup(session) !== null
  if (isSettled()) return currentGroup(session)
  waits()
  await Promise.race([
    groups.all.until(isSettled),
    groups.failures.until(isSettled),
    session.state.until(isSettled),
    chosen.until(isSettled),
  ])
  return currentGroup(session)
}

export function sortedGroups(groups: ReadonlyMap<GroupId, Group>): Group[] {
  return [...groups.values()].sort((a, b) => Number(a.kind === 'personal') - Number(b.kind === 'personal'))
}

export function groupLabel(group: Group): string {
  return group.kind === 'personal' ? 'Only me' : (group.name ?? 'Circle')
}
