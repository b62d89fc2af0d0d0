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

it('answers what it does not have with a problem', async () => {
  const response = await server.client().fetch('/api/nothing')
  expect(response.status).toBe(404)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(await response.json()).toMatchObject({ code: 'request/not-found', status: 404 })
})
