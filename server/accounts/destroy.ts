import type { UserId } from '../../shared/format/ids.ts'
import { publishChanges } from '../connections/changes.ts'
import { leaveConnections } from '../connections/leave.ts'
import type { Deps } from '../deps.ts'
import { removeSessions } from './sessions.ts'

/**
 * The destruction password was used: everything that could open the account again is erased, for good. The name and
 * the signed statements stay, since the logs of others refer to them; nobody is shown them any more.
 */
export async function destroyAccount(deps: Deps, userId: UserId): Promise<void> {
  const { ended, changes } = await deps.db.transaction(async (trx) => {
    for (const table of ['opaque_records', 'unlock_boxes', 'vault_items', 'vault_indexes']) {
      await trx(table).where({ user_id: userId }).delete()
    }
    await trx('group_boxes').where({ member_id: userId }).delete()
    await trx('accounts').where({ user_id: userId }).update({ recovery_key: null })
    const changes = await leaveConnections(trx, userId)
    // Its devices forget what they kept, now or when they come next.
    return { changes, ended: await removeSessions({ clock: deps.clock, db: trx }, userId, { except: null }) }
  })
  // Deleted pages are overwritten (`secure_delete`); the write-ahead log still holds them until it is emptied.
  await deps.db.raw('PRAGMA wal_checkpoint(TRUNCATE)')
  deps.events.ended(ended, true)
  publishChanges(deps, changes)
}
