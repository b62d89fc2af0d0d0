import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { startTestServer, type TestServer } from '../server/testing/test-server.ts'
import { isAppError } from '../shared/errors.ts'
import { openIdentity, readInvited } from './identity.ts'
import { joinByInvite } from './join.ts'
import { Circle } from './testing/circle.ts'

const folder = mkdtempSync(join(tmpdir(), 'kith-join-'))
let server: TestServer
let circle: Circle
beforeAll(async () => {
  server = await startTestServer()
  circle = await Circle.open(server)
})
afterEach(() => vi.restoreAllMocks())
afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})

/** Calls `before` for each request that adds to a group's log; it is sent when that has ended. */
function onAppend(before: () => Promise<void>): void {
  const send = globalThis.fetch
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    if (init?.method === 'POST' && /\/groups\/[\w-]+\/log$/.test(String(input))) await before()
    return send(input, init)
  })
}

it('lets in all who join at the same moment, though one alone can be the next in the log', async () => {
  const link = await circle.inviteWorkers(3)
  let ready = 0
  const all = Promise.withResolvers<void>()
  onAppend(async () => {
    if (++ready === 3) all.resolve()
    await all.promise
  })
  const folders = ['first', 'second', 'third'].map((name) => join(folder, name))
  expect(await Promise.all(folders.map((each) => joinByInvite(each, link, null)))).toEqual(Array(3).fill(server.url))
  expect(ready).toBeGreaterThan(3)

  const { workers } = await circle.ada.readGroup(circle.groupId)
  const identities = await Promise.all(folders.map(openIdentity))
  expect([...workers.keys()].sort()).toEqual(identities.map(({ workerId }) => workerId).sort())
  const invited = await Promise.all(folders.map(readInvited))
  expect(invited.map((keys) => keys.map(({ groupId }) => groupId))).toEqual(Array(3).fill([circle.groupId]))
})

it('gives up after a few times on a server that always names a conflict, and says what to do', async () => {
  const link = await circle.inviteWorkers(1)
  let tries = 0
  // Somebody is faster each time.
  onAppend(async () => {
    tries++
    if (tries % 2 === 1) await circle.inviteWorkers(1)
  })
  const error = await joinByInvite(join(folder, 'late'), link, null).catch((thrown: unknown) => thrown)
  expect(isAppError(error, 'log/conflict')).toBe(true)
  expect((error as Error).message).toContain('Try again')
  expect(tries).toBe(16)
})
