import { createHash } from 'node:crypto'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GroupId, MediaId, ObjectId } from '../../shared/format/ids.ts'
import { createMedia, finishMedia, objectPath, UPLOADS_PATH } from '../../shared/wire/media.ts'
import { createJobs } from '../jobs/jobs.ts'
import { createObjects } from '../media/objects.ts'
import {
  createUpload,
  newItem,
  newObjectId,
  offsetOf,
  putBytes,
  sendPiece,
  someBytes,
  uploadItem,
} from '../testing/media.ts'
import { seedGroup, seedPerson } from '../testing/seed.ts'
import type { TestClient } from '../testing/test-client.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'
import { createUploads } from './uploads.ts'

let server: TestServer
let anna: TestClient
let stranger: TestClient
let groupId: GroupId
beforeAll(async () => {
  server = await startTestServer({ config: { objectMaxBytes: 10_000 } })
  const [a, s] = [await seedPerson(server), await seedPerson(server)]
  ;[anna, stranger] = [a.client, s.client]
  groupId = await seedGroup(server, [{ id: a.userId, role: 'owner' }])
})
afterAll(() => server.close())

async function begin(sizeBytes: number): Promise<{ path: string; mediaId: MediaId; objectId: ObjectId }> {
  const { mediaId } = await anna.call(createMedia, { body: newItem(groupId) })
  const objectId = newObjectId()
  const answer = await createUpload(anna, mediaId, objectId, sizeBytes)
  expect(answer.status).toBe(201)
  return { path: answer.headers.get('location') ?? '', mediaId, objectId }
}
const read = async (media: MediaId, object: ObjectId) =>
  new Uint8Array(await (await anna.fetch(objectPath(media, object))).arrayBuffer())
const sha256 = (bytes: Uint8Array) => `sha256 ${createHash('sha256').update(bytes).digest('base64')}`

describe('an upload', () => {
  it('comes in pieces, says where it is, and becomes an object', async () => {
    const body = someBytes(3000)
    const { path, mediaId, objectId } = await begin(3000)
    expect(path).toMatch(/^\/api\/uploads\/[0-9a-f]{32}$/)
    expect((await sendPiece(anna, path, 0, body.slice(0, 1000))).status).toBe(204)
    expect(await offsetOf(anna, path)).toBe(1000)
    expect((await sendPiece(anna, path, 500, body.slice(500))).status).toBe(409)
    expect((await sendPiece(anna, path, 1000, body.slice(1000))).status).toBe(204)
    expect(await read(mediaId, objectId)).toEqual(body)
    // The answer to the last piece may be lost: whoever asks then learns that all is there.
    expect(await offsetOf(anna, path)).toBe(3000)
    const record = await anna.call(finishMedia, { params: { mediaId }, body: { originalId: objectId } })
    expect(record).toMatchObject({ state: 'ready', job: { state: 'queued' } })
  })

  it('says what it can', async () => {
    const answer = await anna.fetch(UPLOADS_PATH, { method: 'OPTIONS' })
    expect(answer.headers.get('tus-extension')?.split(',')).toEqual(
      expect.arrayContaining(['creation', 'expiration', 'termination', 'checksum']),
    )
    expect(answer.headers.get('tus-checksum-algorithm')).toBe('sha256,sha1')
    expect(answer.headers.get('tus-max-size')).toBe('10000')
  })

  it('keeps nothing of a piece whose checksum is wrong', async () => {
    const body = someBytes(2000)
    const { path, mediaId, objectId } = await begin(2000)
    await sendPiece(anna, path, 0, body.slice(0, 500), sha256(body.slice(0, 500)))
    expect((await sendPiece(anna, path, 500, body.slice(500), sha256(body))).status).toBe(460)
    expect(await offsetOf(anna, path)).toBe(500)
    expect((await sendPiece(anna, path, 500, body.slice(500), 'md5 AAAA')).status).toBe(400)
    expect((await sendPiece(anna, path, 500, body.slice(500), sha256(body.slice(500)))).status).toBe(204)
    expect(await read(mediaId, objectId)).toEqual(body)
  })

  it('keeps nothing of a checked piece that a crash cut off', async () => {
    const { path } = await begin(2000)
    await sendPiece(anna, path, 0, someBytes(500))
    const file = join(server.deps.config.folders.uploads, path.split('/').at(-1) ?? '')
    await writeFile(`${file}.doubt`, '500')
    await writeFile(file, someBytes(777))
    expect(await offsetOf(anna, path)).toBe(500)
  })

  it.each(['the sweeper', 'a question for the offset'])('makes no object of bytes in doubt: %s', async (who) => {
    const { path, mediaId, objectId } = await begin(2000)
    await sendPiece(anna, path, 0, someBytes(500))
    const file = join(server.deps.config.folders.uploads, path.split('/').at(-1) ?? '')
    await writeFile(`${file}.doubt`, '500')
    // The whole length came, and the process died before it knew whether these were the right bytes.
    await writeFile(file, someBytes(2000))
    if (who === 'the sweeper') {
      await createUploads(server.deps, createObjects(server.deps, createJobs(server.deps))).sweep(Date.now())
    }
    expect(await offsetOf(anna, path)).toBe(500)
    expect((await anna.fetch(objectPath(mediaId, objectId))).status).toBe(404)
  })

  it('stays whole when two tabs send it at once', async () => {
    const body = someBytes(9000)
    const { path, mediaId, objectId } = await begin(9000)
    const send = async () => {
      for (let at = 0; at < body.length; at = (await offsetOf(anna, path)) ?? 0) {
        await sendPiece(anna, path, at, body.slice(at, at + 1500), sha256(body.slice(at, at + 1500))).catch(() => null)
      }
    }
    await Promise.all([send(), send(), send()])
    expect(await read(mediaId, objectId)).toEqual(body)
  })

  it('takes no more than was said, and goes on after that', async () => {
    const body = someBytes(1000)
    const { path, mediaId, objectId } = await begin(1000)
    await sendPiece(anna, path, 0, body.slice(0, 500))
    const tooMuch = await sendPiece(anna, path, 500, someBytes(5000))
    expect(tooMuch.status).toBeGreaterThanOrEqual(400)
    expect((await anna.fetch(objectPath(mediaId, objectId))).status).toBe(404)
    const at = (await offsetOf(anna, path)) ?? -1
    expect((await sendPiece(anna, path, at, body.slice(at))).status).toBe(204)
    expect((await read(mediaId, objectId)).length).toBe(1000)
  })

  it('can be given up', async () => {
    const { path } = await begin(2000)
    const headers = { 'Tus-Resumable': '1.0.0' }
    expect((await anna.fetch(path, { method: 'DELETE', headers })).status).toBe(204)
    expect(await offsetOf(anna, path)).toBeNull()
  })

  it('becomes an object after the process died between its last byte and its row', async () => {
    const body = someBytes(1500)
    const { path, mediaId, objectId } = await begin(1500)
    await writeFile(join(server.deps.config.folders.uploads, path.split('/').at(-1) ?? ''), body)
    const uploads = createUploads(server.deps, createObjects(server.deps, createJobs(server.deps)))
    await uploads.sweep(Date.now())
    expect(await read(mediaId, objectId)).toEqual(body)
    expect(await offsetOf(anna, path)).toBe(1500)
  })

  it('goes when nobody went on with it, and not before', async () => {
    const { path } = await begin(1500)
    const uploads = createUploads(server.deps, createObjects(server.deps, createJobs(server.deps)))
    await uploads.sweep(Date.now())
    expect(await offsetOf(anna, path)).toBe(0)
    await uploads.sweep(Date.now() + server.deps.config.uploadExpiryMs + 1000)
    expect(await offsetOf(anna, path)).toBeNull()
    expect(await readdir(server.deps.config.folders.uploads)).toEqual([])
  })
})

