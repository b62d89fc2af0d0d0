import { on, once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { SpawnedServer } from '../server/testing/spawned-server.ts'
import { startTestServer, type TestServer } from '../server/testing/test-server.ts'
import { type Bytes, utf8 } from '../shared/format/bytes.ts'
import { type ClaimedJob, cancelJob, claimJob } from '../shared/wire/jobs.ts'
import { deleteMedia } from '../shared/wire/media.ts'
import { type JobPorts, runJob } from './job.ts'
import { createLoopback, type Loopback } from './loopback.ts'
import { Pins } from './pins.ts'
import { Circle, claimNext, type Item } from './testing/circle.ts'
import { createStandIn, SONG } from './testing/stand-in.ts'

const plain: Bytes = utf8('what only the circle may see '.repeat(50))
const folder = mkdtempSync(join(tmpdir(), 'kith-job-'))
let server: TestServer
let circle: Circle
let worker: Awaited<ReturnType<Circle['enrol']>>
let loopback: Loopback
let ffprobe: Awaited<ReturnType<typeof createStandIn>>
beforeAll(async () => {
  server = await startTestServer()
  circle = await Circle.open(server)
  worker = await circle.enrol(join(folder, 'worker'))
  loopback = await createLoopback()
  ffprobe = await createStandIn()
})
afterAll(async () => {
  ffprobe.close()
  await loopback.close()
  await server.close()
  rmSync(folder, { recursive: true })
})

const work = async (changes: Partial<JobPorts> = {}, { identity, api } = worker) => {
  const job = await claimNext(api)
  const ports: JobPorts = {
    api,
    identity,
    pins: new Pins(folder),
    invited: async () => [],
    loopback,
    tools: { ffmpeg: 'ffmpeg', ffprobe: ffprobe.program, tonemaps: true },
    stallMs: 60_000,
    stopping: new AbortController().signal,
    log: () => undefined,
    ...changes,
  }
  return { job, over: runJob(ports, job) }
}

describe('a job', () => {
  let item: Item
  // What a test leaves in the queue is none of the next one's business.
  afterEach(() => circle.ada.client.call(deleteMedia, { params: { mediaId: item.mediaId } }))
  const document = () => circle.documentOf(item, worker.identity)

  it('ends as done, and says what it found in a document that its worker signed', async () => {
    item = await circle.upload(plain)
    const called = ffprobe.called()
    const { over } = await work()
    const call = await called
    call.answer(SONG)
    await over
    expect(await document()).toMatchObject({ status: 'nothing-to-do', kind: 'audio' })
    expect((await circle.read(item)).job).toMatchObject({ state: 'done', permille: 1000 })
  })

  it('is not done anew because the answer to its document was lost', async () => {
    item = await circle.upload(plain)
    const called = ffprobe.called()
    const send = globalThis.fetch
    let sent = 0
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
      const response = await send(input, init)
      if (!String(input).endsWith('/worker-document') || ++sent > 1) return response
      expect(response.status).toBe(204)
      throw new TypeError('the connection broke off')
    })
    const { over } = await work()
    const call = await called
    call.answer(SONG)
    await over
    vi.restoreAllMocks()
    expect(sent).toBe(2)
    expect(await document()).toMatchObject({ status: 'nothing-to-do', kind: 'audio' })
    expect((await circle.read(item)).job).toMatchObject({ state: 'done', attempt: 0 })
  })

  it('ends within two seconds of a cancel, and everything that ran for it', async () => {
    item = await circle.upload(plain)
    const called = ffprobe.called()
    const { job, over } = await work()
    const call = await called
    const deadline = AbortSignal.timeout(2000)
    expect(await circle.ada.client.call(cancelJob, { params: { jobId: job.jobId } })).toMatchObject({
      state: 'running',
    })
    await Promise.all([call.gone, over])
    expect(deadline.aborted).toBe(false)
    expect((await circle.read(item)).job).toMatchObject({ state: 'cancelled', attempt: 0 })
    expect(await document()).toBeNull()
  })

  it('is let go when somebody else has it: nothing is said of it any more', async () => {
    item = await circle.upload(plain)
    const called = ffprobe.called()
    const { job, over } = await work()
    const call = await called
    const other = await circle.enrol(join(folder, 'other'))
    let theirs: ClaimedJob | null = null
    // A heartbeat that comes in between renews the lease, which then has to run out once more.
    while (theirs === null) {
      server.clock.advance(60_000)
      theirs = (await other.api.call(claimJob, { body: { waitMs: 0, gate: null } })).job
    }
    expect(theirs).toMatchObject({ jobId: job.jobId, fence: job.fence + 1, attempt: 1 })
    await Promise.all([call.gone, over])
    expect((await circle.read(item)).job).toMatchObject({ state: 'running', attempt: 1, failure: null })
    expect(await document()).toBeNull()
  })

  it.each([
    ['in its first bytes', 5],
    ['in its middle', 700],
    ['in its last bytes', -3],
  ])('fails at once when the stored original was changed %s, and tells the people why', async (_, at) => {
    item = await circle.upload(plain, (sealed) => sealed.with(at, (sealed.at(at) ?? 0) ^ 1))
    const { over } = await work()
    await over
    expect((await circle.read(item)).job).toMatchObject({ state: 'failed', failure: 'object/tampered', attempt: 1 })
    expect(await document()).toMatchObject({ status: 'failed', reason: { code: 'tampered' } })
  })

  it('fails at once when the item is no video, and the server learns no more than that', async () => {
    item = await circle.upload(plain)
    const { over } = await work({ tools: { ffmpeg: 'ffmpeg', ffprobe: '/bin/false', tonemaps: true } })
    await over
    expect((await circle.read(item)).job).toMatchObject({ state: 'failed', failure: 'job/unprocessable', attempt: 1 })
    expect(await document()).toMatchObject({ status: 'failed', reason: { code: 'not-a-video' } })
  })

  it('is tried three times when its program stands still, and then given up', async () => {
    const still = await createStandIn()
    item = await circle.upload(plain)
    for (const attempt of [1, 2, 3]) {
      const tools = { ffmpeg: 'ffmpeg', ffprobe: still.program, tonemaps: true }
      await (await work({ stallMs: 200, tools })).over
      const state = attempt < 3 ? { state: 'queued', failure: null } : { state: 'failed', failure: 'job/stalled' }
      expect((await circle.read(item)).job).toMatchObject({ attempt, ...state })
      if (attempt < 3) expect(await document()).toBeNull()
    }
    still.close()
    expect(await document()).toMatchObject({ status: 'failed', reason: { code: 'unfinished' } })
  })
})

