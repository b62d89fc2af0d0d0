import { AppError } from '../../shared/errors.ts'
import type { MediaId } from '../../shared/format/ids.ts'
import { type Actor, memberIdOf } from '../actor.ts'
import type { MembershipRow } from '../db/rows.ts'
import type { Db } from '../deps.ts'
import type { MediaRow } from './rows.ts'

export interface Access {
  readonly media: MediaRow
  readonly membership: MembershipRow
}

/**
 * The item, for somebody in its group. Everybody else gets the same answer as for an id that nobody ever gave out.
 * Deleted items are found (they can be restored), erased ones are not.
 * @throws {AppError} `media/not-found`
 */
export async function findMedia(db: Db, mediaId: MediaId, actor: Actor): Promise<Access> {
  const media = await db<MediaRow>('media').where({ media_id: mediaId }).whereNull('erased_at').first()
  const membership =
    media &&
    (await db<MembershipRow>('memberships')
      .where({ group_id: media.group_id, member_id: memberIdOf(actor) })
      .first())
  if (!media || !membership) throw new AppError('media/not-found', 'there is no such item')
  return { media, membership }
}

/** As `findMedia`, but not what was deleted. */
export async function findVisibleMedia(db: Db, mediaId: MediaId, actor: Actor): Promise<Access> {
  const access = await findMedia(db, mediaId, actor)
  if (access.media.deleted_at !== null) throw new AppError('media/not-found', 'there is no such item')
  return access
}

/** The author, or who leads the group. @throws {AppError} `group/forbidden` */
export function requireAuthorOrAdmin({ media, membership }: Access): void {
  const mayAll = membership.role === 'owner' || membership.role === 'admin'
  if (media.author_id !== membership.member_id && !mayAll) throw new AppError('group/forbidden')
}
