import type { Knex } from 'knex'
import { AppError } from '../../shared/errors.ts'
import type { UserId } from '../../shared/format/ids.ts'
import type { Person as PersonView } from '../../shared/wire/people.ts'
import type { Person } from '../actor.ts'
import type { AccountRow } from '../db/rows.ts'
import type { Db, Deps } from '../deps.ts'

const FOUND_MAX = 20

/** Whom people may find: nobody who is gone, and nobody with a block between them, whoever set it. */
export function createPeople({ db }: Deps) {
  return {
    /** The exact name first, then names that begin so. What cannot begin a name finds nobody. */
    async search(actor: Person, typed: string): Promise<PersonView[]> {
      const name = typed.trim().normalize('NFKC').toLowerCase()
      if (!/^[a-z0-9_.-]{2,32}$/.test(name)) return []
      const rows = await visibleTo(db, actor.userId)
        .whereNot('accounts.user_id', actor.userId)
        // `_` stands for any character in LIKE, and may be part of a name.
        .whereRaw("username like ? escape '\\'", [`${name.replaceAll('_', '\\_')}%`])
        .orderByRaw('case when username = ? then 0 else 1 end, username', [name])
        .limit(FOUND_MAX)
      return rows.map(present)
    },

    /** @throws {AppError} `request/not-found` */
    async read(actor: Person, userId: UserId): Promise<PersonView> {
      const row = await visibleTo(db, actor.userId).where('accounts.user_id', userId).first()
      if (!row) throw new AppError('request/not-found', 'there is no such person')
      return present(row)
    },
  }
}

type Found = Pick<AccountRow, 'user_id' | 'username'>
const present = ({ user_id, username }: Found): PersonView => ({ userId: user_id, username })

function visibleTo(db: Db, me: UserId): Knex.QueryBuilder<AccountRow, Found[]> {
  return db<AccountRow>('accounts')
    .whereNotNull('recovery_key')
    .whereNotExists((blocks) => {
      void blocks
        .from('blocks')
        .whereRaw('(blocker_id = ? and blocked_id = accounts.user_id)', [me])
        .orWhereRaw('(blocked_id = ? and blocker_id = accounts.user_id)', [me])
    })
    .select('accounts.user_id', 'username')
}
