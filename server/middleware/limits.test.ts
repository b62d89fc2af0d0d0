import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  createAccount,
  finishRecovery,
  finishSignIn,
  startRecovery,
  startRegistration,
  startSignIn,
} from '../../shared/wire/accounts.ts'
import { findInvite, openInvite } from '../../shared/wire/groups.ts'
import { finishWorkerSession, registerWorker, startWorkerSession } from '../../shared/wire/workers.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let server: TestServer
let addresses = 0
beforeAll(async () => {
  server = await startTestServer({ config: { rateScale: 1, trustProxy: true } })
})
afterAll(() => server.close())

const newAddress = () => `203.0.113.${++addresses}`

async function post(path: string, address: string, body: object = {}) {
  const { status, headers } = await server.client().fetch(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Forwarded-For': address },
    body: JSON.stringify(body),
  })
  return { status, retryAfterS: Number(headers.get('retry-after')) }
}

/** What nobody has to be signed in for, so that an address is all there is to count by. */
it.each([
  ['a sign-in', startSignIn, 60, 300],
  ['the end of a sign-in', finishSignIn, 60, 300],
  ['a sign-up', startRegistration, 40, 3600],
  ['the end of a sign-up', createAccount, 40, 3600],
  ['an invite by its words', findInvite, 30, 600],
  ['an invite by its key', openInvite, 30, 600],
  ['a recovery', startRecovery, 10, 900],
  ['the end of a recovery', finishRecovery, 10, 900],
  ['a new worker', registerWorker, 60, 600],
  ['a worker’s session', startWorkerSession, 60, 600],
  ['the end of a worker’s session', finishWorkerSession, 60, 600],
])(
  '%s is asked for as often as is allowed from one address, and then refused for a while',
  async (_, { path }, times, seconds) => {
    const address = newAddress()
    for (let i = 0; i < times; i++) expect((await post(path, address)).status).not.toBe(429)
    const { status, retryAfterS } = await post(path, address)
    expect(status).toBe(429)
    expect(retryAfterS).toBeGreaterThan(0)
    expect(retryAfterS).toBeLessThanOrEqual(seconds)
    // Somebody else is not.
    expect((await post(path, newAddress())).status).not.toBe(429)
  },
)

it.each([
  ['one password is guessed', startSignIn, { requests: ['A'.repeat(43), 'A'.repeat(43)] }, 20],
  ['one recovery is tried', startRecovery, {}, 10],
])('%s from many addresses', async (_, { path }, body, times) => {
  for (let i = 0; i < times; i++)
    expect((await post(path, newAddress(), { username: 'anna', ...body })).status).not.toBe(429)
  expect((await post(path, newAddress(), { username: 'anna', ...body })).status).toBe(429)
  expect((await post(path, newAddress(), { username: 'berta', ...body })).status).not.toBe(429)
})

it('gives the two halves of a sign-in one budget: no more attempts by leaving one out', async () => {
  const address = newAddress()
  for (let i = 0; i < 30; i++) for (const { path } of [startSignIn, finishSignIn]) await post(path, address)
  expect((await post(startSignIn.path, address)).status).toBe(429)
})
