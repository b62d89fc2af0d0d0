import { AppError } from '../../shared/errors.ts'
import { verifyStatement } from '../../shared/logs/identity.ts'
import type { createAccount as createAccountRoute } from '../../shared/wire/accounts.ts'
import type { BodyOf } from '../../shared/wire/route.ts'
import { isTaken } from '../db/constraint.ts'
import type { AccountRow } from '../db/rows.ts'
import type { Db, Deps } from '../deps.ts'
import type { Groups } from '../groups/groups.ts'
import { spendSignup } from '../groups/invites.ts'
import { checkRecords, storeRecords, storeUnlockBoxes } from './credentials.ts'
import { startIdentityLog } from './identity-log.ts'
import { createSession } from './sessions.ts'
import { writeVaultItems } from './vault.ts'

export type NewAccount = BodyOf<typeof createAccountRoute>

/**
 * Everything of a new account, or nothing. The first one owns the instance.
 * @throws {AppError} `account/invite-needed`, `account/name-taken`, `invite/…`, `log/…`, `group/…`, `request/invalid`
 */
export async function createAccount(deps: Deps, groups: Groups, body: NewAccount): Promise<{ token: string }> {
  checkRecords(deps, body.records)
  const { username } = verifyStatement(body.identity)
  const { userId } = body
  const session = await deps.db.transaction(async (trx) => {
    const ownsInstance = await settleRight(deps, trx, body)
    await insertAccount(trx, {
      user_id: userId,
      username,
      owns_instance: ownsInstance ? 1 : 0,
      recovery_key: Buffer.from(body.recoveryKey),
      created_at: deps.clock.now(),
    })
    const identity = await startIdentityLog(trx, userId, body.identity)
    await storeRecords(trx, userId, body.records)
    await storeUnlockBoxes(trx, identity, body.unlock)
    await writeVaultItems(trx, userId, body.vault)
    for (const group of body.groups) await groups.create(trx, group, userId)
    return createSession(deps, trx, userId, body.deviceId)
  })
  return session
}

/** Whether this is the owner's account. All transactions take turns, so exactly one finds no account. */
async function settleRight(deps: Deps, trx: Db, { invite, userId }: NewAccount): Promise<boolean> {
  const anybody = await trx<AccountRow>('accounts').first('user_id')
  if (!anybody) return true
  if (invite) await spendSignup(deps, trx, invite, userId)
  else if (deps.config.signup !== 'open') throw new AppError('account/invite-needed', 'ask somebody here for an invite')
  return false
}

async function insertAccount(trx: Db, row: AccountRow): Promise<void> {
  try {
    await trx<AccountRow>('accounts').insert(row)
  } catch (error) {
    // An id that exists is refused in the same words: whose it is concerns nobody.
    if (isTaken(error, 'accounts.username') || isTaken(error, 'accounts.user_id')) {
      throw new AppError('account/name-taken', 'this name is taken')
    }
    throw error
  }
}
