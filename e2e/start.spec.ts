import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test as base, expect } from '@playwright/test'
import { PROJECT } from './support/processes.ts'
import { freePort } from './support/world.ts'

/** `npm start`, as a terminal runs it: the leader of a group of its own. */
class Start {
  readonly #child: ChildProcess
  stdout = ''
  stderr = ''
  readonly ended: Promise<number | NodeJS.Signals | null>

  /** @param under runs it, such as another user or a view of the disk of its own. */
  constructor(env: Record<string, string>, under: readonly string[] = []) {
    const { PATH = '', HOME = '', NODE_COMPILE_CACHE = '' } = process.env
    const [program = '', ...args] = [...under, 'sh', join(PROJECT, 'bin/start')]
    this.#child = spawn(program, args, {
      cwd: PROJECT,
      env: { PATH, HOME, NODE_COMPILE_CACHE, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    this.#child.stdout?.on('data', (data) => {
      this.stdout += data
    })
    this.#child.stderr?.on('data', (data) => {
      this.stderr += data
    })
    this.ended = new Promise((resolve) => this.#child.once('close', (code, signal) => resolve(code ?? signal)))
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Everything it says until it is up. */
  async up(): Promise<string> {
    await expect.poll(() => this.stdout + this.stderr, { timeout: 60_000 }).toContain('Ctrl-C ends it.')
    return this.stdout
  }

  /** To the whole group, as a terminal does it. */
  signal(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal)
  }
}

interface Fixtures {
  folder: string
  start: (env?: Record<string, string>, under?: readonly string[]) => Start
}
const test = base.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads which fixtures are wanted from the pattern
  folder: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'kith-start-'))
    await use(folder)
    rmSync(folder, { recursive: true, force: true })
  },
  start: async ({ folder }, use) => {
    const port = String(await freePort())
    const starts: Start[] = []
    await use((env = {}, under = []) => {
      const start = new Start({ KITH_DATA: join(folder, 'data'), KITH_PORT: port, ...env }, under)
      starts.push(start)
      return start
    })
    for (const start of starts) {
      // What runs beneath it ends with it.
      if (isRunning(start.pid)) start.signal('SIGKILL')
      await start.ended
    }
  },
})

/** Every process: `ps` is not everywhere, `/proc` is where Linux is. Those that ended and were not yet waited for are left out. */
function processes(): { pid: number; parent: number }[] {
  const lines = existsSync('/proc/self/stat')
    ? readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? statOf(name) : []))
    : spawnSync('ps', ['-A', '-o', 'pid=,state=,ppid='], { encoding: 'utf8' }).stdout.split('\n')
  return lines.flatMap((line) => {
    const [pid, state, parent] = line.trim().split(/\s+/)
    return state && !state.startsWith('Z') ? [{ pid: Number(pid), parent: Number(parent) }] : []
  })
}
function statOf(pid: string): string[] {
  try {
    // The name stands in brackets, and may hold anything.
    return [`${pid} ${readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)}`]
  } catch {
    return []
  }
}
const isRunning = (pid: number) => processes().some((found) => found.pid === pid)
const childrenOf = (pid: number) => processes().flatMap((found) => (found.parent === pid ? [found.pid] : []))

