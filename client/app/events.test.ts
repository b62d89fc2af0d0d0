import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'socket.io'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { newConnectionId } from '../../shared/crypto/random.ts'
import { SOCKET_PATH } from '../../shared/wire/events.ts'
import { Events } from './events.ts'

let http: HttpServer
let io: Server
let port = 0
/** With no luck in it, see below. */
const RETRY_MS = 2000

async function listen(): Promise<void> {
  http = createServer()
  io = new Server(http, { path: SOCKET_PATH, transports: ['websocket'] })
  await once(http.listen(port, '127.0.0.1'), 'listening')
  port = (http.address() as AddressInfo).port
}

beforeEach(async () => {
  port = 0
  await listen()
  // What a browser has, and where the page came from.
  vi.stubGlobal('location', { protocol: 'http:', host: `127.0.0.1:${port}`, hostname: '127.0.0.1', port: String(port) })
  // The shortest waits: nobody else is knocking here.
  vi.spyOn(Math, 'random').mockReturnValue(0)
})
afterEach(async () => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  await io.close()
})

async function connected(): Promise<Events> {
  const made = new Events()
  await made.connect()
  await made.connected.until((is) => is)
  return made
}
const change = () => ({ connectionId: newConnectionId(), changeSeq: 1 })

it('passes on what is told, and nothing that has another form', async () => {
  const made = await connected()
  const heard: unknown[] = []
  const last = Promise.withResolvers<void>()
  const good = [change(), change()]
  const stop = made.on('connection', (payload) => {
    heard.push(payload)
    if (heard.length === 2) last.resolve()
  })
  for (const junk of [undefined, null, 7, {}, { ...change(), more: 1 }, { connectionId: 'A', changeSeq: 1 }])
    io.emit('connection', junk)
  for (const payload of good) io.emit('connection', payload)
  await last.promise
  expect(heard).toEqual(good)
  stop()
  const other = Promise.withResolvers<void>()
  made.on('connection', () => other.resolve())
  io.emit('connection', change())
  await other.promise
  expect(heard).toEqual(good)
})

it.each<[string, () => Promise<unknown>]>([
  ['the network is cut', async () => [...io.of('/').sockets.values()].map(({ conn }) => conn.close())],
  ['the server says goodbye', async () => io.disconnectSockets(true)],
  ['the server stops, and starts again', () => io.close().then(listen)],
])('when %s it says that it is away, connects by itself, and hears what comes then', async (_, end) => {
  const made = await connected()
  const states: boolean[] = []
  made.connected.watch((is) => void states.push(is))
  const away = made.connected.until((is) => !is)
  await end()
  await away
  await made.connected.until((is) => is)
  // Who watches is told of both: everything that came between is then asked for.
  expect(states.filter((is, index) => is !== states[index - 1]).slice(-2)).toEqual([false, true])
  const heard = Promise.withResolvers<unknown>()
  made.on('connection', heard.resolve)
  const payload = change()
  io.emit('connection', payload)
  expect(await heard.promise).toEqual(payload)
})

it('without a session it waits for one, and does not knock', async () => {
  let tries = 0
  io.use((_, next) => {
    tries++
    next(new Error('auth/required'))
  })
  const made = new Events()
  const refused = Promise.withResolvers<void>()
  made.onRefused = refused.resolve
  const timers = vi.spyOn(globalThis, 'setTimeout')
  await made.connect()
  await refused.promise
  // Nothing is set up to try it again.
  expect(timers.mock.calls.filter(([, ms]) => ms === RETRY_MS)).toEqual([])
  expect(tries).toBe(1)
  await io.close()
  await listen()
  await made.connect()
  await made.connected.until((is) => is)
})

it('refused for another reason, it tries again by itself', async () => {
  let tries = 0
  io.use((_, next) => next(++tries === 1 ? new Error('server/unavailable') : undefined))
  const timers = vi.spyOn(globalThis, 'setTimeout')
  const made = await connected()
  expect(made.connected.value).toBe(true)
  expect(tries).toBe(2)
  expect(timers.mock.calls.filter(([, ms]) => ms === RETRY_MS)).toHaveLength(1)
})
