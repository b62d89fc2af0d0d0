import { readdir } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { GroupId } from '../../shared/format/ids.ts'
import { claimJob, releaseJob } from '../../shared/wire/jobs.ts'
import { createMedia, finishMedia, objectPath } from '../../shared/wire/media.ts'
import { newItem, newObjectId, putBytes, someBytes, uploadItem } from '../testing/media.ts'
import { seedGroup, seedPerson, seedWorker } from '../testing/seed.ts'
import type { TestClient } from '../testing/test-client.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let server: TestServer
let anna: TestClient
let berta: TestClient
let stranger: TestClient
let worker: TestClient
let groupId: GroupId
beforeAll(async () => {
  server = await startTestServer({ config: { putMaxBytes: 100_000 } })
  const [a, b, s, w] = [
    await seedPerson(server),
    await seedPerson(server),
    await seedPerson(server),
    await seedWorker(server),
  ]
  ;[anna, berta, stranger, worker] = [a.client, b.client, s.client, w.client]
  groupId = await seedGroup(server, [
    { id: a.userId, role: 'owner' },
    { id: b.userId, role: 'member' },
    { id: w.workerId, role: 'worker' },
  ])
  await seedGroup(server, [{ id: s.userId, role: 'owner' }])
})
afterAll(() => server.close())

const codeOf = async (response: Response) => ((await response.json()) as { code: string }).code

async function started() {
  const item = newItem(groupId)
  await anna.call(createMedia, { body: item })
  return item.mediaId
}

