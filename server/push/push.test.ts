import { createPublicKey, verify } from 'node:crypto'
import { Writable } from 'node:stream'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { removeSession, signOut } from '../../shared/wire/accounts.ts'
import { endConnection, writeReceipt } from '../../shared/wire/connections.ts'
import { block } from '../../shared/wire/people.ts'
import { readPushKey, removePushSubscription, writePushSubscription } from '../../shared/wire/push.ts'
import { sessionCookie } from '../accounts/cookie.ts'
import { destroyAccount } from '../accounts/destroy.ts'
import { createSession } from '../accounts/sessions.ts'
import { accept, ask, befriend, sealedBy, seedTalker, send, type Talker } from '../testing/chat.ts'
import { type PushService, startPushService } from '../testing/push-service.ts'
import { box } from '../testing/signing.ts'
import type { TestClient } from '../testing/test-client.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'
import { startPush } from './push.ts'

let service: PushService
let server: TestServer
let [anna, ben] = [] as unknown as [Talker, Talker]
beforeEach(async () => {
  service = await startPushService()
  server = await startTestServer({ config: { pushPrivateHosts: [service.host] } })
  anna = await seedTalker(server, 'anna')
  ben = await seedTalker(server, 'ben')
})
afterEach(async () => {
  await server.close()
  await service.close()
})

function subscribe(client: TestClient, path: string, origin = service.url): Promise<void> {
  const body = { endpoint: `${origin}${path}`, p256dh: box(65), auth: box(16) }
  return client.call(writePushSubscription, { body })
}
/** Another browser of the same person. */
async function secondBrowser({ userId, deviceId }: Talker): Promise<TestClient> {
  const { token } = await createSession(server.deps, server.deps.db, userId, deviceId)
  const client = server.client()
  client.cookies.set(sessionCookie(server.url).name, token)
  return client
}
const endpoints = () => server.deps.db('push_subscriptions').orderBy('endpoint').pluck('endpoint')
const paths = () => service.pushed.map(({ path }) => path)
let counter = 0
const say = (from: Talker, connectionId: Awaited<ReturnType<typeof befriend>>['connectionId']) =>
  send(from, connectionId, sealedBy(from, connectionId, { counter: ++counter }))

it('wakes every browser of whoever gets a message, with nothing in it', async () => {
  const { connectionId } = await befriend(anna, ben)
  await subscribe(ben.client, '/phone')
  await subscribe(await secondBrowser(ben), '/laptop')
  await subscribe(anna.client, '/sender')
  await say(anna, connectionId)
  await service.reached(2)
  expect(paths().sort()).toEqual(['/laptop', '/phone'])
  for (const { method, headers, bodyBytes } of service.pushed) {
    expect([method, bodyBytes]).toEqual(['POST', 0])
    expect(headers).toMatchObject({ ttl: '86400', urgency: 'normal', topic: expect.stringMatching(/^[\w-]{32}$/) })
    // Neither the message nor who it is from or to.
    for (const id of [connectionId, anna.userId, ben.userId]) expect(JSON.stringify(headers)).not.toContain(id)
  }
  const [one, other] = service.pushed.map(({ headers }) => headers.topic)
  expect(one).not.toBe(other)
})

it('says who it is by a key that the browser was told (RFC 8292)', async () => {
  const { publicKey } = await ben.client.call(readPushKey)
  const { connectionId } = await befriend(anna, ben)
  await subscribe(ben.client, '/phone')
  await say(anna, connectionId)
  await service.reached(1)
  const [, token = '', key] =
    /^vapid t=([\w.-]+), k=([\w-]+)$/.exec(String(service.pushed[0]?.headers.authorization)) ?? []
  expect(Buffer.from(key ?? '', 'base64url')).toEqual(Buffer.from(publicKey))
  const [head = '', claims = '', sig = ''] = token.split('.')
  const coordinate = (from: number) => Buffer.from(publicKey.subarray(from, from + 32)).toString('base64url')
  const jwk = { kty: 'EC', crv: 'P-256', x: coordinate(1), y: coordinate(33) }
  const verifier = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' } as const
  expect(verify('sha256', Buffer.from(`${head}.${claims}`), verifier, Buffer.from(sig, 'base64url'))).toBe(true)
  expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({ aud: service.url })
})

