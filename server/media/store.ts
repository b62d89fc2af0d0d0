import { AppError } from '../../shared/errors.ts'
import type { GroupId, MediaId, UserId } from '../../shared/format/ids.ts'
import type { MediaRecord } from '../../shared/wire/media.ts'
import type { Actor } from '../actor.ts'
import type { JobRow, MediaRow } from '../db/rows.ts'
import type { Db, Deps } from '../deps.ts'
import { findGranter } from '../grants/access.ts'
import { requireMember } from '../groups/access.ts'
import { presentMedia } from './present.ts'

/** @throws {AppError} `media/not-found`: also where the actor is not in its group, so that nobody learns which exist. */
export async function requireMedia(db: Db, mediaId: MediaId, actor: Actor): Promise<MediaRow> {
  const row = await db<MediaRow>('media').where({ media_id: mediaId }).first()
  if (!row) throw new AppError('media/not-found', 'there is no such item')
  try {
    await requireMember(db, row.group_id, actor)
  } catch (cause) {
    throw new AppError('media/not-found', 'there is no such item', { cause })
  }
  return row
}

/** As `requireMedia`, and not deleted. */
export async function requireLiveMedia(db: Db, mediaId: MediaId, actor: Actor): Promise<MediaRow> {
  const row = await requireMedia(db, mediaId, actor)
  if (row.deleted_at !== null) throw new AppError('media/not-found', 'the item was deleted')
  return row
}

/**
 * For reading: a member of its group, or a friend whom a member granted it. `granterId` is null for members.
 * @throws {AppError} `media/not-found`
 */
export async function requireReadableMedia(
  db: Db,
  mediaId: MediaId,
  actor: Actor,
): Promise<{ row: MediaRow; granterId: UserId | null }> {
  try {
    return { row: await requireLiveMedia(db, mediaId, actor), granterId: null }
  } catch (error) {
    const granterId = actor.kind === 'person' ? await findGranter(db, mediaId, actor.userId) : null
    const row = granterId && (await db<MediaRow>('media').where({ media_id: mediaId, deleted_at: null }).first())
    if (!row) throw error
    return { row, granterId }
  }
}

/** The next number of the group's changes; every change of an item takes one. */
export async function nextChange(trx: Db, groupId: GroupId): Promise<number> {
  await trx('media_changes').insert({ group_id: groupId, seq: 0 }).onConflict('group_id').ignore()
  await trx('media_changes').where({ group_id: groupId }).increment('seq', 1)
  const row = await trx<{ group_id: GroupId; seq: number }>('media_changes').where({ group_id: groupId }).first()
  return row?.seq ?? 0
}

/** Changes an item and numbers the change. */
export async function changeMedia(
  trx: Db,
  row: Pick<MediaRow, 'media_id' | 'group_id'>,
  change: Partial<MediaRow> = {},
): Promise<void> {
  const seq = await nextChange(trx, row.group_id)
  await trx<MediaRow>('media')
    .where({ media_id: row.media_id })
    .update({ ...change, change_seq: seq })
}

export async function readRecord(db: Db, mediaId: MediaId): Promise<MediaRecord> {
  const row = await db<MediaRow>('media').where({ media_id: mediaId }).first()
  if (!row) throw new AppError('media/not-found', 'there is no such item')
  return presentMedia(row, await db<JobRow>('jobs').where({ media_id: mediaId }).first())
}

export async function presentAll(db: Db, rows: readonly MediaRow[]): Promise<MediaRecord[]> {
  const ids = rows.map(({ media_id }) => media_id)
  const jobs = await db<JobRow>('jobs').whereIn('media_id', ids)
  const jobOf = new Map(jobs.map((job) => [job.media_id, job]))
  return rows.map((row) => presentMedia(row, jobOf.get(row.media_id)))
}

/** Tells the group that an item changed, after the commit. */
export function announce(deps: Deps, { groupId, mediaId, changeSeq }: MediaRecord): void {
  deps.events.publish({ group: groupId }, 'media', { groupId, mediaId, changeSeq })
}
