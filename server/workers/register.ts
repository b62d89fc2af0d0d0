import { timingSafeEqual } from 'node:crypto'
import { AppError } from '../../shared/errors.ts'
import { equalBytes } from '../../shared/format/bytes.ts'
import type { WorkerId } from '../../shared/format/ids.ts'
import { INVITE_OPEN_LABEL } from '../../shared/logs/group-entries.ts'
import type { SignedEntry } from '../../shared/logs/signed.ts'
import { verifyWorkerStatement } from '../../shared/logs/worker-statement.ts'
import { hashToken } from '../accounts/sessions.ts'
import type { WorkerRow } from '../db/rows.ts'
import type { Deps } from '../deps.ts'
import { type InviteProof, requireOpenInvite } from '../groups/invites.ts'

/** Ids, times and two public keys. Everybody who looks for a worker reads the statements of all. */
const STATEMENT_MAX_BYTES = 4096

/**
 * A worker makes itself known, by the token that lies on the server's disk or by an invite for workers. Idempotent;
 * it reads nothing before somebody enrols it.
 * @throws {AppError} `auth/failed`, `invite/…`, `log/…`, `request/too-large`, `worker/unknown` when the id belongs to another key
 */
export async function registerWorker(
  deps: Deps,
  statement: SignedEntry,
  right: { token: string | null; invite: InviteProof | null },
): Promise<WorkerId> {
  if (statement.bytes.length > STATEMENT_MAX_BYTES)
    throw new AppError('request/too-large', 'the statement is too large')
  const { workerId, identityKey } = verifyWorkerStatement(statement)
  await deps.db.transaction(async (trx) => {
    if (right.invite !== null)
      await requireOpenInvite(deps, trx, right.invite, { label: INVITE_OPEN_LABEL, isWorker: true })
    else if (!isWorkerToken(deps, right.token)) throw new AppError('auth/failed', 'this is not the worker token')
    const now = deps.clock.now()
    const known = await trx<WorkerRow>('workers').where({ worker_id: workerId }).first()
    if (known && !equalBytes(known.identity_key, identityKey)) throw new AppError('worker/unknown', 'the id is taken')
    await trx<WorkerRow>('workers')
      .insert({
        worker_id: workerId,
        identity_key: Buffer.from(identityKey),
        statement_bytes: Buffer.from(statement.bytes),
        statement_sig: Buffer.from(statement.sig),
        created_at: now,
        last_seen_at: now,
      })
      .onConflict('worker_id')
      .merge(['statement_bytes', 'statement_sig', 'last_seen_at'])
  })
  deps.events.publish('people', 'worker', { workerId })
  return workerId
}

function isWorkerToken({ secrets }: Deps, token: string | null): boolean {
  // Hashes have one length, so the comparison's time tells nothing.
  return token !== null && timingSafeEqual(hashToken(token), hashToken(secrets.workerToken))
}
