import { finishWorkerSession, listWorkers, registerWorker, startWorkerSession } from '../../shared/wire/workers.ts'
import type { WorkerRow } from '../db/rows.ts'
import { toBytes } from '../format.ts'
import * as workers from '../workers/register.ts'
import { createWorkerSignIn } from '../workers/sign-in.ts'
import { ONLINE_MS } from '../workers/tokens.ts'
import type { Api } from './api.ts'

/** Those that were there last; a group needs few. */
const LIST_MAX = 200

/** Workers are programs: they send no Origin, and no cookie rides along. */
const BY_PROGRAM = { auth: 'none', limit: 'worker', origin: 'any' } as const

export function registerWorkers({ handle, deps }: Api): void {
  const signIn = createWorkerSignIn(deps)

  handle(registerWorker, BY_PROGRAM, async ({ body }) => {
    await workers.registerWorker(deps, body.statement, body)
  })
  handle(startWorkerSession, BY_PROGRAM, async ({ body }) => signIn.start(body.workerId))
  handle(finishWorkerSession, BY_PROGRAM, async ({ body }) => signIn.finish(body))
  handle(listWorkers, { auth: 'person', limit: 'read' }, async () => {
    const seen = await deps.db<WorkerRow>('workers').orderBy('last_seen_at', 'desc').limit(LIST_MAX)
    const rows = seen.sort((a, b) => a.created_at - b.created_at)
    const since = deps.clock.now() - ONLINE_MS
    return {
      workers: rows.map((row) => ({
        workerId: row.worker_id,
        statement: { bytes: toBytes(row.statement_bytes), sig: toBytes(row.statement_sig) },
        lastSeenAt: row.last_seen_at,
        online: row.last_seen_at > since,
      })),
    }
  })
}