it('wakes whoever is asked, and whoever is accepted; a denial wakes nobody', async () => {
  await subscribe(anna.client, '/anna')
  await subscribe(ben.client, '/ben')
  const view = await ask(anna, ben)
  await service.reached(1)
  await accept(ben, view)
  await service.reached(2)
  expect(paths()).toEqual(['/ben', '/anna'])
})

it('wakes the other browsers once more when something was seen on one', async () => {
  const { connectionId } = await befriend(anna, ben)
  const laptop = await secondBrowser(ben)
  await subscribe(ben.client, '/phone')
  await subscribe(laptop, '/laptop')
  const seen = (revision: number) =>
    laptop.call(writeReceipt, {
      params: { connectionId },
      body: { deviceId: ben.deviceId, revision, peer: box(80), own: box(80) },
    })
  await seen(1)
  await say(anna, connectionId)
  await service.reached(2)
  await seen(2)
  await service.reached(3)
  await seen(3)
  await say(anna, connectionId)
  await service.reached(5)
  expect(paths().slice(0, 2).sort()).toEqual(['/laptop', '/phone'])
  expect(paths()[2]).toBe('/phone')
  expect(paths().slice(3).sort()).toEqual(['/laptop', '/phone'])
})

it('lets no message wait for a push service, and makes one push of many', async () => {
  const { connectionId } = await befriend(anna, ben)
  await subscribe(ben.client, '/slow')
  let release = (_status: number) => {}
  const held = new Promise<number>((resolve) => {
    release = resolve
  })
  service.answer = () => held
  await say(anna, connectionId)
  await service.reached(1)
  for (let i = 0; i < 20; i++) await say(anna, connectionId)
  // The database answers in turn: after these, all wakes so far have asked what they ask.
  for (let i = 0; i < 3; i++) await endpoints()
  expect(service.pushed).toHaveLength(1)
  service.answer = () => 201
  release(201)
  await service.reached(2)
  // Nothing else is on its way: whoever stops waits for all that is.
  await subscribe(anna.client, '/last')
  await say(ben, connectionId)
  await service.reached(3)
  expect(paths()).toEqual(['/slow', '/slow', '/last'])
})

describe('a browser that was signed out from another device', () => {
  const removed = { sessionId: 'others' }

  it('is woken once more, though its subscription is gone, with nothing in it; no other one is', async () => {
    const { connectionId } = await befriend(anna, ben)
    await subscribe(ben.client, '/phone')
    const laptop = await secondBrowser(ben)
    await subscribe(laptop, '/laptop')
    await subscribe(anna.client, '/anna')
    await laptop.call(removeSession, { params: removed })
    await service.reached(1)
    expect(service.pushed).toMatchObject([{ path: '/phone', method: 'POST', bodyBytes: 0 }])
    expect(await endpoints()).toEqual([`${service.url}/anna`, `${service.url}/laptop`])
    // Nothing else was on its way; and of what is written from now on it hears nothing.
    await say(anna, connectionId)
    await service.reached(2)
    expect(paths()).toEqual(['/phone', '/laptop'])
  })

  it('is woken also where a push to it is just on its way, which it may have answered before', async () => {
    const { connectionId } = await befriend(anna, ben)
    await subscribe(ben.client, '/phone')
    const laptop = await secondBrowser(ben)
    const held = Promise.withResolvers<number>()
    service.answer = () => held.promise
    await say(anna, connectionId)
    await service.reached(1)
    await laptop.call(removeSession, { params: removed })
    held.resolve(201)
    await service.reached(2)
    expect(paths()).toEqual(['/phone', '/phone'])
  })

  it('is not waited for by whoever signs it out', async () => {
    await subscribe(ben.client, '/slow')
    service.answer = () => new Promise(() => undefined)
    await (await secondBrowser(ben)).call(removeSession, { params: removed })
    await service.reached(1)
  })

  it('is woken where the account was destroyed, but not the one that it was typed in: that goes on looking locked', async () => {
    await subscribe(ben.client, '/typed-here')
    await subscribe(await secondBrowser(ben), '/laptop')
    const [token = null] = ben.client.cookies.values()
    await destroyAccount(server.deps, ben.userId, token)
    await service.reached(1)
    await subscribe(anna.client, '/anna')
    await accept(anna, await ask(await seedTalker(server, 'cleo'), anna))
    await service.reached(2)
    expect(paths()).toEqual(['/laptop', '/anna'])
  })
})

