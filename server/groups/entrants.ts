import { AppError } from '../../shared/errors.ts'
import { equalBytes } from '../../shared/format/bytes.ts'
import type { GroupEntry } from '../../shared/logs/group-entries.ts'
import { verifyStatement } from '../../shared/logs/identity.ts'
import type { SignedEntry } from '../../shared/logs/signed.ts'
import { verifyWorkerStatement } from '../../shared/logs/worker-statement.ts'
import { readIdentityHead } from '../accounts/identity-log.ts'
import type { InviteRow, WorkerRow } from '../db/rows.ts'
import type { Db, Deps } from '../deps.ts'

/**
 * What the log alone cannot tell: who comes in shows the newest statement of the very identity that is known here, and
 * an invite's time is the server's, not the joiner's.
 * @throws {AppError} `identity/changed`, `worker/unknown`, `invite/expired`
 */
export async function checkEntrants(deps: Deps, trx: Db, entries: readonly GroupEntry[]): Promise<void> {
  for (const entry of entries) {
    if (entry.type === 'create') await checkPerson(trx, entry.payload.identity)
    if (entry.type === 'enrol-worker') await checkWorker(trx, entry.payload.worker)
    if (entry.type !== 'join') continue
    const { identity, worker, inviteId } = entry.payload
    if (identity) await checkPerson(trx, identity)
    if (worker) await checkWorker(trx, worker)
    const invite = await trx<InviteRow>('invites').where({ group_id: entry.groupId, invite_id: inviteId }).first()
    if (invite && invite.expires_at <= deps.clock.now()) throw new AppError('invite/expired', 'this invite has run out')
  }
}

async function checkPerson(trx: Db, statement: SignedEntry): Promise<void> {
  const { userId, head } = verifyStatement(statement)
  const known = await readIdentityHead(trx, userId)
  if (!known || !equalBytes(known, head))
    throw new AppError('identity/changed', 'not the newest statement of a person here')
}

async function checkWorker(trx: Db, statement: SignedEntry): Promise<void> {
  const { workerId, identityKey } = verifyWorkerStatement(statement)
  const known = await trx<WorkerRow>('workers').where({ worker_id: workerId }).first('identity_key')
  if (!known || !equalBytes(known.identity_key, identityKey))
    throw new AppError('worker/unknown', 'no such worker here')
}
