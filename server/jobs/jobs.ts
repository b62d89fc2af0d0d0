import type { Knex } from 'knex'
import { AppError } from '../../shared/errors.ts'
import { type GroupId, idFromBytes, type JobId, parseJobId } from '../../shared/format/ids.ts'
import type { ClaimedJob, claimJob, failJob, heartbeatJob, JobView } from '../../shared/wire/jobs.ts'
import type { BodyOf, ReplyOf } from '../../shared/wire/route.ts'
import type { Person, WorkerActor } from '../actor.ts'
import type { JobRow, MediaRow } from '../db/rows.ts'
import type { Db, Deps } from '../deps.ts'
import { toBytes } from '../format.ts'
import { requireMember } from '../groups/access.ts'
import { presentJob } from '../media/present.ts'
import { announce, changeMedia, readRecord } from '../media/store.ts'
import * as rules from './rules.ts'

const LIST_MAX = 100
const POLL_MAX_MS = 30_000
const LOOK_EVERY_MS = 5000

/** What a worker said of waiting for room counts for so long. */
const GATE_MS = 120_000
/** Marked in one go: the rest of a long queue follows when the worker looks again. */
const GATE_MAX = 100

/** The queue: who works on what, by lease and fence. */
export function createJobs(deps: Deps) {
  const { db, clock, config, events } = deps
  const bell = new EventTarget()
  const wake = () => bell.dispatchEvent(new Event('ring'))

  async function store(trx: Db, row: JobRow, next: rules.Job): Promise<JobRow> {
    const changed: JobRow = { ...row, ...next, updated_at: clock.now() }
    // Devices that were away learn of it with the item; progress they need not know.
    if (row.state !== changed.state) await changeMedia(trx, row)
    await trx<JobRow>('jobs').where({ job_id: row.job_id }).update(changed)
    return changed
  }

  function tell(row: JobRow): JobView {
    const view = presentJob(row)
    events.publish({ group: view.groupId }, 'job', view)
    return view
  }

  /** What a worker with a valid lease does to its job. @throws {AppError} `job/lease-lost`, `job/not-found` */
  async function asHolder(
    actor: WorkerActor,
    jobId: JobId,
    fence: number,
    change: (job: JobRow) => rules.Job,
  ): Promise<JobRow> {
    const row = await db.transaction(async (trx) => {
      const job = await trx<JobRow>('jobs').where({ job_id: jobId }).first()
      if (!job) throw new AppError('job/not-found', 'there is no such job')
      await requireMember(trx, job.group_id, actor)
      if (!rules.holdsLease(job, actor.workerId, fence)) {
        throw new AppError('job/lease-lost', 'another worker has this job')
      }
      return store(trx, job, change(job))
    })
    tell(row)
    return row
  }

  /** What the worker may take, in the order in which it would. */
  function claimable(trx: Db, actor: WorkerActor) {
    const mine = trx('memberships').where({ member_id: actor.workerId, kind: 'worker' }).select('group_id')
    const deleted = trx('media').whereNotNull('deleted_at').select('media_id')
    return (
      trx<JobRow>('jobs')
        .whereIn('group_id', mine)
        .whereNotIn('media_id', deleted)
        .whereIn('state', ['queued', 'waiting_resource'])
        // What failed comes after what was never tried: one bad file never holds up the queue.
        .orderBy('attempt')
        .orderBy('created_at')
        .orderBy('job_id')
    )
  }

  /** Takes back the jobs of workers that have gone silent. */
  async function expire(): Promise<void> {
    const rows = await db.transaction(async (trx) => {
      const late = await trx<JobRow>('jobs').where({ state: 'running' }).where('lease_until', '<=', clock.now())
      const changed: JobRow[] = []
      for (const job of late) changed.push(await store(trx, job, rules.failAttempt(job, 'job/stalled', false)))
      const gated = await trx<JobRow>('jobs')
        .where({ state: 'waiting_resource' })
        .where('updated_at', '<=', clock.now() - GATE_MS)
      for (const job of gated) changed.push(await store(trx, job, rules.ungate(job)))
      return changed
    })
    for (const row of rows) tell(row)
    if (rows.length > 0) wake()
  }

  /** Leases the oldest job. The others that the worker held up for want of room wait for a worker now. */
  async function claimOnce(actor: WorkerActor): Promise<ClaimedJob | null> {
    const { row, freed } = await db.transaction(async (trx) => {
      const job = await claimable(trx, actor).first()
      const row = job && (await store(trx, job, rules.lease(job, actor.workerId, clock.now(), config.leaseMs)))
      const gated = trx<JobRow>('jobs').where({ state: 'waiting_resource', worker_id: actor.workerId })
      const freed: JobRow[] = []
      for (const other of await gated.limit(GATE_MAX)) freed.push(await store(trx, other, rules.ungate(other)))
      return { row, freed }
    })
    for (const other of freed) tell(other)
    if (!row) return null
    tell(row)
    return presentClaim(db, row)
  }

  async function presentClaim(trx: Db, job: JobRow): Promise<ClaimedJob> {
    const media = (await trx<MediaRow>('media').where({ media_id: job.media_id }).first()) as MediaRow
    return {
      jobId: job.job_id,
      fence: job.fence,
      leaseMs: config.leaseMs,
      attempt: job.attempt,
      groupId: job.group_id,
      mediaId: job.media_id,
      epoch: media.epoch,
      wrappedContent: toBytes(media.wrapped_content),
      documentRevision: media.document_revision + 1,
    }
  }

  /** Nothing is leased; the people of each job that the worker could take see what it waits for. */
  async function gate(actor: WorkerActor, closed: NonNullable<BodyOf<typeof claimJob>['gate']>): Promise<void> {
    const rows = await db.transaction(async (trx) => {
      // Noted now and then: a worker that has gone says nothing any more. Until then another worker's word stands.
      const isDue = (some: Knex.QueryBuilder) =>
        some
          .where({ state: 'queued' })
          .orWhere('updated_at', '<=', clock.now() - GATE_MS / 4)
          .orWhere((own) => own.where({ worker_id: actor.workerId }).whereNot({ wait_reason: closed.reason }))
      const changed: JobRow[] = []
      for (const job of await claimable(trx, actor).where(isDue).limit(GATE_MAX)) {
        changed.push(await store(trx, job, rules.gate(job, actor.workerId, closed.reason, closed.estimateMs)))
      }
      return changed
    })
    for (const row of rows) tell(row)
  }

  return {
    wake,
    expire,

    /** The server was away, and so were the heartbeats: workers get the time of a lease to come back. */
    async extendLeases(): Promise<void> {
      const lease_until = clock.now() + config.leaseMs
      await db<JobRow>('jobs').where({ state: 'running' }).update({ lease_until })
    },

    async enqueue(trx: Db, media: Pick<MediaRow, 'media_id' | 'group_id'>): Promise<void> {
      const now = clock.now()
      const job_id = parseJobId(idFromBytes(deps.random(16)))
      const { media_id, group_id } = media
      await trx<JobRow>('jobs').insert({
        job_id,
        media_id,
        group_id,
        ...rules.NEW_JOB,
        created_at: now,
        updated_at: now,
      })
    },

    /** Long poll: answers when there is a job, the time is over, or the server stops. */
    async claim(
      actor: WorkerActor,
      { waitMs, gate: closed }: BodyOf<typeof claimJob>,
      gone: AbortSignal,
    ): Promise<ReplyOf<typeof claimJob>> {
      if (closed) {
        // Room may come any moment: the worker looks again and must not hang here meanwhile.
        await expire()
        await gate(actor, closed)
        return { job: null }
      }
      const until = AbortSignal.any([deps.stopping, gone, AbortSignal.timeout(Math.min(waitMs, POLL_MAX_MS))])
      for (;;) {
        // Listen first, look then: what comes in between is not missed.
        const rung = nextRing(bell, until)
        await expire()
        // A worker that hung up must not be given a job.
        if (deps.stopping.aborted || gone.aborted) return { job: null }
        const job = await claimOnce(actor)
        if (job && gone.aborted) {
          // Hung up meanwhile: nobody would work on it until the lease runs out.
          await asHolder(actor, job.jobId, job.fence, rules.release)
          wake()
          return { job: null }
        }
        if (job || until.aborted) return { job }
        await rung
      }
    },

    async heartbeat(
      actor: WorkerActor,
      jobId: JobId,
      beat: BodyOf<typeof heartbeatJob>,
    ): Promise<ReplyOf<typeof heartbeatJob>> {
      const row = await asHolder(actor, jobId, beat.fence, (job) => ({
        ...job,
        stage: beat.stage,
        permille: Math.min(1000, beat.permille),
        eta_ms: beat.etaMs,
        lease_until: clock.now() + config.leaseMs,
      }))
      const media = await db<MediaRow>('media').where({ media_id: row.media_id }).first('deleted_at')
      return { cancel: row.cancel_requested === 1 || media?.deleted_at !== null, leaseMs: config.leaseMs }
    },

    async complete(actor: WorkerActor, jobId: JobId, fence: number): Promise<void> {
      await asHolder(actor, jobId, fence, rules.complete)
    },

    async fail(actor: WorkerActor, jobId: JobId, { fence, code, final }: BodyOf<typeof failJob>): Promise<void> {
      await asHolder(actor, jobId, fence, (job) => rules.failAttempt(job, code, final))
      wake()
    },

    async release(actor: WorkerActor, jobId: JobId, fence: number): Promise<void> {
      await asHolder(actor, jobId, fence, rules.release)
      wake()
    },

    async list(actor: Person, groupId: GroupId): Promise<JobView[]> {
      await requireMember(db, groupId, actor)
      const rows = await db('jobs')
        .join('media', 'media.media_id', 'jobs.media_id')
        .where('jobs.group_id', groupId)
        .whereNull('deleted_at')
        .orderBy('updated_at', 'desc')
        .limit(LIST_MAX)
        .select<JobRow[]>('jobs.*')
      return rows.map(presentJob)
    },

    cancel: (actor: Person, jobId: JobId) => byMember(actor, jobId, (job) => rules.requestCancel(job)),
    async retry(actor: Person, jobId: JobId): Promise<JobView> {
      const view = await byMember(actor, jobId, rules.retry)
      wake()
      return view
    },

    /** The lease that a worker writes objects under. @throws {AppError} `job/lease-lost` */
    async requireLease(trx: Db, actor: WorkerActor, mediaId: MediaRow['media_id'], header: string): Promise<JobRow> {
      const [id = '', fence = ''] = header.split('.')
      const job = await trx<JobRow>('jobs')
        .where({ job_id: id as JobId, media_id: mediaId })
        .first()
      if (!job || !rules.holdsLease(job, actor.workerId, Number(fence))) {
        throw new AppError('job/lease-lost', 'another worker has this job')
      }
      return job
    },

    /** @throws {AppError} `job/lease-lost`, `log/conflict` */
    async writeDocument(
      actor: WorkerActor,
      media: MediaRow,
      header: string,
      document: { revision: number; sealed: Uint8Array },
    ): Promise<void> {
      await db.transaction(async (trx) => {
        const { fence } = await this.requireLease(trx, actor, media.media_id, header)
        const now = await trx<MediaRow>('media').where({ media_id: media.media_id }).first('document_revision')
        if (document.revision <= (now?.document_revision ?? 0)) throw new AppError('log/conflict', 'an older document')
        await changeMedia(trx, media, {
          document_revision: document.revision,
          document_sealed: Buffer.from(document.sealed),
          document_worker: actor.workerId,
          document_fence: fence,
        })
      })
      announce(deps, await readRecord(db, media.media_id))
    },
  }

  async function byMember(actor: Person, jobId: JobId, change: (job: JobRow) => rules.Job): Promise<JobView> {
    const row = await db.transaction(async (trx) => {
      const job = await trx<JobRow>('jobs').where({ job_id: jobId }).first()
      if (!job) throw new AppError('job/not-found', 'there is no such job')
      await requireMember(trx, job.group_id, actor)
      return store(trx, job, change(job))
    })
    return tell(row)
  }
}
export type Jobs = ReturnType<typeof createJobs>

/** Resolves with the next ring, after a while, or when `until` is over. */
function nextRing(bell: EventTarget, until: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      bell.removeEventListener('ring', done)
      until.removeEventListener('abort', done)
      clearTimeout(look)
      resolve()
    }
    // Leases run out without a sound.
    const look = setTimeout(done, LOOK_EVERY_MS)
    bell.addEventListener('ring', done)
    until.addEventListener('abort', done)
    if (until.aborted) done()
  })
}
