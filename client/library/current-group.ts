import type { GroupId } from '../../shared/format/ids.ts'
import { Signal } from '../app/signal.ts'
import type { Group } from '../groups/group.ts'

/** Which group the library shows; the circle first, for that is what people come for. */
const chosen = new Signal<GroupId | null>(null)
export const chosenGroup = chosen

export function currentGroup(groups: ReadonlyMap<GroupId, Group>): Group | null {
  const all = sortedGroups(groups)
  return all.find(({ groupId }) => groupId === chosen.value) ?? all[0] ?? null
}

export function sortedGroups(groups: ReadonlyMap<GroupId, Group>): Group[] {
  return [...groups.values()].sort((a, b) => Number(a.kind === 'personal') - Number(b.kind === 'personal'))
}

export function groupLabel(group: Group): string {
  return group.kind === 'personal' ? 'Only me' : (group.name ?? 'Circle')
}
