import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { GroupId, WorkerId } from '../../shared/format/ids.ts'
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
import { deleteMedia, readMedia, restoreMedia, writeWorkerDocument } from '../../shared/wire/media.ts'
import type { MembershipRow } from '../db/rows.ts'
import { someBytes, uploadItem } from '../testing/media.ts'
import { seedGroup, seedPerson, seedWorker } from '../testing/seed.ts'
import type { TestClient } from '../testing/test-client.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'
import { createJobs } from './jobs.ts'

let server: TestServer
let anna: TestClient
let worker: TestClient
let outsider: TestClient
let groupId: GroupId
let workerId: WorkerId
beforeEach(async () => {
  server = await startTestServer()
  const [a, w, o] = [await seedPerson(server), await seedWorker(server), await seedWorker(server)]
  ;[anna, worker, outsider] = [a.client, w.client, o.client]
  workerId = w.workerId
  groupId = await seedGroup(server, [
    { id: a.userId, role: 'owner' },
    { id: w.workerId, role: 'worker' },
  ])
})
afterEach(() => server.close())

const failsWith = (code: string) => expect.objectContaining({ code })
async function claim(client = worker, waitMs = 0) {
  return (await client.call(claimJob, { body: { waitMs, gate: null } })).job
}
async function claimed() {
  const job = await claim()
  if (!job) throw new Error('there is no job')
  return job
}
const beat = (jobId: Awaited<ReturnType<typeof claimed>>['jobId'], fence: number) =>
  worker.call(heartbeatJob, { params: { jobId }, body: { fence, stage: 'converting', permille: 400, etaMs: 5000 } })

