import { AppError } from '../../shared/errors.ts'
import type { UserId } from '../../shared/format/ids.ts'
import type { Person as PersonView } from '../../shared/wire/people.ts'
import type { Person } from '../actor.ts'
import { type Change, changeSides, publishChanges } from '../connections/changes.ts'
import type { BlockRow, ConnectionRow, GrantRow } from '../db/chat-rows.ts'
import type { AccountRow } from '../db/rows.ts'
import type { Db, Deps } from '../deps.ts'

/** Whether either of the two blocked the other. */
export async function isBlockedPair(db: Db, one: UserId, other: UserId): Promise<boolean> {
  const row = await db<BlockRow>('blocks')
    .where({ blocker_id: one, blocked_id: other })
    .orWhere({ blocker_id: other, blocked_id: one })
    .first('created_at')
  return row !== undefined
}

export function createBlocks(deps: Deps) {
  const { db, clock } = deps

  /** The blocker's devices learn of it, and nobody else. */
  async function changeOwn(trx: Db, me: UserId, peer: UserId): Promise<Change[]> {
    const ids = await openBetween(trx, me, peer)
    const changes: Change[] = []
    for (const id of ids) changes.push(...(await changeSides(trx, id, [me])))
    return changes
  }

  return {
    async list(actor: Person): Promise<PersonView[]> {
      const rows = await db('blocks')
        .join('accounts', 'accounts.user_id', 'blocks.blocked_id')
        .where('blocker_id', actor.userId)
        .orderBy('username')
        .select<Pick<AccountRow, 'user_id' | 'username'>[]>('user_id', 'username')
      return rows.map(({ user_id, username }) => ({ userId: user_id, username }))
    },

    /** Idempotent. @throws {AppError} `request/not-found` */
    async block(actor: Person, userId: UserId): Promise<void> {
      const changes = await db.transaction(async (trx) => {
        const account = await trx<AccountRow>('accounts').where({ user_id: userId }).first('user_id')
        if (!account || userId === actor.userId) throw new AppError('request/not-found', 'there is no such person')
        const pair = { blocker_id: actor.userId, blocked_id: userId }
        if (await trx<BlockRow>('blocks').where(pair).first('created_at')) return []
        await trx<BlockRow>('blocks').insert({ ...pair, created_at: clock.now() })
        // What either granted the other ends here, and does not come back when the block is lifted.
        await trx<GrantRow>('media_grants')
          .whereIn('connection_id', await openBetween(trx, actor.userId, userId))
          .delete()
        return changeOwn(trx, actor.userId, userId)
      })
      publishChanges(deps, changes)
    },

    async unblock(actor: Person, userId: UserId): Promise<void> {
      const changes = await db.transaction(async (trx) => {
        const removed = await trx<BlockRow>('blocks').where({ blocker_id: actor.userId, blocked_id: userId }).delete()
        return removed === 0 ? [] : changeOwn(trx, actor.userId, userId)
      })
      publishChanges(deps, changes)
    },
  }
}

function openBetween(trx: Db, one: UserId, other: UserId): Promise<ConnectionRow['connection_id'][]> {
  return trx('connection_sides')
    .join('connections', 'connections.connection_id', 'connection_sides.connection_id')
    .where({ user_id: one, peer_id: other })
    .whereNot('state', 'ended')
    .pluck('connections.connection_id')
}
