import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { GroupId } from '../../shared/format/ids.ts'
import { createMedia, deleteMedia, objectPath } from '../../shared/wire/media.ts'
import type { BlobStore } from '../blobs/blob-store.ts'
import { createDiskBlobStore } from '../blobs/disk.ts'
import type { MediaRow } from '../db/rows.ts'
import { createUpload, newItem, newObjectId, offsetOf, putBytes, sendPiece, someBytes } from '../testing/media.ts'
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

it('answers 507 when the disk is full in the middle of a piece, and goes on from there', async () => {
  const [mediaId, objectId, body] = [await started(), newObjectId(), someBytes(5000)]
  const path = (await createUpload(anna, mediaId, objectId, body.length)).headers.get('location') ?? ''
  expect((await sendPiece(anna, path, 0, body.slice(0, 2000))).status).toBe(204)
  const file = await open(join(server.deps.config.folders.uploads, path.split('/').at(-1) ?? ''))
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  const write = vi.spyOn(Object.getPrototypeOf(file) as FileHandle, 'write').mockRejectedValueOnce(full)
  await file.close()
  const answer = await sendPiece(anna, path, 2000, body.slice(2000))
  expect(write).toHaveBeenCalled()
  write.mockRestore()
  expect([answer.status, answer.headers.get('content-type')]).toEqual([507, 'application/problem+json'])
  expect(await answer.json()).toMatchObject({ code: 'storage/full', status: 507 })
  expect(await offsetOf(anna, path)).toBe(2000)
  expect((await sendPiece(anna, path, 2000, body.slice(2000))).status).toBe(204)
  const kept = await anna.fetch(objectPath(mediaId, objectId))
  expect(new Uint8Array(await kept.arrayBuffer())).toEqual(body)
})

describe('what one account has under way', () => {
  const problemOf = async (answer: Response) => [answer.status, ((await answer.json()) as { code: string }).code]

  it('is 32 uploads at most: each keeps its room until it expires', async () => {
    const mediaId = await started()
    const paths: string[] = []
    for (let i = 0; i < 32; i++) {
      const answer = await createUpload(anna, mediaId, newObjectId(), 1000)
      expect(answer.status).toBe(201)
      paths.push(answer.headers.get('location') ?? '')
    }
    expect(await problemOf(await createUpload(anna, mediaId, newObjectId(), 1000))).toEqual([429, 'upload/too-many'])

    // Others do not pay for it.
    const ben = await seedPerson(server)
    const group = await seedGroup(server, [{ id: ben.userId, role: 'owner' }])
    const other = await ben.client.call(createMedia, { body: newItem(group) })
    expect((await createUpload(ben.client, other.mediaId, newObjectId(), 1000)).status).toBe(201)

    expect((await sendPiece(anna, paths[0] ?? '', 0, someBytes(1000))).status).toBe(204)
    expect((await createUpload(anna, mediaId, newObjectId(), 1000)).status).toBe(201)
  })

  it('is 128 GiB at most that are still to come', async () => {
    freeBytes = 2 ** 50
    const mediaId = await started()
    for (const _ of ['one', 'two']) {
      expect((await createUpload(anna, mediaId, newObjectId(), 64 * 2 ** 30)).status).toBe(201)
    }
    expect(await problemOf(await createUpload(anna, mediaId, newObjectId(), 1))).toEqual([429, 'upload/too-many'])
  })

  it('does not grow where a device never heard of the upload that it began, and begins again', async () => {
    const [mediaId, objectId, body] = [await started(), newObjectId(), someBytes(600_000)]
    let path = ''
    for (let i = 0; i < 40; i++) {
      const answer = await createUpload(anna, mediaId, objectId, body.length)
      expect(answer.status).toBe(201)
      path = answer.headers.get('location') ?? ''
    }
    expect((await sendPiece(anna, path, 0, body.slice(0, 1000))).status).toBe(204)
    // With bytes in it, it stays.
    expect((await createUpload(anna, mediaId, objectId, 1000)).status).toBe(201)
    expect((await sendPiece(anna, path, 1000, body.slice(1000))).status).toBe(204)
    expect((await anna.fetch(objectPath(mediaId, objectId))).status).toBe(200)
  })
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