describe('a subscription', () => {
  it.each([404, 410])('ends where the push service answers %i', async (status) => {
    const { connectionId } = await befriend(anna, ben)
    await subscribe(ben.client, '/gone')
    service.answer = () => status
    await say(anna, connectionId)
    await expect.poll(endpoints).toEqual([])
  })

  it.each([301, 400, 429, 500, 503])('stays where it answers %i, and no redirect is followed', async (status) => {
    const { connectionId } = await befriend(anna, ben)
    await subscribe(ben.client, '/busy')
    service.answer = () => status
    await say(anna, connectionId)
    await service.reached(1)
    await say(anna, connectionId)
    await service.reached(2)
    expect(await endpoints()).toHaveLength(1)
  })

  it('ends with the session, by hand, and when a later one replaces it', async () => {
    await subscribe(ben.client, '/one')
    await subscribe(ben.client, '/two')
    expect(await endpoints()).toEqual([`${service.url}/two`])
    await ben.client.call(removePushSubscription)
    expect(await endpoints()).toEqual([])
    await subscribe(ben.client, '/three')
    await ben.client.call(signOut)
    expect(await endpoints()).toEqual([])
    // By itself, it knows.
    await subscribe(anna.client, '/anna')
    await ask(await seedTalker(server, 'cleo'), anna)
    await service.reached(1)
    expect(paths()).toEqual(['/anna'])
  })

  it('goes over to whoever signed in in that browser last', async () => {
    await subscribe(ben.client, '/shared')
    await subscribe(anna.client, '/shared')
    const { connectionId } = await befriend(anna, ben)
    await service.reached(1)
    await say(anna, connectionId)
    await subscribe(ben.client, '/own')
    await say(anna, connectionId)
    await service.reached(2)
    // Once because Ben accepted; then for Ben's own browser alone.
    expect(paths()).toEqual(['/shared', '/own'])
  })

  it('of somebody who is blocked or no longer a friend is not reached', async () => {
    const { connectionId } = await befriend(anna, ben)
    await subscribe(ben.client, '/ben')
    await ben.client.call(block, { params: { userId: anna.userId } })
    await expect(say(anna, connectionId)).rejects.toMatchObject({ code: 'connection/refused' })
    await ben.client.call(endConnection, { params: { connectionId } })
    await expect(say(anna, connectionId)).rejects.toMatchObject({ code: 'connection/refused' })
    expect(service.pushed).toEqual([])
  })

  it.each([
    'https://127.0.0.1/x',
    'https://127.0.0.1:1/x',
    'https://2130706433/x',
    'https://0x7f.1/x',
    'https://10.1.2.3/x',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/x',
    'https://[::ffff:10.0.0.1]/x',
    'https://[fd00::1]/x',
    'https://[64:ff9b::a00:1]/x',
    'https://localhost/x',
    'https://router.local/x',
    'https://metadata.google.internal/x',
    'https://intranet/x',
    'https://user:pass@push.example.org/x',
    'https://push.example.org:22/x',
    'https://',
  ])('at %s is refused: the server must not knock on doors of its own network', async (endpoint) => {
    await expect(subscribe(ben.client, '', endpoint)).rejects.toMatchObject({ code: 'request/invalid' })
    expect(await endpoints()).toEqual([])
  })
})

it('reads nothing of an answer that never ends', async () => {
  const { connectionId } = await befriend(anna, ben)
  await subscribe(ben.client, '/endless')
  await say(anna, connectionId)
  await service.reached(1)
  await say(anna, connectionId)
  await service.reached(2)
})

it('logs that a push failed, and never where to', async () => {
  let log = ''
  const stream = new Writable({
    write(part, _, done) {
      log += part
      done()
    },
  })
  const { connectionId } = await befriend(anna, ben)
  await subscribe(ben.client, '/secret-capability')
  await service.close()
  const push = startPush({ ...server.deps, logger: pino({}, stream) }, 0)
  await say(anna, connectionId)
  await expect.poll(() => log).toContain('push failed')
  await push.stop()
  expect(log).not.toContain('secret-capability')
  expect(log).not.toContain(service.host)
  service = await startPushService()
})
