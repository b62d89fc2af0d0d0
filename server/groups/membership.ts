import type { GroupId, MemberId } from '../../shared/format/ids.ts'
import type { GroupState } from '../../shared/logs/group-state.ts'
import type { MembershipRow } from '../db/rows.ts'
import type { Db } from '../deps.ts'

export interface MembershipChange {
  groupId: GroupId
  memberId: MemberId
  isMember: boolean
}

/** Makes the table say what the log says; call it in the transaction that appends. */
export async function followLog(trx: Db, state: GroupState): Promise<MembershipChange[]> {
  const { groupId } = state
  const wanted = new Map<MemberId, MembershipRow>()
  for (const { userId, role } of state.members.values()) {
    wanted.set(userId, { group_id: groupId, member_id: userId, kind: 'person', role })
  }
  for (const workerId of state.workers.keys()) {
    wanted.set(workerId, { group_id: groupId, member_id: workerId, kind: 'worker', role: 'worker' })
  }
  const changes: MembershipChange[] = []
  for (const old of await trx<MembershipRow>('memberships').where({ group_id: groupId })) {
    const row = wanted.get(old.member_id)
    wanted.delete(old.member_id)
    const where = { group_id: groupId, member_id: old.member_id }
    if (!row) {
      await trx<MembershipRow>('memberships').where(where).delete()
      await trx('group_boxes').where(where).delete()
      changes.push({ groupId, memberId: old.member_id, isMember: false })
    } else if (row.role !== old.role) await trx<MembershipRow>('memberships').where(where).update({ role: row.role })
  }
  for (const row of wanted.values()) {
    await trx<MembershipRow>('memberships').insert(row)
    changes.push({ groupId, memberId: row.member_id, isMember: true })
  }
  return changes
}
