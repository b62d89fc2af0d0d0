import { afterEach, beforeEach, expect, it } from 'vitest'
import type { GroupId } from '../../shared/format/ids.ts'
import { createMedia, deleteMedia, objectPath } from '../../shared/wire/media.ts'
import type { BlobStore } from '../blobs/blob-store.ts'
import { createDiskBlobStore } from '../blobs/disk.ts'
import type { MediaRow } from '../db/rows.ts'
import { createUpload, newItem, newObjectId, putBytes, sendPiece, someBytes } from '../testing/media.ts'
import { randomId, seedGroup, seedPerson } from '../testing/seed.ts'
import type { TestClient } from '../testing/test-client.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

const RESERVE_BYTES = 64 * 2 ** 20

let server: TestServer
let anna: TestClient
let groupId: GroupId
/** What the disk says, and where it fails. */
let freeBytes: number
let broken: 'stage' | 'commit' | null
beforeEach(async () => {
  freeBytes = RESERVE_BYTES + 1_000_000
  broken = null
  server = await startTestServer({ blobs: ({ config }) => fullable(createDiskBlobStore(config.folders.blobs)) })
  const person = await seedPerson(server)
  anna = person.client
  groupId = await seedGroup(server, [{ id: person.userId, role: 'owner' }])
})
afterEach(() => server.close())

function fullable(disk: BlobStore): BlobStore {
  const failAt = (here: typeof broken) => {
    if (broken === here) throw Object.assign(new Error('write failed'), { code: 'ENOSPC' })
  }
  return {
    ...disk,
    freeBytes: async () => freeBytes,
    async stage(source, options) {
      const staged = await disk.stage(source, options)
      if (broken === 'stage') await disk.discard(staged)
      failAt('stage')
      return staged
    },
    async commit(staged, key) {
      failAt('commit')
      await disk.commit(staged, key)
    },
  }
}

const started = async () => (await anna.call(createMedia, { body: newItem(groupId) })).mediaId

it.each(['stage', 'commit'] as const)('answers 507 when the disk is full at %s, and loses nothing', async (where) => {
  const mediaId = await started()
  const [kept, refused, body] = [newObjectId(), newObjectId(), someBytes(5000)]
  await putBytes(anna, mediaId, kept, body)
  broken = where
  const answer = await putBytes(anna, mediaId, refused, body)
  expect([answer.status, await answer.json()]).toEqual([507, expect.objectContaining({ code: 'storage/full' })])
  expect((await anna.fetch(objectPath(mediaId, kept))).status).toBe(200)
  expect((await anna.fetch(objectPath(mediaId, refused))).status).toBe(404)
  expect(await server.deps.blobs.sweepStaged(Number.POSITIVE_INFINITY)).toBe(0)
  broken = null
  expect((await putBytes(anna, mediaId, refused, body)).status).toBe(201)
})

it('refuses what does not fit before it takes a byte', async () => {
  const mediaId = await started()
  expect((await createUpload(anna, mediaId, newObjectId(), 1_000_001)).status).toBe(507)
  expect((await createUpload(anna, mediaId, newObjectId(), 600_000)).status).toBe(201)
  // The first one will still bring its bytes.
  expect((await createUpload(anna, mediaId, newObjectId(), 600_000)).status).toBe(507)
  expect((await createUpload(anna, mediaId, newObjectId(), 400_000)).status).toBe(201)
})

it('does not ask for the room of an upload a second time when it is whole', async () => {
  const [mediaId, objectId, body] = [await started(), newObjectId(), someBytes(900_000)]
  const path = (await createUpload(anna, mediaId, objectId, body.length)).headers.get('location') ?? ''
  freeBytes -= body.length
  expect((await sendPiece(anna, path, 0, body)).status).toBe(204)
  expect((await anna.fetch(objectPath(mediaId, objectId))).status).toBe(200)
})

it('lets nobody begin without end; what is given up makes room', async () => {
  const { mediaId } = await anna.call(createMedia, { body: newItem(groupId) })
  const row = (await server.deps.db<MediaRow>('media').where({ media_id: mediaId }).first()) as MediaRow
  const more = Array.from({ length: 999 }, (_, i) => ({
    ...row,
    media_id: randomId() as MediaRow['media_id'],
    change_seq: row.change_seq + 1000 + i,
  }))
  await server.deps.db.batchInsert('media', more, 50)
  await expect(started()).rejects.toMatchObject({ code: 'auth/rate-limited' })
  await anna.call(deleteMedia, { params: { mediaId } })
  await started()
})
