import { io, type Socket } from 'socket.io-client'
import { afterEach, beforeEach, expect, it } from 'vitest'
import * as z from 'zod/mini'
import { toBase64Url } from '../../shared/format/base64url.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import {
  catchUp,
  endConnection,
  listConnections,
  type StoredMessage,
  storedMessage,
} from '../../shared/wire/connections.ts'
import { CARRIED_MAX_BYTES, SOCKET_PATH } from '../../shared/wire/events.ts'
import { block, unblock } from '../../shared/wire/people.ts'
import { ask, befriend, sealedBy, seedTalker, send, type Talker } from '../testing/chat.ts'
import { randomId } from '../testing/seed.ts'
import { box } from '../testing/signing.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let server: TestServer
let [anna, ben, eve] = [] as unknown as [Talker, Talker, Talker]
let connectionId: ConnectionId
const open: Socket[] = []
beforeEach(async () => {
  server = await startTestServer()
  anna = await seedTalker(server, 'anna')
  ben = await seedTalker(server, 'ben')
  eve = await seedTalker(server, 'eve')
  connectionId = (await befriend(anna, ben)).connectionId
})
afterEach(async () => {
  for (const socket of open.splice(0)) socket.disconnect()
  await server.close()
})

async function connect({ client }: Talker): Promise<Socket> {
  const Cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const extraHeaders = { Origin: server.url, Cookie }
  const socket = io(server.url, {
    path: SOCKET_PATH,
    transports: ['websocket'],
    reconnection: false,
    forceNew: true,
    extraHeaders,
  })
  open.push(socket)
  await new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(null))
    socket.once('connect_error', reject)
  })
  return socket
}
const next = (socket: Socket, name: string) => new Promise((resolve) => socket.once(name, resolve))
const sealed = () => toBase64Url(box(60))

it('tells both sides, on every device, that a message came; and nobody else', async () => {
  const [hers, his, hisOther, foreign] = [
    await connect(anna),
    await connect(ben),
    await connect(ben),
    await connect(eve),
  ]
  let leaked = 0
  foreign.onAny(() => leaked++)
  const told = Promise.all([hers, his, hisOther].map((socket) => next(socket, 'connection')))
  await send(anna, connectionId, sealedBy(anna, connectionId))
  const [message] = await messagesOf(ben)
  const event = { connectionId, changeSeq: 3, message: z.encode(storedMessage, message as StoredMessage) }
  expect(await told).toEqual([event, event, event])
  expect(leaked).toBe(0)
})

it('carries no large message: its readers ask for it when they have room', async () => {
  const his = await connect(ben)
  const told = next(his, 'connection')
  await send(anna, connectionId, sealedBy(anna, connectionId, {}, CARRIED_MAX_BYTES + 1))
  expect(await told).toEqual({ connectionId, changeSeq: 3 })
  expect(await messagesOf(ben)).toHaveLength(1)
})

async function messagesOf({ client }: Talker): Promise<readonly StoredMessage[]> {
  const body = { cursors: [{ connectionId, logFrom: 2, since: 0 }] }
  return (await client.call(catchUp, { body })).connections[0]?.messages ?? []
}

it('passes on that somebody types, to the friend alone, and keeps nothing', async () => {
  const [hers, his, foreign] = [await connect(anna), await connect(ben), await connect(eve)]
  let leaked = 0
  for (const socket of [hers, foreign]) socket.on('typing', () => leaked++)
  const payload = { connectionId, sealed: sealed() }
  const told = next(his, 'typing')
  hers.emit('typing', payload)
  expect(await told).toEqual(payload)
  expect(leaked).toBe(0)
  expect(await ben.client.call(listConnections, { query: { since: 2 } })).toMatchObject({ connections: [] })
})

