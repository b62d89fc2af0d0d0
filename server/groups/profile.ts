import type { GroupId } from '../../shared/format/ids.ts'
import type { GroupProfile } from '../../shared/wire/groups.ts'
import type { GroupProfileRow } from '../db/rows.ts'
import type { Db } from '../deps.ts'
import { toBytes } from '../format.ts'

/** The sealed name of a group; `null` where it has none. */
export async function readProfile(db: Db, groupId: GroupId): Promise<GroupProfile | null> {
  const row = await db<GroupProfileRow>('group_profiles').where({ group_id: groupId }).first()
  return row ? { revision: row.revision, sealed: toBytes(row.sealed) } : null
}