describe('storing', () => {
  it('takes an object once, and the same again', async () => {
    const [media, object, body] = [await started(), newObjectId(), someBytes(5000)]
    expect((await putBytes(anna, media, object, body)).status).toBe(201)
    expect((await putBytes(anna, media, object, body)).status).toBe(204)
    const answer = await berta.fetch(objectPath(media, object))
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(body)
  })

  it('refuses other bytes under an id that is taken, and keeps the first', async () => {
    const [media, object, body] = [await started(), newObjectId(), someBytes(500)]
    await putBytes(anna, media, object, body)
    const refused = await putBytes(anna, media, object, someBytes(500))
    expect([refused.status, await codeOf(refused)]).toEqual([409, 'object/conflict'])
    const answer = await anna.fetch(objectPath(media, object))
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(body)
  })

  it('lets one of many at once win, and the others know', async () => {
    const [media, object] = [await started(), newObjectId()]
    const answers = await Promise.all(Array.from({ length: 6 }, () => putBytes(anna, media, object, someBytes(900))))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409])
  })

  it.each([
    ['a stranger', () => stranger, 404],
    ['another member', () => berta, 403],
    ['a worker without a lease', () => worker, 409],
    ['nobody', () => server.client(), 401],
  ])('is not for %s', async (_, client, status) => {
    expect((await putBytes(client(), await started(), newObjectId(), someBytes(10))).status).toBe(status)
  })

  it('is refused after the item is finished, but for what is there', async () => {
    const { mediaId, originalId, body } = await uploadItem(anna, groupId)
    expect((await putBytes(anna, mediaId, newObjectId(), someBytes(10))).status).toBe(409)
    expect((await putBytes(anna, mediaId, originalId, body)).status).toBe(204)
  })

  it('refuses nothing at all: no sealed object is empty', async () => {
    const [media, object] = [await started(), newObjectId()]
    expect((await putBytes(anna, media, object, someBytes(0))).status).toBe(400)
    expect((await anna.fetch(objectPath(media, object))).status).toBe(404)
  })

  it('refuses a page that is not ours', async () => {
    const path = objectPath(await started(), newObjectId())
    const answer = await anna.fetch(path, { method: 'PUT', body: 'x', headers: { Origin: 'https://evil.example' } })
    expect(answer.status).toBe(403)
  })

  it('refuses a huge Content-Length at once', async () => {
    const media = await started()
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const headers = {
        Origin: server.url,
        'X-Kith': '1',
        Cookie: [...anna.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        'Content-Length': String(2 ** 50),
      }
      const sent = request(server.url + objectPath(media, newObjectId()), { method: 'PUT', headers }, (answer) => {
        answer.resume()
        resolve(answer.statusCode)
        sent.destroy()
      })
      sent.on('error', reject)
      sent.write('x')
    })
    expect(status).toBe(413)
  })

  it('stops a body without a length at the limit, and leaves nothing', async () => {
    const [media, object] = [await started(), newObjectId()]
    const endless = new ReadableStream({ pull: (out) => out.enqueue(someBytes(30_000)) })
    const init = { method: 'PUT', body: endless, duplex: 'half' } as RequestInit
    const answer = await anna.fetch(objectPath(media, object), init as object).catch(() => null)
    expect([413, undefined]).toContain(answer?.status)
    expect((await anna.fetch(objectPath(media, object))).status).toBe(404)
  })

  it('is refused under a stale fence', async () => {
    const { mediaId } = await uploadItem(anna, groupId)
    const claim = async () => (await worker.call(claimJob, { body: { waitMs: 0, gate: null } })).job
    let job = await claim()
    while (job && job.mediaId !== mediaId) job = await claim()
    if (!job) throw new Error('no job')
    const { jobId, fence } = job
    expect((await putBytes(worker, mediaId, newObjectId(), someBytes(9), `${jobId}.${fence}`)).status).toBe(201)
    await worker.call(releaseJob, { params: { jobId }, body: { fence } })
    const again = await claim()
    expect(again).toMatchObject({ jobId, fence: fence + 1 })
    const refused = await putBytes(worker, mediaId, newObjectId(), someBytes(9), `${jobId}.${fence}`)
    expect([refused.status, await codeOf(refused)]).toEqual([409, 'job/lease-lost'])
  })

  it('is refused under the lease of another item', async () => {
    const [one, other] = [await uploadItem(anna, groupId), await uploadItem(anna, groupId)]
    const claim = async () => (await worker.call(claimJob, { body: { waitMs: 0, gate: null } })).job
    let job = await claim()
    while (job && job.mediaId !== one.mediaId) job = await claim()
    const lease = `${job?.jobId}.${job?.fence}`
    const refused = await putBytes(worker, other.mediaId, newObjectId(), someBytes(9), lease)
    expect([refused.status, await codeOf(refused)]).toEqual([409, 'job/lease-lost'])
  })

  it('is refused to somebody who was removed while the bytes came', async () => {
    const gone = await seedPerson(server)
    const { db } = server.deps
    const membership = { group_id: groupId, member_id: gone.userId }
    await db('memberships').insert({ ...membership, kind: 'person', role: 'member' })
    const { mediaId } = await gone.client.call(createMedia, { body: newItem(groupId) })
    const objectId = newObjectId()
    const slow = new ReadableStream({
      async pull(out) {
        out.enqueue(someBytes(1000))
        // The head of the request has been judged by then.
        await new Promise((resolve) => setTimeout(resolve, 100))
        await db('memberships').where(membership).delete()
        out.close()
      },
    })
    const init = { method: 'PUT', body: slow, duplex: 'half' } as RequestInit
    expect((await gone.client.fetch(objectPath(mediaId, objectId), init as object)).status).toBe(404)
    expect(await server.deps.blobs.head({ mediaId, objectId })).toBeNull()
  })

  it('leaves nothing of a body that was cut off', async () => {
    const [media, object] = [await started(), newObjectId()]
    await new Promise<void>((resolve) => {
      const headers = {
        Origin: server.url,
        'X-Kith': '1',
        Cookie: [...anna.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        'Content-Length': '5000',
      }
      const sent = request(server.url + objectPath(media, object), { method: 'PUT', headers })
      sent.on('error', () => undefined)
      sent.on('close', resolve)
      sent.write(someBytes(1000))
      setTimeout(() => sent.destroy(), 100)
    })
    const staging = join(server.deps.config.folders.blobs, 'staging')
    await vi.waitFor(async () => expect(await readdir(staging)).toEqual([]))
    expect((await putBytes(anna, media, object, someBytes(5000))).status).toBe(201)
  })

  it.each(['..%2F..%2Fkith.sqlite', '..%2f', '%00', 'A'.repeat(21), `${'A'.repeat(22)}%2F..`, '.'.repeat(22)])(
    'knows no object %s',
    async (id) => {
      const path = `/api/media/${await started()}/objects/${id}`
      for (const method of ['GET', 'PUT']) {
        const answer = await anna.fetch(path, { method, ...(method === 'PUT' ? { body: 'x' } : {}) })
        expect(answer.status).toBe(404)
      }
    },
  )

  it('needs the original before an item is finished', async () => {
    const mediaId = await started()
    const call = anna.call(finishMedia, { params: { mediaId }, body: { originalId: newObjectId() } })
    await expect(call).rejects.toMatchObject({ code: 'media/not-ready' })
  })
})