describe('is refused', () => {
  it('with other bytes for an object that is there', async () => {
    const { mediaId } = await anna.call(createMedia, { body: newItem(groupId) })
    const [objectId, body] = [newObjectId(), someBytes(700)]
    await putBytes(anna, mediaId, objectId, body)
    const path = (await createUpload(anna, mediaId, objectId, 700)).headers.get('location') ?? ''
    const answer = await sendPiece(anna, path, 0, someBytes(700))
    expect([answer.status, answer.headers.get('content-type')]).toEqual([409, 'application/problem+json'])
    expect(await answer.json()).toMatchObject({ code: 'object/conflict' })
    expect(await read(mediaId, objectId)).toEqual(body)
  })

  it('for a finished item, a foreign item, junk, and sizes over the limit', async () => {
    const { mediaId } = await uploadItem(anna, groupId)
    const open = await begin(100)
    const status = async (client: TestClient, media: string, object: string, sizeBytes: number) =>
      (await createUpload(client, media, object, sizeBytes)).status
    expect(await status(anna, mediaId, newObjectId(), 10)).toBe(409)
    expect(await status(stranger, open.mediaId, newObjectId(), 10)).toBe(404)
    expect(await status(anna, '../../x', newObjectId(), 10)).toBe(400)
    expect(await status(anna, open.mediaId, newObjectId(), 10_001)).toBe(413)
    expect(await status(server.client(), open.mediaId, newObjectId(), 10)).toBe(401)
  })

  it('to others, in the middle of it', async () => {
    const { path } = await begin(100)
    expect((await sendPiece(stranger, path, 0, someBytes(100))).status).toBe(404)
    expect(await offsetOf(stranger, path)).toBeNull()
    expect(await offsetOf(anna, `${UPLOADS_PATH}/..%2Fkith.sqlite`)).toBeNull()
  })

  it('from a page that is not ours', async () => {
    const { path } = await begin(100)
    const headers = { Origin: 'https://evil.example', 'Tus-Resumable': '1.0.0', 'Upload-Offset': '0' }
    const answer = await anna.fetch(path, { method: 'PATCH', body: 'x', headers })
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([403, null])
  })
})