test('npm start says where Kith is; Ctrl-C ends all of it, and the next start goes on where it was', async ({
  folder,
  start,
  page,
}) => {
  const data = join(folder, 'data')
  const first = start()
  const said = await first.up()
  expect(said).toMatch(
    new RegExp(`^Kith   http://localhost:\\d+\nData   ${data}\nWorker (\\d{5}[ -]){5}\\d{5}\nCtrl-C ends it\\.\n$`),
  )
  expect(first.stderr).toBe('')
  const address = /http:\S+/.exec(said)?.[0] ?? ''
  await page.goto(address)
  await expect(page.getByRole('heading', { name: 'Make your circle' })).toBeVisible()
  // As on a phone that is given the machine's address: a page without HTTPS gets no cryptography.
  await page.route('http://kith.home.example/**', async (route) => {
    const url = route.request().url().replace('http://kith.home.example', address)
    await route.fulfill({ response: await route.fetch({ url }) })
  })
  await page.goto('http://kith.home.example/')
  await expect(page.getByRole('alert')).toContainText('over HTTPS only')

  const secrets = () =>
    readdirSync(join(data, 'secrets')).map((name) => readFileSync(join(data, 'secrets', name), 'utf8'))
  const before = secrets()
  expect(before.length).toBeGreaterThan(0)
  const programs = childrenOf(first.pid)
  expect(programs).toHaveLength(2)
  first.signal('SIGINT')
  expect(await first.ended).toBe(0)
  expect(programs.filter(isRunning)).toEqual([])

  const second = start()
  expect(await second.up()).toBe(said)
  expect(secrets()).toEqual(before)
  // Killed, it leaves nothing behind that would hold the port.
  const others = childrenOf(second.pid)
  expect(others).toHaveLength(2)
  second.signal('SIGKILL')
  await expect.poll(() => others.filter(isRunning)).toEqual([])
})

const NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
/** Root writes where rights forbid it. */
const anyUser = process.getuid?.() === 0 ? NOBODY : []
const READ_ONLY = ['unshare', '-rm', 'sh', '-c', 'mount -t tmpfs -o ro none "$KITH_DATA" && exec "$@"', 'sh']
/** Whether that can be done here, and leaves the project readable. */
function can(under: readonly string[], folder: string): boolean {
  const [program = '', ...args] = [...under, 'test', '-r', join(PROJECT, 'bin/start')]
  return spawnSync(program, args, { env: { ...process.env, KITH_DATA: join(folder, 'data') } }).status === 0
}

interface Obstacle {
  what: string
  sentence: RegExp
  prepare: (folder: string) => Promise<Record<string, string>> | Record<string, string>
  under?: readonly string[]
}
const OBSTACLES: Obstacle[] = [
  {
    what: 'a port that is taken',
    sentence: /^Port \d+ is taken: /,
    prepare: async () => {
      const other = createServer()
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
      other.unref()
      return { KITH_PORT: String((other.address() as { port: number }).port) }
    },
  },
  {
    what: 'a data folder of somebody else',
    sentence: /^The data folder \S+ cannot be written \(EACCES\): /,
    prepare: (folder) => {
      mkdirSync(join(folder, 'data'))
      chmodSync(join(folder, 'data'), 0o555)
      chmodSync(folder, 0o755)
      return {}
    },
    under: anyUser,
  },
  {
    what: 'a data folder on a disk that is read-only',
    sentence: /^The data folder \S+ cannot be written \(EROFS\): /,
    prepare: (folder) => {
      mkdirSync(join(folder, 'data'))
      return {}
    },
    under: READ_ONLY,
  },
  {
    what: 'a damaged database',
    sentence: /^The database \S+ is damaged/,
    prepare: (folder) => {
      mkdirSync(join(folder, 'data'))
      writeFileSync(join(folder, 'data', 'kith.sqlite'), 'This was a database once. '.repeat(400))
      return {}
    },
  },
  {
    what: 'no ffmpeg',
    sentence: /^kith: \/nowhere\/ffmpeg is not there: /,
    prepare: () => ({ KITH_FFMPEG: '/nowhere/ffmpeg' }),
  },
  { what: 'junk in a setting', sentence: /^KITH_PORT must be /, prepare: () => ({ KITH_PORT: 'eight' }) },
]

for (const { what, sentence, prepare, under = [] } of OBSTACLES) {
  test(`npm start says in one sentence that it does not start with ${what}`, async ({ folder, start }) => {
    const env = await prepare(folder)
    test.skip(!can(under, folder), 'needs setpriv, or a view of the disk of its own')
    const refused = start(env, under)
    expect(await refused.ended).toBeGreaterThan(0)
    expect(refused.stderr).toMatch(sentence)
    expect(refused.stderr.trim().split('\n')).toHaveLength(1)
    expect(refused.stdout).toBe('')
  })
}
