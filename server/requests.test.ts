import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addressKey } from './middleware/limits.ts'
import { isOurs } from './middleware/origin.ts'
import { seedPerson } from './testing/seed.ts'
import type { TestClient } from './testing/test-client.ts'
import { startTestServer, type TestServer } from './testing/test-server.ts'

let server: TestServer
let client: TestClient
const clientFolder = mkdtempSync(join(tmpdir(), 'kith-client-'))
beforeAll(async () => {
  mkdirSync(join(clientFolder, 'assets'))
  writeFileSync(join(clientFolder, 'index.html'), '<!doctype html><title>Kith</title>')
  writeFileSync(join(clientFolder, 'sw.js'), '// worker')
  writeFileSync(join(clientFolder, 'assets/main-Ab3_dE5x.js'), 'export {}'.repeat(300))
  server = await startTestServer({ config: { clientFolder } })
  client = (await seedPerson(server)).client
})
afterAll(() => server.close())

const JSON_TYPE = { 'Content-Type': 'application/json' }
const codeOf = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code]

describe('a request from a foreign page', () => {
  it.each([
    ['no Origin', { Origin: null }],
    ['a foreign Origin', { Origin: 'https://evil.example' }],
    ['the Origin "null"', { Origin: 'null' }],
    ['another port', { Origin: 'http://127.0.0.1:1' }],
    ['no X-Kith', { 'X-Kith': null }],
  ])('is refused with %s', async (_, headers) => {
    const sent = client.fetch('/api/sessions/current', { method: 'DELETE', headers })
    expect(await codeOf(await sent)).toEqual([403, 'request/forbidden-origin'])
  })

  it('is refused at sign-in too, so that nobody is signed in as somebody else', async () => {
    const headers = { ...JSON_TYPE, Origin: null }
    const sent = client.fetch('/api/sessions/start', { method: 'POST', headers, body: '{}' })
    expect(await codeOf(await sent)).toEqual([403, 'request/forbidden-origin'])
  })

  it('is refused as a form', async () => {
    const headers = { 'Content-Type': 'text/plain' }
    const sent = client.fetch('/api/sessions/start', {
      method: 'POST',
      headers,
      body: '{"username":"anna","requests":[]}',
    })
    expect(await codeOf(await sent)).toEqual([400, 'request/invalid'])
  })
})

describe('a body', () => {
  it.each([
    ['is too large', JSON.stringify({ username: 'x'.repeat(2 ** 20) }), [413, 'request/too-large']],
    ['is no JSON', '{"username":', [400, 'request/invalid']],
    ['has more than it should', '{"username":"anna","requests":["AA","AA"],"more":1}', [400, 'request/invalid']],
    ['has another prototype', '{"__proto__":{"username":"anna"}}', [400, 'request/invalid']],
  ])('that %s is refused', async (_, body, expected) => {
    const sent = client.fetch('/api/sessions/start', { method: 'POST', headers: JSON_TYPE, body })
    expect(await codeOf(await sent)).toEqual(expected)
  })
})

it('asking for large answers again and again is refused to the account, and to nobody else at its address', async () => {
  // A thousandth: three questions for an address, 256 KiB for an account.
  const strict = await startTestServer({ config: { rateScale: 0.001 } })
  try {
    const [anna, ben] = [await seedPerson(strict), await seedPerson(strict)]
    for (const { userId } of [anna, ben]) {
      const vault = { user_id: userId, name: 'settings', version: 1, sealed: Buffer.alloc(190_000) }
      await strict.deps.db('vault_items').insert(vault)
    }
    const ask = async (person: typeof anna) => (await person.client.fetch('/api/vault')).status
    expect([await ask(anna), await ask(anna), await ask(ben)]).toEqual([200, 429, 200])
  } finally {
    await strict.close()
  }
})

describe('the client', () => {
  const navigate = { headers: { Accept: 'text/html' } }

  it('is served with a policy that lets nothing foreign in', async () => {
    const page = await client.fetch('/', navigate)
    expect(await page.text()).toContain('<title>Kith')
    expect(page.headers.get('content-security-policy')).toBe(
      "default-src 'self';script-src 'self' 'wasm-unsafe-eval';img-src 'self' blob: data:;media-src 'self' blob:;" +
        "connect-src 'self';worker-src 'self';object-src 'none';base-uri 'none';frame-ancestors 'none';form-action 'self';" +
        "require-trusted-types-for 'script';trusted-types default lit-html",
    )
    expect(page.headers.get('referrer-policy')).toBe('no-referrer')
    expect(page.headers.get('cross-origin-opener-policy')).toBe('same-origin')
    expect(page.headers.get('strict-transport-security')).toBe(null)
    expect(page.headers.get('cache-control')).toBe('no-cache')
  })

  it('answers every place a person goes, and nothing that is missing', async () => {
    expect((await client.fetch('/library/x', navigate)).status).toBe(200)
    expect((await client.fetch('/assets/gone.js')).status).toBe(404)
    expect((await client.fetch('/api/nothing', navigate)).status).toBe(404)
  })

  it('caches what has its hash in its name, and asks again when it has not', async () => {
    const asset = await client.fetch('/assets/main-Ab3_dE5x.js', { headers: { 'Accept-Encoding': 'gzip' } })
    expect(asset.headers.get('cache-control')).toContain('immutable')
    expect(asset.headers.get('content-encoding')).toBe('gzip')
    const worker = await client.fetch('/sw.js')
    expect(worker.headers.get('cache-control')).toBe('no-cache')
    const headers = { 'If-None-Match': worker.headers.get('etag'), 'Cache-Control': 'max-age=0' }
    expect((await client.fetch('/sw.js', { headers })).status).toBe(304)
  })

  it.each(['/../server/config.ts', '/%2e%2e/package.json', '/assets/..%2f..%2fpackage.json', '//etc/passwd'])(
    'never leads out of its folder: %s',
    async (path) => expect((await client.fetch(path)).status).toBe(404),
  )

  it('says what to do where it is not built', async () => {
    const bare = await startTestServer({ config: { clientFolder: join(clientFolder, 'none') } })
    const page = await bare.client().fetch('/', navigate)
    expect(page.status).toBe(503)
    expect(await page.text()).toContain('npm run build')
    await bare.close()
  })
})

it.each([
  ['1.2.3.4', '1.2.3.4'],
  ['::ffff:1.2.3.4', '1.2.3.4'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['::1', '0:0:0:0'],
])('counts %s as %s', (ip, key) => expect(addressKey(ip)).toBe(key))

it.each([
  ['http://localhost:8420', true],
  ['http://127.0.0.1:8420', true],
  ['http://localhost:8421', false],
  ['https://localhost:8420', false],
  ['http://localhost.evil.example:8420', false],
  ['', false],
])('%s is ours: %s', (sent, ours) => expect(isOurs(sent, 'http://localhost:8420')).toBe(ours))