describe('a claim', () => {
  it('gives the oldest job, with what the worker needs', async () => {
    const first = await uploadItem(anna, groupId)
    server.clock.advance(5)
    await uploadItem(anna, groupId)
    expect(await claim()).toMatchObject({ mediaId: first.mediaId, fence: 1, leaseMs: 60_000, documentRevision: 1 })
    expect(await claim()).toMatchObject({ fence: 1 })
    expect(await claim()).toBeNull()
  })

  it('waits, and gets a job as soon as there is one', async () => {
    const waiting = claim(worker, 20_000)
    await new Promise((resolve) => setTimeout(resolve, 50))
    const { mediaId } = await uploadItem(anna, groupId)
    expect(await waiting).toMatchObject({ mediaId })
  })

  it('gives nothing to a worker of no group', async () => {
    await uploadItem(anna, groupId)
    expect(await claim(outsider)).toBeNull()
    await expect(anna.call(claimJob, { body: { waitMs: 0, gate: null } })).rejects.toEqual(failsWith('auth/required'))
  })

  it('with a gate leases nothing and says why', async () => {
    const { mediaId } = await uploadItem(anna, groupId)
    const body = { waitMs: 0, gate: { reason: 'memory', estimateMs: 30_000 } } as const
    expect((await worker.call(claimJob, { body })).job).toBeNull()
    const shown = { state: 'waiting_resource', waitReason: 'memory', etaMs: 30_000 }
    expect((await anna.call(listJobs, { params: { groupId } })).jobs).toMatchObject([shown])
    expect(server.notices.at(-1)).toMatchObject({ name: 'job', payload: shown })
    const before = server.notices.length
    await worker.call(claimJob, { body })
    expect(server.notices).toHaveLength(before)
    expect(await claim()).toMatchObject({ mediaId })
  })

  it('with a gate tells the people of every job that it could take, and of no other', async () => {
    const [b, c, o] = [await seedPerson(server), await seedPerson(server), await seedWorker(server)]
    const second = await seedGroup(server, [
      { id: b.userId, role: 'owner' },
      { id: workerId, role: 'worker' },
    ])
    const third = await seedGroup(server, [
      { id: c.userId, role: 'owner' },
      { id: o.workerId, role: 'worker' },
    ])
    await uploadItem(anna, groupId)
    server.clock.advance(5)
    await uploadItem(anna, groupId)
    await uploadItem(b.client, second)
    await uploadItem(c.client, third)
    const all = () =>
      Promise.all(
        [[anna, groupId] as const, [b.client, second] as const, [c.client, third] as const].map(
          async ([client, group]) => {
            const { jobs } = await client.call(listJobs, { params: { groupId: group } })
            return jobs.map(({ state, waitReason, etaMs }) => [state, waitReason, etaMs])
          },
        ),
      )
    const [waits, queued] = [
      ['waiting_resource', 'memory', 30_000],
      ['queued', null, null],
    ]
    const body = { waitMs: 0, gate: { reason: 'memory', estimateMs: 30_000 } } as const
    const before = server.notices.length
    await worker.call(claimJob, { body })
    expect(await all()).toEqual([[waits, waits], [waits], [queued]])
    const told = server.notices.slice(before).map((notice) => notice.kind === 'event' && notice.to)
    expect(told).toHaveLength(3)
    expect(told).toEqual(expect.arrayContaining([{ group: groupId }, { group: second }]))
    await worker.call(claimJob, { body })
    expect(server.notices).toHaveLength(before + 3)

    // Its gate is open again: one runs, and the others wait for a worker, no more for memory.
    await claimed()
    const running = ['running', null, null]
    expect(await all()).toEqual([expect.arrayContaining([running, queued]), [queued], [queued]])
    expect(server.notices).toHaveLength(before + 6)
  })

  it('with a gate says what a worker waits for, whatever another one has room for', async () => {
    const other = await seedWorker(server)
    await server.deps
      .db<MembershipRow>('memberships')
      .insert({ group_id: groupId, member_id: other.workerId, kind: 'worker', role: 'worker' })
    for (let i = 0; i < 3; i++) await uploadItem(anna, groupId)
    const states = async () =>
      (await anna.call(listJobs, { params: { groupId } })).jobs.map(({ state }) => state).sort()
    const shut = (reason: 'memory' | 'disk') => ({ waitMs: 0, gate: { reason, estimateMs: null } })
    await worker.call(claimJob, { body: shut('memory') })
    await claim(other.client)
    expect(await states()).toEqual(['running', 'waiting_resource', 'waiting_resource'])
    const before = server.notices.length
    await other.client.call(claimJob, { body: shut('disk') })
    expect(server.notices).toHaveLength(before)
    await worker.call(claimJob, { body: shut('disk') })
    expect(server.notices).toHaveLength(before + 2)
  })

  it('with a gate is forgotten when its worker falls silent: nobody waits for memory any more', async () => {
    await uploadItem(anna, groupId)
    const body = { waitMs: 0, gate: { reason: 'memory', estimateMs: null } } as const
    const state = async () => (await anna.call(listJobs, { params: { groupId } })).jobs[0]?.state
    const jobs = createJobs(server.deps)
    await worker.call(claimJob, { body })
    for (let i = 0; i < 5; i++) {
      server.clock.advance(50_000)
      await worker.call(claimJob, { body })
      expect(await state()).toBe('waiting_resource')
    }
    server.clock.advance(120_000)
    await jobs.expire()
    expect(await state()).toBe('queued')
    expect(server.notices.at(-1)).toMatchObject({ name: 'job', payload: { state: 'queued', waitReason: null } })
  })

  it('that was hung up on while it got a job gives the job back, and it does not count', async () => {
    const { mediaId } = await uploadItem(anna, groupId)
    const gone = new AbortController()
    server.deps.events.listen((notice) => {
      if (notice.kind === 'event' && notice.name === 'job' && notice.payload.state === 'running') gone.abort()
    })
    const actor = { kind: 'worker', workerId } as const
    const reply = await createJobs(server.deps).claim(actor, { waitMs: 0, gate: null }, gone.signal)
    expect(reply).toEqual({ job: null })
    expect(gone.signal.aborted).toBe(true)
    expect(await claim()).toMatchObject({ mediaId, attempt: 0 })
  })

  it('ends when the server stops', async () => {
    const waiting = claim(worker, 20_000).catch(() => null)
    await new Promise((resolve) => setTimeout(resolve, 20))
    await server.close()
    expect(await waiting).toBeNull()
    server = await startTestServer()
  })
})