it('ignores what cannot be read, goes to nobody, or is not a friend’s', async () => {
  const asked = await ask(anna, eve)
  const other = await befriend(anna, await seedTalker(server, 'dora'))
  const [hers, his, foreign] = [await connect(anna), await connect(ben), await connect(eve)]
  const doras = await connect(other.b)
  const heard: unknown[] = []
  for (const socket of [his, foreign]) socket.on('typing', (payload) => heard.push(payload))
  for (const junk of [
    undefined,
    null,
    7,
    'typing',
    [],
    {},
    { connectionId },
    { connectionId, sealed: 'A' },
    { connectionId, sealed: toBase64Url(box(200)) },
    { connectionId, sealed: sealed(), more: 1 },
    { connectionId: { $ne: null }, sealed: sealed() },
    { connectionId: randomId(), sealed: sealed() },
    { connectionId: asked.connectionId, sealed: sealed() },
  ]) {
    hers.emit('typing', junk)
  }
  hers.emit('typing')
  hers.emit('connection', { connectionId, changeSeq: 9 })
  foreign.emit('typing', { connectionId, sealed: sealed() })
  await ben.client.call(block, { params: { userId: anna.userId } })
  hers.emit('typing', { connectionId, sealed: sealed() })
  // Events of one socket are looked at in order: after this one all others had their chance.
  const reached = next(doras, 'typing')
  hers.emit('typing', { connectionId: other.connectionId, sealed: sealed() })
  await reached
  await ben.client.call(unblock, { params: { userId: anna.userId } })
  const last = { connectionId, sealed: sealed() }
  const told = next(his, 'typing')
  hers.emit('typing', last)
  await told
  expect(heard).toEqual([last])
})

it('lets nobody flood a friend', async () => {
  const strict = await startTestServer({ config: { rateScale: 1 } })
  const before = server
  server = strict
  try {
    const [a, b] = [await seedTalker(strict, 'anna'), await seedTalker(strict, 'ben')]
    const friends = await befriend(a, b)
    const [hers, his] = [await connect(a), await connect(b)]
    let heard = 0
    his.on('typing', () => heard++)
    for (let i = 0; i < 300; i++) hers.emit('typing', { connectionId: friends.connectionId, sealed: sealed() })
    await expect.poll(() => heard).toBe(60)
    // The friend's own budget is untouched; once it has come, nothing more of hers is on its way.
    const told = next(hers, 'typing')
    his.emit('typing', { connectionId: friends.connectionId, sealed: sealed() })
    await told
    expect(heard).toBe(60)
    for (const socket of open.splice(0)) socket.disconnect()
  } finally {
    server = before
    await strict.close()
  }
})

it('tells of a new and of an ended connection without a new socket', async () => {
  const his = await connect(eve)
  const first = next(his, 'connection')
  const { connectionId: fresh } = await ask(anna, eve)
  expect(await first).toEqual({ connectionId: fresh, changeSeq: 1 })
  const second = next(his, 'connection')
  await anna.client.call(endConnection, { params: { connectionId: fresh } })
  expect(await second).toEqual({ connectionId: fresh, changeSeq: 2 })
})

it('loses nothing to a connection that is cut at random: what comes while it is there is told, the rest is fetched', async () => {
  // A fixed sequence of cuts, so that a failure can be seen again.
  let seed = 7
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed / 2_147_483_647
  }
  const known: number[] = []
  const all = Promise.withResolvers<void>()
  let fetching = Promise.resolve()
  const fetchAll = () => {
    fetching = fetching.then(async () => {
      for (let more = true; more; ) {
        const body = { cursors: [{ connectionId, logFrom: 2, since: known.length }] }
        const [answer] = (await ben.client.call(catchUp, { body })).connections
        known.push(...(answer?.messages.map(({ counter }) => counter) ?? []))
        more = answer?.more ?? false
      }
      if (known.length >= 120) all.resolve()
    })
    return fetching
  }
  // Only ever asks when the socket is there anew, or says that something came.
  const listen = async () => {
    const made = await connect(ben)
    made.on('connection', () => void fetchAll())
    await fetchAll()
    return made
  }
  let socket: Socket | null = null
  for (let counter = 1; counter <= 120; counter++) {
    const luck = random()
    if (luck < 0.2) {
      socket?.disconnect()
      socket = null
    } else if (luck < 0.4) socket ??= await listen()
    await send(anna, connectionId, sealedBy(anna, connectionId, { counter }))
  }
  if (!socket) await listen()
  await all.promise
  expect(known).toEqual(Array.from({ length: 120 }, (_, i) => i + 1))
})