it('goes on under the same lease when the server was killed under it, and started again', async () => {
  const spawned = new SpawnedServer({ KITH_PORT: String(await freePort()) })
  try {
    await spawned.start()
    const elsewhere = await Circle.open(await spawned.door())
    const known = await elsewhere.enrol(join(folder, 'worker'))
    const item = await elsewhere.upload(plain)
    const called = ffprobe.called()
    const { job, over } = await work({}, known)
    const call = await called
    await spawned.kill()
    const nobody = await nobodyAt(spawned.url)
    call.answer(SONG)
    await nobody.asked(/worker-document$/)
    await spawned.start()
    await over
    const ada = spawned.again(elsewhere.ada.client)
    expect((await elsewhere.read(item, ada)).job).toMatchObject({ jobId: job.jobId, state: 'done', attempt: 0 })
    expect(await elsewhere.documentOf(item, known.identity, ada)).toMatchObject({ kind: 'audio' })
  } finally {
    await spawned.remove()
  }
}, 60_000)

/** A port that is free now; the server comes back to it. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}

/** Stands where a server was killed, and hangs up on everybody; leaves when it was `asked` for such a path. */
async function nobodyAt(url: string) {
  const nobody = createServer((request) => request.socket.destroy())
  const requests = on(nobody, 'request')
  await once(nobody.listen(Number(new URL(url).port), '127.0.0.1'), 'listening')
  return {
    async asked(path: RegExp): Promise<void> {
      for await (const [request] of requests as AsyncIterable<[IncomingMessage]>)
        if (path.test(request.url ?? '')) break
      await new Promise((resolve) => nobody.close(resolve))
    },
  }
}
