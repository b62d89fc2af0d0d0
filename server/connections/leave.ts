import type { UserId } from '../../shared/format/ids.ts'
import type { BlockRow, ConnectionRow } from '../db/chat-rows.ts'
import type { Db } from '../deps.ts'
import type { Change } from './changes.ts'
import { endConnection } from './connections.ts'
import { sideOf, sides } from './store.ts'

/**
 * Somebody is gone for good. Their connections end; what they sent stays with whoever it was sent to, as long as there
 * is somebody who can read it. Publish the answer after the commit.
 */
export async function leaveConnections(trx: Db, userId: UserId): Promise<Change[]> {
  const changes: Change[] = []
  for (const side of (await sides(trx, userId)).map(sideOf)) {
    changes.push(...(await endConnection(trx, side)))
    if (!side.isPeerGone) continue
    await trx<ConnectionRow>('connections').where({ connection_id: side.connection_id }).delete()
  }
  await trx<BlockRow>('blocks').where({ blocker_id: userId }).orWhere({ blocked_id: userId }).delete()
  return changes
}
