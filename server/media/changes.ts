import type { GroupId, MediaId } from '../../shared/format/ids.ts'
import type { Db, Deps } from '../deps.ts'
import type { MediaCounterRow, MediaRow } from './rows.ts'

/** The next number of the group; in the transaction of the change that it counts. */
export async function nextChangeSeq(trx: Db, groupId: GroupId): Promise<number> {
  await trx<MediaCounterRow>('media_counters')
    .insert({ group_id: groupId, change_seq: 0 })
    .onConflict('group_id')
    .ignore()
  await trx<MediaCounterRow>('media_counters').where({ group_id: groupId }).increment('change_seq', 1)
  return changeSeqOf(trx, groupId)
}

export async function changeSeqOf(db: Db, groupId: GroupId): Promise<number> {
  const row = await db<MediaCounterRow>('media_counters').where({ group_id: groupId }).first()
  return row?.change_seq ?? 0
}

export interface MediaChange {
  readonly groupId: GroupId
  readonly mediaId: MediaId
  readonly changeSeq: number
}

/** Counts a change of the item and writes it; tell it with `publishMedia` after the commit. */
export async function changeMedia(
  trx: Db,
  { media_id, group_id }: Pick<MediaRow, 'media_id' | 'group_id'>,
  fields: Partial<MediaRow> = {},
): Promise<MediaChange> {
  const changeSeq = await nextChangeSeq(trx, group_id)
  await trx<MediaRow>('media')
    .where({ media_id })
    .update({ ...fields, change_seq: changeSeq })
  return { groupId: group_id, mediaId: media_id, changeSeq }
}

export function publishMedia({ events }: Pick<Deps, 'events'>, change: MediaChange): void {
  events.publish({ group: change.groupId }, 'media', { ...change })
}
