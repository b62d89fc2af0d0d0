import type { ConnectionId, UserId } from '../../shared/format/ids.ts'
import type { StoredMessage } from '../../shared/wire/connections.ts'
import type { ConnectionSideRow } from '../db/chat-rows.ts'
import type { Db, Deps } from '../deps.ts'

/** What one person is told: something about the connection changed, as number `changeSeq` of theirs. */
export interface Change {
  userId: UserId
  connectionId: ConnectionId
  changeSeq: number
}

/** The next number of a person's changes; every change of any of their connections takes one. */
export async function nextConnectionChange(trx: Db, userId: UserId): Promise<number> {
  const sql =
    'insert into connection_changes (user_id, seq) values (?, 1) on conflict (user_id) do update set seq = seq + 1 returning seq'
  const [row] = await trx.raw<{ seq: number }[]>(sql, [userId])
  return row?.seq ?? 0
}

/** Numbers a change for these people; publish the answer after the commit. */
export async function changeSides(trx: Db, connectionId: ConnectionId, people: readonly UserId[]): Promise<Change[]> {
  const changes: Change[] = []
  // Always in the same order: two transactions must not wait for each other.
  for (const userId of [...people].sort()) {
    const changeSeq = await nextConnectionChange(trx, userId)
    await trx<ConnectionSideRow>('connection_sides')
      .where({ connection_id: connectionId, user_id: userId })
      .update({ change_seq: changeSeq })
    changes.push({ userId, connectionId, changeSeq })
  }
  return changes
}

/** @param message what has changed, where it is that alone. */
export function publishChanges({ events }: Deps, changes: readonly Change[], message?: StoredMessage): void {
  for (const { userId, connectionId, changeSeq } of changes) {
    events.publish({ account: userId }, 'connection', { connectionId, changeSeq, ...(message ? { message } : {}) })
  }
}
