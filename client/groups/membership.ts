import { isAppError } from '../../shared/errors.ts'
import type { GroupId, UserId } from '../../shared/format/ids.ts'
import type { Role } from '../../shared/logs/group-entries.ts'
import type { Group } from './group.ts'
import type { Groups } from './groups.ts'

/** By an owner, for somebody else. @throws {AppError} `group/forbidden`, the group's failure. */
export function setRole(groups: Groups, groupId: GroupId, memberId: UserId, role: Role): Promise<void> {
  return groups.append(groupId, ({ state }) => {
    const member = state.members.get(memberId)
    return member && member.role !== role ? { actions: [{ type: 'role', payload: { memberId, role } }] } : null
  })
}

/** Somebody has to own a circle as long as there is anybody in it. */
export function mayLeave({ state }: Group, me: UserId): boolean {
  const owners = [...state.members.values()].filter(({ role }) => role === 'owner')
  return state.members.get(me)?.role !== 'owner' || owners.length > 1 || state.members.size === 1
}

/** Signs out of the group, and forgets it on this account's devices; whoever stays changes its keys. */
export async function leave(groups: Groups, groupId: GroupId, me: UserId): Promise<void> {
  try {
    await groups.append(groupId, ({ state }) =>
      state.members.has(me) ? { actions: [{ type: 'leave', payload: {} }] } : null,
    )
  } catch (error) {
    // The server has it, and shows the log to members alone.
    if (!isAppError(error, 'group/not-member')) throw error
  }
  await groups.forget(groupId)
}
