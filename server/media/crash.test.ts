import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { GroupId, ObjectId } from '../../shared/format/ids.ts'
import { claimJob, completeJob, heartbeatJob } from '../../shared/wire/jobs.ts'
import { createMedia, finishMedia, objectPath, readMedia } from '../../shared/wire/media.ts'
import { openDatabase } from '../db/open.ts'
import type { MembershipRow } from '../db/rows.ts'
import { systemClock } from '../deps.ts'
import { openSecrets } from '../secrets.ts'
import { createUpload, newItem, newObjectId, offsetOf, putBytes, sendPiece, someBytes } from '../testing/media.ts'
import { TestClient } from '../testing/test-client.ts'
import { TestPerson } from '../testing/test-person.ts'
import type { TestServer } from '../testing/test-server.ts'
import { TestWorker } from '../testing/test-worker.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

let folder: string
let running: ChildProcess | null = null
let anna: TestClient
let groupId: GroupId
let secrets: TestServer['deps']['secrets']
let url: string
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kith-crash-'))
  url = await start()
  secrets = await openSecrets(join(folder, 'secrets'))
  const person = await new TestPerson(asServer(), 'anna').signUp()
  anna = person.client
  groupId = person.personalGroup as GroupId
})
afterEach(async () => {
  await kill()
  rmSync(folder, { recursive: true, force: true })
})

function asServer(): TestServer {
  return { clock: systemClock, client: () => new TestClient(url), deps: { secrets } } as unknown as TestServer
}

async function start(): Promise<string> {
  const env = { PATH: process.env.PATH ?? '', KITH_DATA: folder, KITH_PORT: '0', KITH_RATE_SCALE: '1000' }
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  running = child
  let text = ''
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error('the server did not start')))
    child.stdout.on('data', (part) => {
      text += part
      const found = /^Kith listens on (\S+)/m.exec(text)?.[1]
      if (found) resolve(found)
    })
  })
}

async function kill(): Promise<void> {
  const child = running
  running = null
  if (!child || child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

/** What somebody with the same cookies or token sees afterwards. */
function again(client: TestClient): TestClient {
  const next = new TestClient(url)
  for (const [name, value] of client.cookies) next.cookies.set(name, value)
  next.bearer = client.bearer
  return next
}

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
      if (acknowledged.length === 25) void kill()
    }
  }
  const ends = await Promise.allSettled(Array.from({ length: 4 }, sending))
  expect(ends.map(({ status }) => status)).toEqual(Array(4).fill('rejected'))
  expect(acknowledged.length).toBeGreaterThanOrEqual(25)

  url = await start()
  const later = again(anna)
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
    const file = join(folder, 'uploads', path.split('/').at(-1) ?? '')
    while (statSync(file).size <= 700_000) await new Promise((resolve) => setImmediate(resolve))
    await kill()
    const answer = await cut

    url = await start()
    const later = again(anna)
    const offset = (await offsetOf(later, path)) ?? -1
    expect(offset).toBeGreaterThanOrEqual(answer?.status === 204 ? 11_000_000 : 700_000)
    if (isChecked) expect([700_000, 11_000_000]).toContain(offset)
    expect((await sendPiece(later, path, offset, ...piece(offset, body.length))).status).toBe(204)
    const found = await read(later, objectPath(mediaId, objectId))
    expect(found instanceof Uint8Array && Buffer.compare(found, body)).toBe(0)
    expect(readdirSync(join(folder, 'uploads')).filter((name) => !/\.(json|done)$/.test(name))).toEqual([])
  },
  60_000,
)

it('lets a worker go on with its lease after kill -9', async () => {
  const { mediaId } = await anna.call(createMedia, { body: newItem(groupId) })
  const originalId = newObjectId()
  await putBytes(anna, mediaId, originalId, someBytes(1000))
  await anna.call(finishMedia, { params: { mediaId }, body: { originalId } })
  const worker = await (await new TestWorker(asServer()).register()).signIn()
  await kill()
  const db = await openDatabase(join(folder, 'kith.sqlite'))
  const member = { group_id: groupId, member_id: worker.workerId, kind: 'worker', role: 'worker' } as const
  await db<MembershipRow>('memberships').insert(member)
  await db.destroy()

  url = await start()
  const { job } = await again(worker.client).call(claimJob, { body: { waitMs: 0, gate: null } })
  if (!job) throw new Error('there is no job')
  const [{ jobId, fence }, made, bytes] = [job, newObjectId(), someBytes(5000)]
  expect((await putBytes(again(worker.client), mediaId, made, bytes, `${jobId}.${fence}`)).status).toBe(201)
  await kill()

  url = await start()
  const back = again(worker.client)
  const beat = { fence, stage: 'converting', permille: 500, etaMs: null } as const
  expect(await back.call(heartbeatJob, { params: { jobId }, body: beat })).toMatchObject({ cancel: false })
  await back.call(completeJob, { params: { jobId }, body: { fence } })
  expect(await again(anna).call(readMedia, { params: { mediaId } })).toMatchObject({ job: { state: 'done' } })
  expect(await read(again(anna), objectPath(mediaId, made))).toEqual(bytes)
}, 60_000)
