import type { Context } from 'koa'
import {
  cancelJob,
  claimJob,
  completeJob,
  failJob,
  heartbeatJob,
  listJobs,
  releaseJob,
  retryJob,
} from '../../shared/wire/jobs.ts'
import type { Jobs } from '../jobs/jobs.ts'
import type { Api } from './api.ts'

export function registerJobs({ handle }: Api, jobs: Jobs): void {
  const worker = { auth: 'worker', limit: 'job' } as const
  handle(claimJob, worker, ({ actor, body, ctx }) => jobs.claim(actor, body, hungUp(ctx)))
  handle(heartbeatJob, worker, ({ actor, params, body }) => jobs.heartbeat(actor, params.jobId, body))
  handle(completeJob, worker, ({ actor, params, body }) => jobs.complete(actor, params.jobId, body.fence))
  handle(failJob, worker, ({ actor, params, body }) => jobs.fail(actor, params.jobId, body))
  handle(releaseJob, worker, ({ actor, params, body }) => jobs.release(actor, params.jobId, body.fence))

  handle(listJobs, { auth: 'person', limit: 'read' }, async ({ actor, params }) => ({
    jobs: await jobs.list(actor, params.groupId),
  }))
  handle(cancelJob, { auth: 'person', limit: 'write' }, ({ actor, params }) => jobs.cancel(actor, params.jobId))
  handle(retryJob, { auth: 'person', limit: 'write' }, ({ actor, params }) => jobs.retry(actor, params.jobId))
}

function hungUp(ctx: Context): AbortSignal {
  const gone = new AbortController()
  ctx.res.once('close', () => gone.abort())
  return gone.signal
}
