import { publishChanges } from '../connections/changes.ts'
import { endConnection } from '../connections/connections.ts'
import type { ConnectionRow, MessageRow } from '../db/chat-rows.ts'
import type { Deps } from '../deps.ts'

/** Erases what disappears, and ends the requests that nobody answered. */
export async function sweepChat(deps: Deps): Promise<void> {
  const { db, clock } = deps
  const now = clock.now()
  const erased = await db<MessageRow>('connection_messages')
    .where('expires_at', '<=', now)
    .whereNotNull('sealed')
    .update({ sealed: null })
  // Deleted pages are overwritten (`secure_delete`); the write-ahead log still holds them until it is emptied.
  if (erased > 0) await db.raw('PRAGMA wal_checkpoint(TRUNCATE)')
  const due = await db<ConnectionRow>('connections')
    .whereIn('state', ['pending', 'denied'])
    .where('expires_at', '<=', now)
  for (const { connection_id } of due) {
    const changes = await db.transaction(async (trx) => {
      // Asked again: somebody may have accepted meanwhile.
      const row = await trx<ConnectionRow>('connections').where({ connection_id }).first()
      return row && row.state !== 'friends' ? endConnection(trx, row) : []
    })
    publishChanges(deps, changes)
  }
}
