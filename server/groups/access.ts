import { AppError } from '../../shared/errors.ts'
import type { GroupId } from '../../shared/format/ids.ts'
import { type Actor, memberIdOf } from '../actor.ts'
import type { MembershipRow } from '../db/rows.ts'
import type { Db } from '../deps.ts'

export type Role = MembershipRow['role']

/**
 * The actor's place in the group, from the table that follows the log in the same transaction.
 * A group that does not exist gets the same answer, so that nobody learns which do.
 * @throws {AppError} `group/not-member`
 */
export async function requireMember(db: Db, groupId: GroupId, actor: Actor): Promise<MembershipRow> {
  const row = await db<MembershipRow>('memberships')
    .where({ group_id: groupId, member_id: memberIdOf(actor) })
    .first()
  if (!row) throw new AppError('group/not-member')
  return row
}

/** @throws {AppError} `group/not-member`, `group/forbidden` */
export async function requireRole(
  db: Db,
  groupId: GroupId,
  actor: Actor,
  roles: readonly Role[],
): Promise<MembershipRow> {
  const row = await requireMember(db, groupId, actor)
  if (!roles.includes(row.role)) throw new AppError('group/forbidden')
  return row
}