describe('a lease', () => {
  it('is lost when it runs out and somebody else has the job', async () => {
    await uploadItem(anna, groupId)
    const { jobId, fence } = await claimed()
    server.clock.advance(60_000)
    expect(await claim()).toMatchObject({ jobId, fence: fence + 1, attempt: 1 })
    await expect(beat(jobId, fence)).rejects.toEqual(failsWith('job/lease-lost'))
    for (const route of [completeJob, releaseJob]) {
      await expect(worker.call(route, { params: { jobId }, body: { fence } })).rejects.toEqual(
        failsWith('job/lease-lost'),
      )
    }
    expect(await beat(jobId, fence + 1)).toEqual({ cancel: false, leaseMs: 60_000 })
  })

  it('may not be used by another worker', async () => {
    await uploadItem(anna, groupId)
    const { jobId, fence } = await claimed()
    const call = outsider.call(completeJob, { params: { jobId }, body: { fence } })
    await expect(call).rejects.toMatchObject({ code: expect.stringMatching(/^(job\/lease-lost|group\/not-member)$/) })
  })

  it('ends three bad attempts as failed; a retry starts anew', async () => {
    await uploadItem(anna, groupId)
    for (let attempt = 0; attempt < 3; attempt++) {
      const { jobId, fence } = await claimed()
      await worker.call(failJob, { params: { jobId }, body: { fence, code: 'internal', final: false } })
    }
    expect(await claim()).toBeNull()
    const [job] = (await anna.call(listJobs, { params: { groupId } })).jobs
    expect(job).toMatchObject({ state: 'failed', failure: 'internal' })
    if (job) await anna.call(retryJob, { params: { jobId: job.jobId } })
    expect(await claim()).toMatchObject({ attempt: 0 })
  })

  it('carries progress to the people, and the end', async () => {
    const { mediaId } = await uploadItem(anna, groupId)
    const { jobId, fence } = await claimed()
    await beat(jobId, fence)
    expect(server.notices.at(-1)).toMatchObject({ name: 'job', payload: { stage: 'converting', permille: 400 } })
    await worker.call(completeJob, { params: { jobId }, body: { fence } })
    const { job } = await anna.call(readMedia, { params: { mediaId } })
    expect(job).toMatchObject({ state: 'done', permille: 1000, stage: null })
  })

  it('hears of a cancel with its next heartbeat; what waits is cancelled at once', async () => {
    await uploadItem(anna, groupId)
    const { jobId, fence } = await claimed()
    expect(await anna.call(cancelJob, { params: { jobId } })).toMatchObject({ state: 'running' })
    expect(await beat(jobId, fence)).toMatchObject({ cancel: true })
    await worker.call(releaseJob, { params: { jobId }, body: { fence } })
    expect(await anna.call(cancelJob, { params: { jobId } })).toMatchObject({ state: 'cancelled' })
    await anna.call(retryJob, { params: { jobId } })
    expect(await anna.call(cancelJob, { params: { jobId } })).toMatchObject({ state: 'cancelled' })
    expect(await claim()).toBeNull()
  })

  it('ends when the item is deleted, and the job comes back with it', async () => {
    const { mediaId } = await uploadItem(anna, groupId)
    const { jobId, fence } = await claimed()
    await anna.call(deleteMedia, { params: { mediaId } })
    expect(await beat(jobId, fence)).toMatchObject({ cancel: true })
    await worker.call(releaseJob, { params: { jobId }, body: { fence } })
    expect(await claim()).toBeNull()
    expect((await anna.call(listJobs, { params: { groupId } })).jobs).toEqual([])
    await anna.call(restoreMedia, { params: { mediaId } })
    expect(await claim()).toMatchObject({ jobId })
  })

  it('lets its worker write the document, with a greater revision only', async () => {
    const { mediaId } = await uploadItem(anna, groupId)
    const { jobId, fence, documentRevision } = await claimed()
    const write = (revision: number, lease: string) =>
      worker.fetch(`/api/media/${mediaId}/worker-document`, {
        method: writeWorkerDocument.method,
        body: JSON.stringify({ revision, sealed: Buffer.from(someBytes(50)).toString('base64url') }),
        headers: { 'Content-Type': 'application/json', 'X-Kith-Lease': lease },
      })
    expect((await write(documentRevision, `${jobId}.${fence}`)).status).toBe(204)
    expect((await write(documentRevision, `${jobId}.${fence}`)).status).toBe(409)
    expect((await write(documentRevision + 1, `${jobId}.${fence + 1}`)).status).toBe(409)
    const { workerDocument } = await anna.call(readMedia, { params: { mediaId } })
    expect(workerDocument).toMatchObject({ revision: 1 })
  })
})
