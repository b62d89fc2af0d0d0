import type { JobView } from '../../shared/wire/jobs.ts'
import type { JobRow } from '../db/rows.ts'

export const MAX_ATTEMPTS = 3

/** What decides about a job; everything else of its row is bookkeeping. */
export type Job = Pick<
  JobRow,
  | 'state'
  | 'stage'
  | 'permille'
  | 'eta_ms'
  | 'wait_reason'
  | 'failure'
  | 'attempt'
  | 'fence'
  | 'completed_fence'
  | 'worker_id'
  | 'lease_until'
  | 'cancel_requested'
>

export const NEW_JOB: Job = {
  state: 'queued',
  stage: null,
  permille: 0,
  eta_ms: null,
  wait_reason: null,
  failure: null,
  attempt: 0,
  fence: 0,
  completed_fence: null,
  worker_id: null,
  lease_until: null,
  cancel_requested: 0,
}

const UNLEASED = {
  stage: null,
  permille: 0,
  eta_ms: null,
  wait_reason: null,
  worker_id: null,
  lease_until: null,
} as const

/** A worker that could take it has no room. It is named, so that its next word about room undoes its last one only. */
export function gate(
  job: Job,
  worker: NonNullable<JobRow['worker_id']>,
  reason: NonNullable<JobRow['wait_reason']>,
  estimateMs: number | null,
): Job {
  return { ...job, state: 'waiting_resource', worker_id: worker, wait_reason: reason, eta_ms: estimateMs }
}

/** Nobody waits for room any more: the worker that did has some, or is silent. */
export function ungate(job: Job): Job {
  return { ...job, state: 'queued', worker_id: null, wait_reason: null, eta_ms: null }
}

export function isClaimable({ state }: Job): boolean {
  return state === 'queued' || state === 'waiting_resource'
}

/** A worker that has gone silent. */
export function isExpired(job: Job, nowMs: number): boolean {
  return job.state === 'running' && (job.lease_until ?? 0) <= nowMs
}

/**
 * Whether this worker under this fence holds the job. One whose time is over still does, until the job goes back to the
 * queue: nobody else had it, and a server that was away for a while need not throw the work away.
 */
export function holdsLease(job: Job, worker: JobRow['worker_id'], fence: number): boolean {
  return job.state === 'running' && job.worker_id === worker && job.fence === fence
}

/** A new lease. The fence grows, so that an older holder is refused whatever it still sends. */
export function lease(job: Job, worker: NonNullable<JobRow['worker_id']>, nowMs: number, leaseMs: number): Job {
  return {
    ...job,
    ...UNLEASED,
    state: 'running',
    stage: 'starting',
    failure: null,
    fence: job.fence + 1,
    worker_id: worker,
    lease_until: nowMs + leaseMs,
  }
}

/** An attempt that came to nothing: tried again, three times in all. */
export function failAttempt(job: Job, code: NonNullable<JobView['failure']>, final: boolean): Job {
  if (job.cancel_requested === 1) return release(job)
  const attempt = job.attempt + 1
  const isOver = final || attempt >= MAX_ATTEMPTS
  return { ...job, ...UNLEASED, attempt, state: isOver ? 'failed' : 'queued', failure: isOver ? code : null }
}

export function complete(job: Job): Job {
  const over = { state: 'done', permille: 1000, failure: null, cancel_requested: 0 } as const
  return { ...job, ...UNLEASED, ...over, completed_fence: job.fence }
}

/** Given back without a fault of its own, at a worker's end: it does not count as an attempt. */
export function release(job: Job): Job {
  return { ...job, ...UNLEASED, state: job.cancel_requested === 1 ? 'cancelled' : 'queued', cancel_requested: 0 }
}

/** At once where nobody works on it; else the worker hears of it with its next heartbeat. */
export function requestCancel(job: Job): Job {
  if (job.state === 'done' || job.state === 'failed' || job.state === 'cancelled') return job
  if (job.state === 'running') return { ...job, cancel_requested: 1 }
  return { ...job, ...UNLEASED, state: 'cancelled', cancel_requested: 0 }
}

/** From the beginning, by a person's wish. */
export function retry(job: Job): Job {
  if (job.state !== 'failed' && job.state !== 'cancelled') return job
  return { ...job, ...UNLEASED, state: 'queued', attempt: 0, failure: null, cancel_requested: 0 }
}
