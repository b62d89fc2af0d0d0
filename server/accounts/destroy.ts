import type { UserId } from '../../shared/format/ids.ts'
import { publishChanges } from '../connections/changes.ts'
import { leaveConnections } from '../connections/leave.ts'
import type { SessionRow } from '../db/rows.ts'
import type { Deps } from '../deps.ts'
import { hashToken, removeSessions } from './sessions.ts'

/**
 * The destruction password was used: everything that could open the account again is erased, for good. The name and
 * the signed statements stay, since the logs of others refer to them; nobody is shown them any more.
 * @param before token of the browser that it was typed in.
 */
export async function destroyAccount(deps: Deps, userId: UserId, before: string | null = null): Promise<void> {
  const { removed, changes } = await deps.db.transaction(async (trx) => {
    for (const table of ['opaque_records', 'unlock_boxes', 'vault_items', 'vault_indexes']) {
      await trx(table).where({ user_id: userId }).delete()
    }
    await trx('group_boxes').where({ member_id: userId }).delete()
    await trx('accounts').where({ user_id: userId }).update({ recovery_key: null })
    const changes = await leaveConnections(trx, userId)
    const here =
      before === null
        ? undefined
        : await trx<SessionRow>('sessions')
            .where({ token_hash: hashToken(before) })
            .first()
    // Its devices forget what they kept, now or when they come next.
    const { sessions, subscriptions } = await removeSessions({ clock: deps.clock, db: trx }, userId, { except: null })
    // A push to the screen that it was typed at would tell whoever watches that something has happened.
    const elsewhere = subscriptions.filter(({ session_id }) => session_id !== here?.session_id)
    return { changes, removed: { sessions, subscriptions: elsewhere } }
  })
  // Deleted pages are overwritten (`secure_delete`); the write-ahead log still holds them until it is emptied.
  await deps.db.raw('PRAGMA wal_checkpoint(TRUNCATE)')
  deps.events.removed(removed)
  publishChanges(deps, changes)
}
