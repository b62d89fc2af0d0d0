import { AppError } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { WorkerId } from '../../shared/format/ids.ts'
import { verifySignature } from '../../shared/logs/signed.ts'
import { WORKER_AUTH_LABEL } from '../../shared/logs/worker-statement.ts'
import type { WorkerRow } from '../db/rows.ts'
import type { Deps } from '../deps.ts'
import { createOnce } from '../once.ts'
import { createWorkerToken, ONLINE_MS } from './tokens.ts'

const CHALLENGE_MS = 60_000

export interface WorkerSignIn {
  start(workerId: WorkerId): { challengeId: string; challenge: Bytes }
  /** @throws {AppError} `auth/failed`, for every cause alike; `worker/unknown` where it must register first. */
  finish(answer: { challengeId: string; sig: Bytes }): Promise<{ token: string; expiresAt: number }>
}

/** A worker signs a challenge and gets a bearer token. */
export function createWorkerSignIn(deps: Deps): WorkerSignIn {
  const pending = createOnce<{ workerId: WorkerId; challenge: Bytes }>(deps, CHALLENGE_MS)
  return {
    start(workerId) {
      const challenge = deps.random(32)
      return { challengeId: pending.put({ workerId, challenge }), challenge }
    },
    async finish({ challengeId, sig }) {
      const state = pending.take(challengeId)
      if (!state) throw new AppError('auth/failed', 'the challenge is not open')
      const { workerId, challenge } = state
      const row = await deps.db<WorkerRow>('workers').where({ worker_id: workerId }).first()
      if (!row) throw new AppError('worker/unknown', 'this worker is not registered')
      if (!verifySignature(WORKER_AUTH_LABEL, challenge, sig, row.identity_key))
        throw new AppError('auth/failed', 'wrong signature')
      const isBack = row.last_seen_at + ONLINE_MS <= deps.clock.now()
      const token = await createWorkerToken(deps, deps.db, workerId)
      if (isBack) deps.events.publish('people', 'worker', { workerId })
      return token
    },
  }
}