describe('reading', () => {
  const body = someBytes(1000)
  let path: string
  beforeAll(async () => {
    const { mediaId, originalId } = await uploadItem(anna, groupId, body)
    path = objectPath(mediaId, originalId)
  })

  it.each([
    ['bytes=0-0', 0, 1],
    ['bytes=0-1', 0, 2],
    ['bytes=990-', 990, 1000],
    ['bytes=-10', 990, 1000],
    ['bytes=-5000', 0, 1000],
    ['bytes=500-999999', 500, 1000],
  ])('answers %s', async (range, start, end) => {
    const answer = await berta.fetch(path, { headers: { Range: range } })
    expect(answer.status).toBe(206)
    expect(answer.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/1000`)
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(body.slice(start, end))
  })

  it.each(['bytes=1000-', 'bytes=5000-6000', 'bytes=-0'])('answers %s with 416 and the size', async (range) => {
    const answer = await berta.fetch(path, { headers: { Range: range } })
    expect([answer.status, answer.headers.get('content-range')]).toEqual([416, 'bytes */1000'])
  })

  it.each(['bytes=0-1,5-6', 'bytes=9-1', 'chapters=1-2', `bytes=0-${'9'.repeat(400)}`, 'bytes=--1'])(
    'sends everything to %s',
    async (range) => {
      const answer = await berta.fetch(path, { headers: { Range: range } })
      expect([answer.status, (await answer.arrayBuffer()).byteLength]).toEqual([200, 1000])
    },
  )

  it('keeps to If-Range and If-None-Match', async () => {
    const etag = (await berta.fetch(path, { method: 'HEAD' })).headers.get('etag') ?? ''
    expect(etag).toMatch(/^"[\w-]{43}"$/)
    const status = async (headers: Record<string, string>) => (await berta.fetch(path, { headers })).status
    expect(await status({ 'If-None-Match': `"x", ${etag}` })).toBe(304)
    expect(await status({ 'If-None-Match': '"x"' })).toBe(200)
    expect(await status({ Range: 'bytes=0-1', 'If-Range': etag })).toBe(206)
    expect(await status({ Range: 'bytes=0-1', 'If-Range': '"x"' })).toBe(200)
  })

  it('says by HEAD and headers what it is: bytes, never a page', async () => {
    const answer = await berta.fetch(path, { method: 'HEAD', headers: { 'Accept-Encoding': 'gzip' } })
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-length': '1000',
      'content-type': 'application/octet-stream',
      'cache-control': 'private, max-age=31536000, immutable',
      'content-security-policy': expect.stringContaining('sandbox'),
      'x-content-type-options': 'nosniff',
      'accept-ranges': 'bytes',
    })
    expect(answer.headers.has('content-encoding')).toBe(false)
  })

  it('is for the group and its workers alone', async () => {
    expect((await worker.fetch(path)).status).toBe(200)
    const foreign = await stranger.fetch(path)
    expect([foreign.status, await codeOf(foreign)]).toEqual([404, 'media/not-found'])
    expect((await server.client().fetch(path)).status).toBe(401)
    const { client: enrolledElsewhere } = await seedWorker(server)
    expect((await enrolledElsewhere.fetch(path)).status).toBe(404)
  })
})
