import type { ConnectionId, MediaId, UserId } from '../../shared/format/ids.ts'
import type { Person } from '../actor.ts'
import { requireFriends, requireSide } from '../connections/store.ts'
import type { GrantRow } from '../db/chat-rows.ts'
import type { MediaRow } from '../db/rows.ts'
import type { Deps } from '../deps.ts'
import { requireLiveMedia } from '../media/store.ts'

/** A member of the item's group lets one friend fetch its ciphertext; the keys travel in a message. */
export function createGrants(deps: Deps) {
  const { db, clock, events } = deps

  const tell = (account: UserId, { group_id, media_id, change_seq }: MediaRow) =>
    events.publish({ account }, 'media', { groupId: group_id, mediaId: media_id, changeSeq: change_seq })

  return {
    /** Idempotent. @throws {AppError} `media/not-found`, `connection/refused` */
    async grant(actor: Person, mediaId: MediaId, connectionId: ConnectionId): Promise<void> {
      const { media, peer } = await db.transaction(async (trx) => {
        const media = await requireLiveMedia(trx, mediaId, actor)
        const side = await requireFriends(trx, connectionId, actor.userId)
        const key = { media_id: mediaId, connection_id: connectionId, granter_id: actor.userId }
        await trx<GrantRow>('media_grants')
          .insert({ ...key, created_at: clock.now() })
          .onConflict(['media_id', 'connection_id', 'granter_id'])
          .ignore()
        return { media, peer: side.peer_id }
      })
      tell(peer, media)
    },

    /** Idempotent, also for an item that is gone. @throws {AppError} `connection/not-found` */
    async revoke(actor: Person, mediaId: MediaId, connectionId: ConnectionId): Promise<void> {
      const { peer_id } = await requireSide(db, connectionId, actor.userId)
      const removed = await db<GrantRow>('media_grants')
        .where({ media_id: mediaId, connection_id: connectionId, granter_id: actor.userId })
        .delete()
      const media = await db<MediaRow>('media').where({ media_id: mediaId }).first()
      if (removed > 0 && media) tell(peer_id, media)
    },

    async list(actor: Person, mediaId: MediaId): Promise<ConnectionId[]> {
      return db<GrantRow>('media_grants')
        .where({ media_id: mediaId, granter_id: actor.userId })
        .orderBy('created_at')
        .pluck('connection_id')
    },
  }
}
