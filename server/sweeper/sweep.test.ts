import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { GroupId, MediaId, ObjectId } from '../../shared/format/ids.ts'
import { claimJob, completeJob, failJob } from '../../shared/wire/jobs.ts'
import {
  createMedia,
  deleteMedia,
  finishMedia,
  listMediaChanges,
  objectPath,
  readMedia,
  restoreMedia,
} from '../../shared/wire/media.ts'
import { createMemoryBlobStore } from '../blobs/memory.ts'
import { createJobs } from '../jobs/jobs.ts'
import { createObjects } from '../media/objects.ts'
import { createUpload, newItem, newObjectId, putBytes, sendPiece, someBytes, uploadItem } from '../testing/media.ts'
import { seedGroup, seedPerson, seedWorker } from '../testing/seed.ts'
import type { TestClient } from '../testing/test-client.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'
import { createUploads } from '../uploads/uploads.ts'
import { SWEEP_AFTER_MS, sweepMedia } from './sweep.ts'

const HOUR_MS = 3600_000

let server: TestServer
let anna: TestClient
let worker: TestClient
let groupId: GroupId
beforeEach(async () => {
  let now = () => 0
  server = await startTestServer({ blobs: () => createMemoryBlobStore(() => now()) })
  now = server.clock.now
  const [a, w] = [await seedPerson(server), await seedWorker(server)]
  ;[anna, worker] = [a.client, w.client]
  groupId = await seedGroup(server, [
    { id: a.userId, role: 'owner' },
    { id: w.workerId, role: 'worker' },
  ])
})
afterEach(() => server.close())

function sweep() {
  const { deps } = server
  return sweepMedia(deps, createUploads(deps, createObjects(deps, createJobs(deps))))
}
const status = async (media: MediaId, object: ObjectId) => (await anna.fetch(objectPath(media, object))).status
const blobs = async () => (await Array.fromAsync(server.deps.blobs.list())).length

it('erases what was deleted once it cannot be restored, and keeps the fact', async () => {
  const { mediaId, originalId } = await uploadItem(anna, groupId)
  await anna.call(deleteMedia, { params: { mediaId } })
  server.clock.advance(HOUR_MS - 1)
  await sweep()
  await anna.call(restoreMedia, { params: { mediaId } })
  expect(await status(mediaId, originalId)).toBe(200)
  await anna.call(deleteMedia, { params: { mediaId } })
  server.clock.advance(HOUR_MS)
  await sweep()
  expect(await blobs()).toBe(0)
  await expect(anna.call(restoreMedia, { params: { mediaId } })).rejects.toMatchObject({ code: 'media/not-found' })
  const { items } = await anna.call(listMediaChanges, { params: { groupId }, query: { since: 0 } })
  expect(items).toMatchObject([{ mediaId, state: 'deleted', wrappedContent: new Uint8Array(60), job: null }])
})

it('removes blobs without a row, once they are old', async () => {
  const { blobs: store } = server.deps
  const key = { mediaId: newItem(groupId).mediaId, objectId: newObjectId() }
  await store.commit(await store.stage([someBytes(9)] as never, { maxBytes: 9 }), key)
  await sweep()
  expect(await blobs()).toBe(1)
  server.clock.advance(SWEEP_AFTER_MS.stray)
  await sweep()
  expect(await blobs()).toBe(0)
})

it('drops an upload that nobody went on with, and none that goes on', async () => {
  const { mediaId } = await anna.call(createMedia, { body: newItem(groupId) })
  const object = newObjectId()
  await putBytes(anna, mediaId, object, someBytes(9))
  const other = await anna.call(createMedia, { body: newItem(groupId) })
  const made = await createUpload(anna, other.mediaId, newObjectId(), 100)
  await sendPiece(anna, made.headers.get('location') ?? '', 0, someBytes(50))
  server.clock.advance(SWEEP_AFTER_MS.unfinished)
  await putBytes(anna, mediaId, newObjectId(), someBytes(9))
  await sweep()
  expect(await status(mediaId, object)).toBe(200)
  server.clock.advance(SWEEP_AFTER_MS.unfinished)
  await sweep()
  expect(await status(mediaId, object)).toBe(404)
  server.clock.advance(HOUR_MS)
  await sweep()
  expect(await blobs()).toBe(0)
})

it('keeps an upload that is completed while it is being swept', async () => {
  const { mediaId } = await anna.call(createMedia, { body: newItem(groupId) })
  const originalId = newObjectId()
  await putBytes(anna, mediaId, originalId, someBytes(9))
  server.clock.advance(2 * SWEEP_AFTER_MS.unfinished)
  const { db } = server.deps
  const begin = db.transaction.bind(db)
  const finishFirst = async (run: Parameters<typeof begin>[0]) => {
    await anna.call(finishMedia, { params: { mediaId }, body: { originalId } })
    return begin(run)
  }
  vi.spyOn(db, 'transaction').mockImplementationOnce(finishFirst as typeof begin)
  await sweep()
  expect((await anna.call(readMedia, { params: { mediaId } })).state).toBe('ready')
  expect(await status(mediaId, originalId)).toBe(200)
})

it('removes what attempts left that came to nothing, and keeps the one that was completed', async () => {
  const { mediaId, originalId } = await uploadItem(anna, groupId)
  const objects: ObjectId[] = []
  for (const end of [failJob, completeJob]) {
    const { job } = await worker.call(claimJob, { body: { waitMs: 0, gate: null } })
    if (!job) throw new Error('no job')
    const [objectId, { jobId, fence }] = [newObjectId(), job]
    await putBytes(worker, mediaId, objectId, someBytes(20), `${jobId}.${fence}`)
    objects.push(objectId)
    const body = end === failJob ? { fence, code: 'internal' as const, final: false } : { fence }
    await worker.call(end as typeof failJob, { params: { jobId }, body: body as never })
  }
  await sweep()
  expect(await blobs()).toBe(3)
  server.clock.advance(SWEEP_AFTER_MS.attempt)
  await sweep()
  const [failed, completed] = objects as [ObjectId, ObjectId]
  expect(await status(mediaId, failed)).toBe(404)
  expect(await status(mediaId, completed)).toBe(200)
  expect(await status(mediaId, originalId)).toBe(200)
})
