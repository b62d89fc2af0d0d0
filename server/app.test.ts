import { rm, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readInstance } from '../shared/wire/accounts.ts'
import { startTestServer, type TestServer } from './testing/test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

it('says what anybody may know', async () => {
  expect(await server.client().call(readInstance)).toMatchObject({ needsOwner: true, signup: 'invite' })
})

it('is alive and ready', async () => {
  const client = server.client()
  expect(await (await client.fetch('/healthz')).json()).toEqual({ status: 'ok' })
  expect(await (await client.fetch('/readyz')).json()).toEqual({ status: 'ok', database: true, blobs: true })
})

it.each([
  ['database', (broken: TestServer) => broken.deps.db.destroy()],
  [
    'blobs',
    async (broken: TestServer) => {
      const { blobs } = broken.deps.config.folders
      await rm(blobs, { recursive: true })
      await writeFile(blobs, '') // a folder that is only missing would be made again
    },
  ],
] as const)('is alive and not ready without its %s', async (what, lose) => {
  const broken = await startTestServer()
  try {
    await lose(broken)
    const client = broken.client()
    const response = await client.fetch('/readyz')
    expect(response.status).toBe(503)
    const all = { status: 'unavailable', database: true, blobs: true }
    expect(await response.json()).toEqual({ ...all, [what]: false })
    expect((await client.fetch('/healthz')).status).toBe(200)
  } finally {
    await broken.close()
  }
})

it('answers what it does not have with a problem', async () => {
  const response = await server.client().fetch('/api/nothing')
  expect(response.status).toBe(404)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(await response.json()).toMatchObject({ code: 'request/not-found', status: 404 })
})
