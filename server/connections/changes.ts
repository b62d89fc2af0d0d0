import type { ConnectionId, UserId } from '../../shared/format/ids.ts'
import type { StoredMessage } from '../../shared/wire/connections.ts'
import type { Db, Deps } from '../deps.ts'

/** What one person is told: something about the connection changed, as number `changeSeq` of theirs. */
export interface Change {
  userId: UserId
  connectionId: ConnectionId
  changeSeq: number
}

/** The next number of a person's changes; every change of any of their connections takes one. */
export async function nextConnectionChange(trx: Db, userId: UserId): Promise<number> {
  return (await nextConnectionChanges(trx, [userId])).get(userId) ?? 0
}

const NUMBER_OF_SIDE = '(select seq from connection_changes where user_id = connection_sides.user_id)'

async function nextConnectionChanges(trx: Db, users: readonly UserId[]): Promise<ReadonlyMap<UserId, number>> {
  const values = users.map(() => '(?, 1)').join(', ')
  const sql = `insert into connection_changes (user_id, seq) values ${values} on conflict (user_id) do update set seq = seq + 1 returning user_id, seq`
  const rows = await trx.raw<{ user_id: UserId; seq: number }[]>(sql, [...users])
  return new Map(rows.map(({ user_id, seq }) => [user_id, seq]))
}

/** Numbers a change for these people; publish the answer after the commit. */
export async function changeSides(trx: Db, connectionId: ConnectionId, people: readonly UserId[]): Promise<Change[]> {
  // Always in the same order: two transactions must not wait for each other.
  const users = [...people].sort()
  const numbers = await nextConnectionChanges(trx, users)
  await trx('connection_sides')
    .where({ connection_id: connectionId })
    .whereIn('user_id', users)
    .update({ change_seq: trx.raw(NUMBER_OF_SIDE) })
  return users.map((userId) => ({ userId, connectionId, changeSeq: numbers.get(userId) ?? 0 }))
}

/** @param message what has changed, where it is that alone. */
export function publishChanges({ events }: Deps, changes: readonly Change[], message?: StoredMessage): void {
  for (const { userId, connectionId, changeSeq } of changes) {
    events.publish({ account: userId }, 'connection', { connectionId, changeSeq, ...(message ? { message } : {}) })
  }
}
