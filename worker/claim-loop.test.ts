import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { startTestServer, type TestServer } from '../server/testing/test-server.ts'
import { type Bytes, utf8 } from '../shared/format/bytes.ts'
import { claimLoop } from './claim-loop.ts'
import { createLoopback, type Loopback } from './loopback.ts'
import { Pins } from './pins.ts'
import type { Readings } from './resources.ts'
import { Circle } from './testing/circle.ts'

/** Nothing to convert, and known without ffmpeg. */
const photo: Bytes = utf8('GIF89a')
const thresholds = { minMemoryBytes: 600e6, maxMemoryPercent: 72, maxSwapBytes: 2e8, maxLoad: 2, minDiskBytes: 2e8 }
const machine = (availableGb: number): Readings => ({
  meminfo: `MemTotal: ${8 * 1024 ** 2} kB\nMemAvailable: ${availableGb * 1024 ** 2} kB\n`,
  loadavg: null,
  cores: 2,
  cgroup: null,
  freeDiskBytes: null,
})
const [roomy, full] = [machine(6), machine(1)]

let folder: string
let server: TestServer
let circle: Circle
let loopback: Loopback
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kith-loop-'))
  server = await startTestServer()
  circle = await Circle.open(server)
  loopback = await createLoopback()
})
afterEach(async () => {
  await loopback.close()
  await server.close()
  rmSync(folder, { recursive: true })
})

async function start(read: () => Promise<Readings>) {
  const stop = new AbortController()
  const logged: string[] = []
  const tools = { ffmpeg: '/bin/false', ffprobe: '/bin/false', tonemaps: false }
  const ports = {
    ...(await circle.enrol(folder)),
    ...{ pins: new Pins(folder), invited: async () => [], loopback, tools, stallMs: 60_000, stopping: stop.signal },
    log: (event: string) => void logged.push(event),
  }
  return { stop: () => stop.abort(), logged, over: claimLoop(ports, { thresholds, read, againMs: 10 }) }
}

it('lets a job wait for memory, says so once, and takes it by itself when there is room', async () => {
  const item = await circle.upload(photo)
  let now = full
  let looked = 0
  const again = Promise.withResolvers<void>()
  const loop = await start(async () => {
    if (++looked === 3) again.resolve()
    return now
  })
  const waiting = await circle.reached(item, 'waiting_resource')
  expect(waiting).toMatchObject({ waitReason: 'memory', attempt: 0, stage: null })
  expect(waiting.etaMs).toBeGreaterThan(0)
  await again.promise
  expect((await circle.read(item)).job?.state).toBe('waiting_resource')
  now = roomy
  expect(await circle.reached(item, 'done')).toMatchObject({ waitReason: null })
  loop.stop()
  await loop.over
  expect(loop.logged.filter((event) => event === 'no room for a job')).toHaveLength(1)
  expect(circle.states(item)).toEqual(['waiting_resource', 'running', 'done'])
})

it('takes one job after the other, also after one that failed, until it is told to stop', async () => {
  const broken = await circle.upload(utf8('no video at all'))
  const loop = await start(async () => roomy)
  expect(await circle.reached(broken, 'failed')).toMatchObject({ failure: 'job/unprocessable' })
  const item = await circle.upload(photo)
  await circle.reached(item, 'done')
  loop.stop()
  // It hangs at the server by then, which would keep it waiting for 20 s.
  const deadline = AbortSignal.timeout(5000)
  await loop.over
  expect(deadline.aborted).toBe(false)
})
