import { toBase64Url } from '../../shared/format/base64url.ts'
import type { WorkerId } from '../../shared/format/ids.ts'
import { hashToken } from '../accounts/sessions.ts'
import type { WorkerActor } from '../actor.ts'
import type { WorkerRow, WorkerTokenRow } from '../db/rows.ts'
import type { Db, Deps } from '../deps.ts'

/** How often `last_seen_at` is written, and how old it may be for a worker to count as there. */
const SEEN_STEP_MS = 15_000
export const ONLINE_MS = 90_000

export async function createWorkerToken(
  deps: Deps,
  db: Db,
  workerId: WorkerId,
): Promise<{ token: string; expiresAt: number }> {
  const token = toBase64Url(deps.random(32))
  const now = deps.clock.now()
  const expiresAt = now + deps.config.workerTokenMs
  await db<WorkerTokenRow>('worker_tokens').where('expires_at', '<=', now).delete()
  await db<WorkerTokenRow>('worker_tokens').insert({
    token_hash: hashToken(token),
    worker_id: workerId,
    expires_at: expiresAt,
  })
  await db<WorkerRow>('workers').where({ worker_id: workerId }).update({ last_seen_at: now })
  return { token, expiresAt }
}

/** Which worker holds the token; `null` where it is unknown or out of date. Notes that the worker is there. */
export async function findWorker(deps: Deps, db: Db, token: string): Promise<WorkerActor | null> {
  const now = deps.clock.now()
  const row = await db('worker_tokens')
    .join('workers', 'workers.worker_id', 'worker_tokens.worker_id')
    .where('token_hash', hashToken(token))
    .where('expires_at', '>', now)
    .first<WorkerRow | undefined>('workers.worker_id', 'last_seen_at')
  if (!row) return null
  if (row.last_seen_at + SEEN_STEP_MS <= now) {
    await db<WorkerRow>('workers').where({ worker_id: row.worker_id }).update({ last_seen_at: now })
  }
  return { kind: 'worker', workerId: row.worker_id }
}
