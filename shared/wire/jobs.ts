import * as z from 'zod/mini'
import { bytes, groupId, jobId, mediaId, natural, timeMs } from './primitives.ts'
import { route } from './route.ts'

export const jobState = z.enum(['queued', 'waiting_resource', 'running', 'done', 'failed', 'cancelled'])
export const waitReason = z.enum(['memory', 'swap', 'load', 'disk'])
/** Coarse on purpose: the server sees it, and it must not tell what the item is. */
export const jobStage = z.enum(['starting', 'reading', 'converting', 'finishing'])
/** Why a job ended badly, for counting; the reason for people is sealed in the worker document. */
export const failureCode = z.enum([
  'job/unprocessable',
  'job/stalled',
  'key/unavailable',
  'object/tampered',
  'internal',
])
/** What the people concerned see of a job. */
export const jobView = z.strictObject({
  jobId,
  groupId,
  mediaId,
  state: jobState,
  stage: z.nullable(jobStage),
  permille: natural,
  etaMs: z.nullable(natural),
  waitReason: z.nullable(waitReason),
  failure: z.nullable(failureCode),
  attempt: natural,
  createdAt: timeMs,
  updatedAt: timeMs,
})
export type JobView = z.output<typeof jobView>

const one = z.strictObject({ jobId })

export const listJobs = route('GET', '/api/groups/:groupId/jobs', {
  params: z.strictObject({ groupId }),
  reply: z.strictObject({ jobs: z.array(jobView) }),
})
export const cancelJob = route('POST', '/api/jobs/:jobId/cancel', { params: one, reply: jobView })
export const retryJob = route('POST', '/api/jobs/:jobId/retry', { params: one, reply: jobView })

/** What a worker needs besides its own keys. */
export const claimedJob = z.strictObject({
  jobId,
  /** Grows with every lease of this job: an older holder is refused (`job/lease-lost`). */
  fence: natural,
  leaseMs: natural,
  attempt: natural,
  groupId,
  mediaId,
  epoch: natural,
  wrappedContent: bytes(60),
  /** The next revision of the worker document. */
  documentRevision: natural,
})
export type ClaimedJob = z.output<typeof claimedJob>
/** Long poll up to `waitMs`. With `gate`, nothing is leased: the next job waits and its people see why. */
export const claimJob = route('POST', '/api/jobs/claim', {
  body: z.strictObject({
    waitMs: natural,
    gate: z.nullable(z.strictObject({ reason: waitReason, estimateMs: z.nullable(natural) })),
  }),
  reply: z.strictObject({ job: z.nullable(claimedJob) }),
})
const leased = { params: one }
export const heartbeatJob = route('POST', '/api/jobs/:jobId/heartbeat', {
  ...leased,
  body: z.strictObject({ fence: natural, stage: jobStage, permille: natural, etaMs: z.nullable(natural) }),
  reply: z.strictObject({ cancel: z.boolean(), leaseMs: natural }),
})
/** The objects of this attempt stay; those of earlier attempts are swept. */
export const completeJob = route('POST', '/api/jobs/:jobId/complete', {
  ...leased,
  body: z.strictObject({ fence: natural }),
})
/** `final`: trying again would not help. Else it is tried again, three attempts in all. */
export const failJob = route('POST', '/api/jobs/:jobId/fail', {
  ...leased,
  body: z.strictObject({ fence: natural, code: failureCode, final: z.boolean() }),
})
export const releaseJob = route('POST', '/api/jobs/:jobId/release', {
  ...leased,
  body: z.strictObject({ fence: natural }),
})
