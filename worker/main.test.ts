import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestServer, type TestServer } from '../server/testing/test-server.ts'
import { utf8 } from '../shared/format/bytes.ts'
import { CHEAP, generate, picture, tone } from './fixtures.ts'
import { Circle } from './testing/circle.ts'
import { createStandIn } from './testing/stand-in.ts'

const folder = mkdtempSync(join(tmpdir(), 'kith-worker-main-'))
const trace = join(folder, 'trace')
const canTrace = spawnSync('strace', ['-f', '-o', trace, 'true']).status === 0
if (!canTrace) process.stderr.write('strace is missing or may not trace here: what the worker writes is not watched\n')

let server: TestServer
let circle: Circle
const running = new Set<ChildProcess>()
beforeAll(async () => {
  server = await startTestServer()
  circle = await Circle.open(server)
})
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL')
  await server.close()
  rmSync(folder, { recursive: true })
})

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))
const environment = (data: string): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  NODE_DISABLE_COMPILE_CACHE: '1',
  KITH_SERVER: server.url,
  KITH_WORKER_DATA: data,
  KITH_WORKER_TOKEN_FILE: join(server.deps.config.folders.secrets, 'worker-token'),
  // A busy test machine is no reason to wait.
  KITH_WORKER_MIN_MEMORY_MB: '0',
  KITH_WORKER_MAX_MEMORY_PERCENT: '101',
  KITH_WORKER_MAX_SWAP_MB: '1000000',
  KITH_WORKER_MAX_LOAD: '1000',
  KITH_WORKER_MIN_DISK_MB: '0',
})

/** The worker as people run it, in a group once it has said who it is. @param before what it is started by */
async function startWorker(data: string, env: Record<string, string> = {}, before: readonly string[] = []) {
  // The shell says who the worker is, whatever started it; then it is the worker.
  const words = [...before, 'sh', '-c', 'echo "$$"; exec "$@"', 'sh', process.execPath, MAIN]
  const child = spawn(words[0] ?? '', words.slice(1), {
    env: { ...environment(data), ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.add(child)
  const exited = once(child, 'exit').then(([code]) => {
    running.delete(child)
    return code as number | null
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const pid = Number((await lines.next()).value)
  for (let line = ''; !line.includes('"ready"'); ) {
    const { value, done } = await lines.next()
    if (done) throw new Error('the worker ended before it was ready')
    line = value
  }
  // It need not stop because nobody reads what it says.
  void Array.fromAsync({ [Symbol.asyncIterator]: () => lines })
  const { identity } = await circle.enrol(data)
  return { identity, stop: () => process.kill(pid, 'SIGTERM'), exited }
}

it('on SIGTERM ends what runs, gives its job back as if it had never had it, and ends well', async () => {
  const ffprobe = await createStandIn()
  try {
    const worker = await startWorker(join(folder, 'stopped'), { KITH_FFPROBE: ffprobe.program })
    const called = ffprobe.called()
    const item = await circle.upload(utf8('what only the circle may see'))
    const call = await called
    worker.stop()
    await call.gone
    expect(await worker.exited).toBe(0)
    expect((await circle.read(item)).job).toMatchObject({ state: 'queued', attempt: 0, stage: null, failure: null })
    expect(circle.states(item)).toEqual(['running', 'queued'])
  } finally {
    ffprobe.close()
  }
}, 60_000)

it('runs once in its folder; what is joined there meanwhile is for the one that runs', async () => {
  // Longer than the name of a socket may be.
  const data = join(folder, 'twice'.repeat(30))
  const worker = await startWorker(data)
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, [MAIN, ...args], { env: environment(data) }).then(
      ({ stdout }) => ({ code: 0, says: stdout }),
      ({ code, stderr }: { code: number; stderr: string }) => ({ code, says: stderr }),
    )
  const second = await run()
  expect(second.code).toBe(1)
  expect(second.says).toContain(`A worker runs in ${data} already. Stop it first.`)

  const other = await circle.another()
  const joined = await run('join', await other.inviteWorkers(1))
  expect(joined.code).toBe(0)
  expect(joined.says).toContain(`for ${server.url}, goes on with it`)
  const item = await other.upload(generate('tone.mp4', ...picture('320x240', 1), ...tone(1), ...CHEAP))
  await other.reached(item, 'done')
  worker.stop()
  expect(await worker.exited).toBe(0)
  expect(await other.documentOf(item, worker.identity)).toMatchObject({ status: 'ready' })
}, 60_000)

/** What `node` keeps for itself, and what is no file of a disk. */
const HARMLESS = /^(\/dev\/|\/proc\/|\/sys\/|pipe:|socket:)/
const CALLS = 'open,openat,openat2,creat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,truncate,mknod,mknodat'
const WRITES = /O_WRONLY|O_RDWR|O_CREAT|O_TMPFILE|^\d+ +(creat|rename|link|symlink|truncate|mknod)/
const CANARIES = ['Kanarienvogel', 'ftypisom']

it.skipIf(!canTrace)(
  'writes its identity and its pins to the disk and nothing else, nor does ffmpeg, through a whole job',
  async () => {
    const secret = ['-metadata', 'title=Kanarienvogel']
    const video = generate('secret.mp4', ...picture('854x480', 1), ...tone(1), ...CHEAP, ...secret)
    for (const canary of CANARIES) expect(Buffer.from(video).includes(canary)).toBe(true)
    const data = join(folder, 'traced')
    mkdirSync(data)
    const watch = ['strace', '-f', '-qq', '-s', '4096', '-e', `trace=${CALLS}`, '-o', trace]
    const worker = await startWorker(data, {}, watch)
    const item = await circle.upload(video)
    await circle.reached(item, 'done')
    worker.stop()
    expect(await worker.exited).toBe(0)
    expect(await circle.documentOf(item, worker.identity)).toMatchObject({ status: 'ready', width: 854 })

    const lines = readFileSync(trace, 'utf8').split('\n')
    // The watch itself works: that ffmpeg was started was seen.
    expect(lines.some((line) => line.includes('libavcodec'))).toBe(true)
    const writes = lines.filter((line) => WRITES.test(line))
    const files = writes.flatMap((line) => [...line.matchAll(/"([^"]*)"/g)].map(([, path = '']) => path))
    const own = ['groups.json', 'groups.json.new', 'identity.json', 'identity.json.draft'].map((name) =>
      join(data, name),
    )
    expect([...new Set(files)].filter((path) => !HARMLESS.test(path)).sort()).toEqual(own)
    expect(readdirSync(data).sort()).toEqual(['groups.json', 'identity.json'])
    for (const name of readdirSync(data)) {
      const kept = readFileSync(join(data, name), 'latin1')
      for (const canary of CANARIES) expect(kept.includes(canary), `${canary} in ${name}`).toBe(false)
    }
  },
  120_000,
)
