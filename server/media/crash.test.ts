import { createHash } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { GroupId, ObjectId } from '../../shared/format/ids.ts'
import { claimJob, completeJob, heartbeatJob } from '../../shared/wire/jobs.ts'
import { createMedia, finishMedia, objectPath, readMedia } from '../../shared/wire/media.ts'
import { openDatabase } from '../db/open.ts'
import type { MembershipRow } from '../db/rows.ts'
import { createUpload, newItem, newObjectId, offsetOf, putBytes, sendPiece, someBytes } from '../testing/media.ts'
import { SpawnedServer } from '../testing/spawned-server.ts'
import type { TestClient } from '../testing/test-client.ts'
import { TestPerson } from '../testing/test-person.ts'
import { TestWorker } from '../testing/test-worker.ts'

let server: SpawnedServer
let anna: TestClient
let groupId: GroupId
beforeEach(async () => {
  server = new SpawnedServer()
  await server.start()
  const person = await new TestPerson(await server.door(), 'anna').signUp()
  anna = person.client
  groupId = person.personalGroup as GroupId
})
afterEach(() => server.remove())

const read = async (client: TestClient, path: string) => {
  const answer = await client.fetch(path)
  return answer.ok ? new Uint8Array(await answer.arrayBuffer()) : answer.status
}

it('serves every object that it acknowledged before kill -9, and of the others all or nothing', async () => {
  const { mediaId } = await anna.call(createMedia, { body: newItem(groupId) })
  const sent = new Map<ObjectId, Bytes>()
  const acknowledged: ObjectId[] = []
  const sending = async () => {
    for (;;) {
      const [objectId, body] = [newObjectId(), someBytes(200_000)]
      sent.set(objectId, body)
      const { status } = await putBytes(anna, mediaId, objectId, body)
      expect(status).toBe(201)
      acknowledged.push(objectId)
      if (acknowledged.length === 25) void server.kill()
    }
  }
  const ends = await Promise.allSettled(Array.from({ length: 4 }, sending))
  expect(ends.map(({ status }) => status)).toEqual(Array(4).fill('rejected'))
  expect(acknowledged.length).toBeGreaterThanOrEqual(25)

  await server.start()
  const later = server.again(anna)
  for (const [objectId, body] of sent) {
    const found = await read(later, objectPath(mediaId, objectId))
    if (acknowledged.includes(objectId) || found !== 404) expect(found).toEqual(body)
    // Asked to once more, the device sends it, and it is as if nothing had happened.
    if (found === 404) expect((await putBytes(later, mediaId, objectId, body)).status).toBe(201)
  }
  const [originalId] = acknowledged as [ObjectId]
  expect(await later.call(finishMedia, { params: { mediaId }, body: { originalId } })).toMatchObject({ state: 'ready' })
}, 60_000)

it.each([
  ['with checksums', true],
  ['without checksums', false],
])(
  'goes on with a resumable upload after kill -9, %s',
  async (_, isChecked) => {
    const [objectId, body] = [newObjectId(), someBytes(12_000_000)]
    const { mediaId } = await anna.call(createMedia, { body: newItem(groupId) })
    const path = (await createUpload(anna, mediaId, objectId, body.length)).headers.get('location') ?? ''
    const piece = (from: number, to: number) => {
      const part = body.slice(from, to)
      return [part, isChecked ? `sha256 ${createHash('sha256').update(part).digest('base64')}` : undefined] as const
    }
    await sendPiece(anna, path, 0, ...piece(0, 700_000))
    // The next one is on its way when the process dies.
    const cut = sendPiece(anna, path, 700_000, ...piece(700_000, 11_000_000)).catch(() => null)
    const file = join(server.folder, 'uploads', path.split('/').at(-1) ?? '')
    while (statSync(file).size <= 700_000) await new Promise((resolve) => setImmediate(resolve))
    await server.kill()
    const answer = await cut

    await server.start()
    const later = server.again(anna)
    const offset = (await offsetOf(later, path)) ?? -1
    expect(offset).toBeGreaterThanOrEqual(answer?.status === 204 ? 11_000_000 : 700_000)
    if (isChecked) expect([700_000, 11_000_000]).toContain(offset)
    expect((await sendPiece(later, path, offset, ...piece(offset, body.length))).status).toBe(204)
    const found = await read(later, objectPath(mediaId, objectId))
    expect(found instanceof Uint8Array && Buffer.compare(found, body)).toBe(0)
    expect(readdirSync(join(server.folder, 'uploads')).filter((name) => !/\.(json|done)$/.test(name))).toEqual([])
  },
  60_000,
)

it('lets a worker go on with its lease after kill -9', async () => {
  const { mediaId } = await anna.call(createMedia, { body: newItem(groupId) })
  const originalId = newObjectId()
  await putBytes(anna, mediaId, originalId, someBytes(1000))
  await anna.call(finishMedia, { params: { mediaId }, body: { originalId } })
  const worker = await (await new TestWorker(await server.door()).register()).signIn()
  await server.kill()
  const db = await openDatabase(join(server.folder, 'kith.sqlite'))
  const member = { group_id: groupId, member_id: worker.workerId, kind: 'worker', role: 'worker' } as const
  await db<MembershipRow>('memberships').insert(member)
  await db.destroy()

  await server.start()
  const { job } = await server.again(worker.client).call(claimJob, { body: { waitMs: 0, gate: null } })
  if (!job) throw new Error('there is no job')
  const [{ jobId, fence }, made, bytes] = [job, newObjectId(), someBytes(5000)]
  expect((await putBytes(server.again(worker.client), mediaId, made, bytes, `${jobId}.${fence}`)).status).toBe(201)
  await server.kill()

  await server.start()
  const back = server.again(worker.client)
  const beat = { fence, stage: 'converting', permille: 500, etaMs: null } as const
  expect(await back.call(heartbeatJob, { params: { jobId }, body: beat })).toMatchObject({ cancel: false })
  await back.call(completeJob, { params: { jobId }, body: { fence } })
  expect(await server.again(anna).call(readMedia, { params: { mediaId } })).toMatchObject({ job: { state: 'done' } })
  expect(await read(server.again(anna), objectPath(mediaId, made))).toEqual(bytes)
}, 60_000)
