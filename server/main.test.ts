import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import knex from 'knex'
import { io } from 'socket.io-client'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readSession } from '../shared/wire/accounts.ts'
import { SOCKET_PATH } from '../shared/wire/events.ts'
import { readVault, writeVault } from '../shared/wire/vault.ts'
import { systemClock } from './deps.ts'
import { openSecrets } from './secrets.ts'
import { box } from './testing/signing.ts'
import { spawnEnv } from './testing/spawned-server.ts'
import { TestClient } from './testing/test-client.ts'
import { TestPerson } from './testing/test-person.ts'
import type { TestServer } from './testing/test-server.ts'

const MAIN = join(dirname(fileURLToPath(import.meta.url)), 'main.ts')
let folder: string
const children: ChildProcess[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kith-main-'))
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

function start(env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN], {
    env: { ...spawnEnv(folder), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  const output = { stdout: '', stderr: '' }
  child.stderr.on('data', (data) => {
    output.stderr += data
  })
  const ready = new Promise<string>((resolve) =>
    child.stdout.on('data', (data) => {
      output.stdout += data
      const url = /^Kith listens on (\S+)/m.exec(output.stdout)?.[1]
      if (url) resolve(url)
    }),
  )
  const exited = new Promise<number | string>((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal ?? -1)),
  )
  return { child, ready, exited, output }
}

/** A person who talks to a spawned server. */
async function personAt(url: string): Promise<TestPerson> {
  const secrets = await openSecrets(join(folder, 'secrets'))
  const server = { clock: systemClock, client: () => new TestClient(url), deps: { secrets } } as unknown as TestServer
  return new TestPerson(server, 'anna')
}

it('keeps what it acknowledged when it is killed while writing, and starts again', async () => {
  const first = start()
  const anna = await (await personAt(await first.ready)).signUp()
  let acknowledged = 1
  const writing = (async () => {
    for (;;) {
      const index = { version: acknowledged + 1, sealed: box(2000) }
      const body = anna.vaultWrite({ ifIndexVersion: acknowledged, index, put: [], remove: [] })
      await anna.client.call(writeVault, { body })
      acknowledged++
      if (acknowledged === 30) first.child.kill('SIGKILL')
    }
  })()
  await expect(writing).rejects.toThrow()
  expect(await first.exited).toBe('SIGKILL')

  const second = start()
  const client = new TestClient(await second.ready)
  for (const [name, value] of anna.client.cookies) client.cookies.set(name, value)
  expect(await client.call(readSession)).toMatchObject({ userId: anna.userId })
  const version = (await client.call(readVault)).index?.version ?? 0
  // The last write may have been stored without its answer; never the other way round.
  expect([acknowledged, acknowledged + 1]).toContain(version)
  expect((await client.fetch('/readyz')).status).toBe(200)
  second.child.kill('SIGTERM')
  expect(await second.exited).toBe(0)
}, 30_000)

it.each(['SIGTERM', 'SIGINT'] as const)('ends cleanly on %s and keeps its secrets to itself', async (signal) => {
  const { child, ready, exited } = start()
  await fetch(`${await ready}/healthz`)
  child.kill(signal)
  expect(await exited).toBe(0)
  expect(readdirSync(folder).sort()).toEqual(['blobs', 'kith.sqlite', 'secrets', 'uploads'])
  for (const name of readdirSync(join(folder, 'secrets'))) {
    expect(statSync(join(folder, 'secrets', name)).mode & 0o777).toBe(0o600)
  }
})

it('logs nothing of names, queries, cookies and addresses', async () => {
  const { child, ready, exited, output } = start()
  const url = await ready
  const anna = await (await personAt(url)).signUp()
  await anna.signIn('wrong').catch(() => {})
  await anna.client.fetch('/api/groups?canary-query=1')
  child.kill('SIGTERM')
  await exited
  expect(output.stdout).toContain('"route":"/api/sessions/start"')
  const [cookie = ''] = anna.client.cookies.values()
  for (const secret of ['anna', 'canary', cookie, '127.0.0.1:']) expect(output.stdout).not.toContain(secret)
})

it.each([
  [
    'a port that is taken',
    async () => {
      const other = createServer()
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
      const { port } = other.address() as { port: number }
      return { env: { KITH_PORT: String(port) }, after: () => other.close() }
    },
    /^Port \d+ is taken/,
    69,
  ],
  [
    'a data folder that cannot be written',
    async () => {
      writeFileSync(join(folder, 'file'), '')
      return { env: { KITH_DATA: join(folder, 'file', 'data') } }
    },
    /^The data folder \S+ cannot be written/,
    73,
  ],
  [
    'a database that is damaged',
    async () => {
      writeFileSync(
        join(folder, 'kith.sqlite'),
        'This is not a database, and long enough to be sure of it.'.repeat(100),
      )
      return { env: {} }
    },
    /^The database \S+ is damaged/,
    65,
  ],
  [
    'a database of a newer Kith',
    async () => {
      const db = knex({ client: 'sqlite3', connection: join(folder, 'kith.sqlite'), useNullAsDefault: true })
      await db.schema.createTable('knex_migrations', (table) => table.text('name'))
      await db('knex_migrations').insert({ name: '9999_future' })
      await db.destroy()
      return { env: {} }
    },
    /^The database was made by a newer Kith/,
    65,
  ],
  ['junk in the environment', async () => ({ env: { KITH_SIGNUP: 'maybe' } }), /^KITH_SIGNUP must be one of/, 78],
] as [string, () => Promise<{ env: Record<string, string>; after?: () => void }>, RegExp, number][])(
  'says in one sentence that it does not start with %s',
  async (_, prepare, sentence, exitCode) => {
    const { env, after } = await prepare()
    const { exited, output } = start(env)
    expect(await exited).toBe(exitCode)
    after?.()
    expect(output.stderr).toMatch(sentence)
    expect(output.stderr.trim().split('\n')).toHaveLength(1)
  },
)

it('finds a database of which a page was overwritten', async () => {
  const first = start()
  await (await personAt(await first.ready)).signUp()
  first.child.kill('SIGTERM')
  await first.exited
  const path = join(folder, 'kith.sqlite')
  const bytes = readFileSync(path)
  bytes.fill(0xff, 4096, 3 * 4096)
  writeFileSync(path, bytes)
  const { exited, output } = start()
  expect(await exited).toBe(65)
  expect(output.stderr).toMatch(/damaged/)
})

it('answers what is under way before it ends', async () => {
  const { child, ready, exited } = start()
  const url = await ready
  const sent = fetch(`${url}/api/sessions`, {
    method: 'POST',
    headers: { Origin: url, 'X-Kith': '1', 'Content-Type': 'application/json' },
    body: JSON.stringify({ signInId: 'A', slot: 0, finish: 'A', deviceId: 'A'.repeat(22) }),
  })
  await new Promise((resolve) => setTimeout(resolve, 100))
  child.kill('SIGTERM')
  expect((await sent).status).toBe(401)
  expect(await exited).toBe(0)
})

it('is not ready while it ends', async () => {
  const { child, ready, exited, output } = start()
  const url = new URL(await ready)
  // Under way when the end begins: it is answered still, and no new connection would be.
  const socket = connect(Number(url.port), url.hostname)
  await once(socket, 'connect')
  socket.write(`GET /readyz HTTP/1.1\r\nHost: ${url.host}\r\n`)
  // A whole request by another connection: what was written before it has arrived.
  await fetch(`${url.origin}/healthz`)
  const stopping = new Promise<void>((resolve) =>
    child.stdout.on('data', () => output.stdout.includes('"stopping"') && resolve()),
  )
  child.kill('SIGTERM')
  await stopping
  socket.write('Connection: close\r\n\r\n')
  let answer = ''
  for await (const part of socket) answer += part
  expect(answer).toMatch(/^HTTP\/1\.1 503 /)
  expect(answer).toContain('"database":false')
  expect(await exited).toBe(0)
})

it('ends although a page still listens', async () => {
  const { child, ready, exited } = start()
  const url = await ready
  const anna = await (await personAt(url)).signUp()
  const Cookie = [...anna.client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const socket = io(url, {
    path: SOCKET_PATH,
    transports: ['websocket'],
    reconnection: false,
    extraHeaders: { Origin: url, Cookie },
  })
  await new Promise((resolve) => socket.once('connect', () => resolve(null)))
  const startedAt = Date.now()
  child.kill('SIGTERM')
  expect(await exited).toBe(0)
  expect(Date.now() - startedAt).toBeLessThan(3000)
})
