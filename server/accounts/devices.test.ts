import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseDeviceId, type UserId } from '../../shared/format/ids.ts'
import { listSessions, readSession, removeSession, signOut } from '../../shared/wire/accounts.ts'
import { randomId, seedPerson } from '../testing/seed.ts'
import type { TestClient } from '../testing/test-client.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'
import { sessionCookie } from './cookie.ts'
import { createSession, sweepSessions } from './sessions.ts'

let server: TestServer
let userId: UserId
let laptop: TestClient
let phone: TestClient

async function another(): Promise<TestClient> {
  const { token } = await createSession(server.deps, server.deps.db, userId, parseDeviceId(randomId()))
  const client = server.client()
  client.cookies.set(sessionCookie(server.deps.config.origin).name, token)
  return client
}
const idOf = async (client: TestClient): Promise<string> =>
  (await client.call(listSessions)).sessions.find(({ isCurrent }) => isCurrent)?.sessionId ?? ''
const code = (name: string) => expect.objectContaining({ code: name })

beforeEach(async () => {
  server = await startTestServer()
  ;({ userId, client: laptop } = await seedPerson(server))
  server.clock.advance(1000)
  phone = await another()
})
afterEach(() => server.close())

describe('devices', () => {
  it('are listed, this one marked, without names', async () => {
    const { sessions } = await phone.call(listSessions)
    expect(sessions).toHaveLength(2)
    expect(sessions.filter(({ isCurrent }) => isCurrent)).toHaveLength(1)
    expect(Object.keys(sessions[0] ?? {})).toEqual(['sessionId', 'createdAt', 'seenAt', 'isCurrent'])
  })

  it('are signed out from afar: told at once, and with the next word that everything is to be forgotten', async () => {
    await laptop.call(removeSession, { params: { sessionId: await idOf(phone) } })
    expect(server.notices.at(-1)).toMatchObject({ kind: 'ended', isRemoved: true })
    await expect(phone.call(readSession)).rejects.toEqual(code('auth/removed'))
    await expect(phone.call(readSession)).rejects.toEqual(code('auth/removed'))
    expect((await laptop.call(listSessions)).sessions).toHaveLength(1)
    // Twice does no harm.
    await laptop.call(removeSession, { params: { sessionId: 'gone' } })
  })

  it('all others at once, never the one that asks', async () => {
    const tablet = await another()
    await phone.call(removeSession, { params: { sessionId: 'others' } })
    for (const client of [laptop, tablet]) await expect(client.call(readSession)).rejects.toEqual(code('auth/removed'))
    await phone.call(readSession)
  })

  it.each(['others', 'one'])('are not erased by whoever has no more than the cookie: %s', async (which) => {
    server.clock.advance(10 * 60_000)
    const thief = phone
    const sessionId = which === 'others' ? 'others' : await idOf(laptop)
    await expect(thief.call(removeSession, { params: { sessionId } })).rejects.toEqual(code('auth/expired'))
    await laptop.call(readSession)
  })

  it('of somebody else are out of reach', async () => {
    const eve = await seedPerson(server)
    await eve.client.call(removeSession, { params: { sessionId: await idOf(phone) } })
    await eve.client.call(removeSession, { params: { sessionId: 'others' } })
    await phone.call(readSession)
  })

  it('that signed out by themselves are only signed out', async () => {
    const cookies = new Map(phone.cookies)
    await phone.call(signOut)
    for (const [name, value] of cookies) phone.cookies.set(name, value)
    await expect(phone.call(readSession)).rejects.toEqual(code('auth/required'))
  })

  it('are remembered as removed for as long as a session could last', async () => {
    await laptop.call(removeSession, { params: { sessionId: await idOf(phone) } })
    server.clock.advance(server.deps.config.sessionMaxMs)
    await sweepSessions(server.deps)
    await expect(phone.call(readSession)).rejects.toEqual(code('auth/required'))
  })
})
