import type { GroupId } from '../../shared/format/ids.ts'
import { Signal } from '../app/signal.ts'
import type { Group } from '../groups/group.ts'
import type { Groups } from '../groups/groups.ts'

/** Which group the library shows; the circle first, for that is what people come for. */
const chosen = new Signal<GroupId | null>(null)
export const chosenGroup = chosen

export function currentGroup(groups: ReadonlyMap<GroupId, Group>): Group | null {
  const all = sortedGroups(groups)
  return all.find(({ groupId }) => groupId === chosen.value) ?? all[0] ?? null
}

/**
 * As the library shows it, once it is sure that no circle is still to come before it: what is shared is for that group.
 * @param waits called where that takes time.
 */
export async function settledGroup(
  groups: Pick<Groups, 'all' | 'failures' | 'isWhole'>,
  waits: () => void,
): Promise<Group | null> {
  const isSure = () => {
    const now = currentGroup(groups.all.value)
    return groups.isWhole || (now !== null && (now.kind === 'circle' || now.groupId === chosen.value))
  }
  if (!isSure()) waits()
  await Promise.race([groups.all.until(isSure), groups.failures.until(isSure)])
  return currentGroup(groups.all.value)
}

export function sortedGroups(groups: ReadonlyMap<GroupId, Group>): Group[] {
  return [...groups.values()].sort((a, b) => Number(a.kind === 'personal') - Number(b.kind === 'personal'))
}

export function groupLabel(group: Group): string {
  return group.kind === 'personal' ? 'Only me' : (group.name ?? 'Circle')
}
