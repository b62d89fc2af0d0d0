import { io, type Socket } from 'socket.io-client'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { signOut } from '../../shared/wire/accounts.ts'
import { SOCKET_PATH } from '../../shared/wire/events.ts'
import { seedGroup, seedPerson } from '../testing/seed.ts'
import type { TestClient } from '../testing/test-client.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let server: TestServer
const open: Socket[] = []
beforeEach(async () => {
  server = await startTestServer()
})
afterEach(async () => {
  for (const socket of open.splice(0)) socket.disconnect()
  await server.close()
})

function connect(client: TestClient, headers: Record<string, string> = {}): Promise<Socket> {
  const Cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const socket = io(server.url, {
    path: SOCKET_PATH,
    transports: ['websocket'],
    reconnection: false,
    forceNew: true,
    extraHeaders: { Origin: server.url, Cookie, ...headers },
  })
  open.push(socket)
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(socket))
    socket.once('connect_error', reject)
  })
}
const next = (socket: Socket, name: string) => new Promise((resolve) => socket.once(name, resolve))

it('tells members of a group, and nobody else', async () => {
  const [anna, eve] = [await seedPerson(server), await seedPerson(server)]
  const groupId = await seedGroup(server, [{ id: anna.userId, role: 'owner' }])
  const [hers, foreign] = [await connect(anna.client), await connect(eve.client)]
  let leaked = 0
  foreign.on('group', () => leaked++)
  const told = next(hers, 'group')
  server.deps.events.publish({ group: groupId }, 'group', { groupId, seq: 7 })
  expect(await told).toEqual({ groupId, seq: 7 })
  expect(leaked).toBe(0)
})

it('follows who comes and goes', async () => {
  const anna = await seedPerson(server)
  const groupId = await seedGroup(server, [])
  const socket = await connect(anna.client)
  const heard: number[] = []
  socket.on('group', ({ seq }: { seq: number }) => heard.push(seq))
  const { events } = server.deps
  events.membership(anna.userId, groupId, true)
  events.publish({ group: groupId }, 'group', { groupId, seq: 1 })
  events.membership(anna.userId, groupId, false)
  events.publish({ group: groupId }, 'group', { groupId, seq: 2 })
  const last = next(socket, 'worker')
  events.publish('people', 'worker', { workerId: anna.userId as never })
  await last
  expect(heard).toEqual([1])
})

it('ends with the session', async () => {
  const { client } = await seedPerson(server)
  const socket = await connect(client)
  const ends = Promise.all([next(socket, 'revoked'), next(socket, 'disconnect')])
  await client.call(signOut)
  await ends
  await expect(connect(client)).rejects.toThrow('auth/required')
})

it.each([
  ['without a session', { Cookie: '' }],
  ['from a foreign page', { Origin: 'https://evil.example' }],
])('is refused %s', async (_, headers) => {
  const { client } = await seedPerson(server)
  await expect(connect(client, headers)).rejects.toThrow()
})
