import type { UserId } from '../../shared/format/ids.ts'
import type { Deps } from '../deps.ts'
import { endSessions } from './sessions.ts'

/**
 * The destruction password was used: everything that could open the account again is erased, for good. The name and
 * the signed statements stay, since the logs of others refer to them.
 */
export async function destroyAccount(deps: Deps, userId: UserId): Promise<void> {
  const ended = await deps.db.transaction(async (trx) => {
    for (const table of ['opaque_records', 'unlock_boxes', 'vault_items', 'vault_indexes']) {
      await trx(table).where({ user_id: userId }).delete()
    }
    await trx('group_boxes').where({ member_id: userId }).delete()
    await trx('accounts').where({ user_id: userId }).update({ recovery_key: null })
    return endSessions(trx, userId, { except: null })
  })
  // Deleted pages are overwritten (`secure_delete`); the write-ahead log still holds them until it is emptied.
  await deps.db.raw('PRAGMA wal_checkpoint(TRUNCATE)')
  deps.events.ended(ended)
}
