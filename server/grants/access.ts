import type { MediaId, UserId } from '../../shared/format/ids.ts'
import type { GrantRow } from '../db/chat-rows.ts'
import type { Db } from '../deps.ts'

/**
 * Grants that count now: the two are friends, and whoever granted may still see the item. A block removes grants, so
 * that it needs no question here.
 */
function living(db: Db, mediaId: MediaId) {
  return db('media_grants')
    .join('connection_sides as side', (on) => {
      on.on('side.connection_id', 'media_grants.connection_id').andOn('side.peer_id', 'media_grants.granter_id')
    })
    .join('connections', 'connections.connection_id', 'media_grants.connection_id')
    .join('media', 'media.media_id', 'media_grants.media_id')
    .join('memberships', (on) => {
      on.on('memberships.group_id', 'media.group_id').andOn('memberships.member_id', 'media_grants.granter_id')
    })
    .where('media_grants.media_id', mediaId)
    .where('connections.state', 'friends')
}

/** Who lets this person see the item; `null`: nobody. */
export async function findGranter(db: Db, mediaId: MediaId, userId: UserId): Promise<UserId | null> {
  const row = await living(db, mediaId)
    .where('side.user_id', userId)
    .orderBy('media_grants.created_at')
    .first<Pick<GrantRow, 'granter_id'> | undefined>('granter_id')
  return row?.granter_id ?? null
}

/** Friends of members who may see the item. */
export async function granteesOf(db: Db, mediaId: MediaId): Promise<UserId[]> {
  return living(db, mediaId).distinct('side.user_id').pluck('side.user_id')
}
