import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { io } from 'socket.io-client'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { boxKeysFrom, sealTo } from '../../shared/crypto/box.ts'
import { xchachaSeal } from '../../shared/crypto/secretbox.ts'
import { toBase64Url } from '../../shared/format/base64url.ts'
import { type Bytes, concat, utf8 } from '../../shared/format/bytes.ts'
import { type ConnectionId, idBytes } from '../../shared/format/ids.ts'
import { deleteMessage, requestConnection, writeReceipt } from '../../shared/wire/connections.ts'
import { SOCKET_PATH } from '../../shared/wire/events.ts'
import { searchPeople } from '../../shared/wire/people.ts'
import { writePushSubscription } from '../../shared/wire/push.ts'
import { accept, requestOf, rotate, sealedBy, send, type Talker, talkerOf } from '../testing/chat.ts'
import { box } from '../testing/signing.ts'
import { SpawnedServer } from '../testing/spawned-server.ts'
import { TestPerson } from '../testing/test-person.ts'

/** In nothing that the server writes, however it is written down. */
const PLAIN = 'canary-wenn-du-das-liest'

let server: SpawnedServer
let [anna, ben] = [] as unknown as [Talker, Talker]
beforeEach(async () => {
  server = new SpawnedServer({
    KITH_SIGNUP: 'open',
    KITH_LOG: 'trace',
    // Nobody answers there: the failure is logged.
    KITH_PUSH_PRIVATE_HOSTS: '127.0.0.1:1',
  })
  await server.start()
  const door = await server.door()
  anna = talkerOf(await new TestPerson(door, 'canary-anna').signUp())
  ben = talkerOf(await new TestPerson(door, 'canary-ben').signUp())
})
afterEach(() => server.remove())

const spellings = (bytes: Uint8Array): Buffer[] => {
  const text = Buffer.from(bytes)
  return [
    text,
    ...(['hex', 'base64', 'base64url'] as const).map((form) => Buffer.from(text.toString(form).slice(0, -4))),
  ]
}

/** As a device seals it (docs/protocol.md §5). */
async function sealText(sender: Talker, connectionId: ConnectionId, counter: number, text: string): Promise<Bytes> {
  const frame = sealedBy(sender, connectionId, { counter })
  const [header, nonce] = [frame.slice(0, 135), frame.slice(135, 159)]
  const padded = new Uint8Array(256)
  padded.set(utf8(JSON.stringify({ text })))
  return concat(frame.subarray(0, 191), await xchachaSeal(box(32), nonce, padded, concat(header, nonce)))
}

it('writes nothing of notes, messages, names that are looked for, endpoints and ids into rows or logs', async () => {
  const { publicKey } = await boxKeysFrom(box(32))
  const draft = requestOf(anna, ben)
  const note = await sealTo(
    publicKey,
    utf8(`note ${PLAIN}`),
    concat(utf8('kith/v1/conn-note'), idBytes(draft.connectionId)),
  )
  const body = requestOf(anna, ben, note)
  const view = await anna.client.call(requestConnection, { body })
  const { connectionId } = view
  const endpoint = 'https://127.0.0.1:1/canary-endpoint'
  await ben.client.call(writePushSubscription, { body: { endpoint, p256dh: box(65), auth: box(16) } })
  await anna.client.call(searchPeople, { query: { name: 'canary-search' } })
  await accept(ben, view)
  const sealed = [
    await sealText(anna, connectionId, 1, `message ${PLAIN}`),
    await sealText(anna, connectionId, 2, `reaction ${PLAIN}`),
  ]
  for (const message of sealed) await send(anna, connectionId, message)
  await anna.client.call(deleteMessage, { params: { connectionId, seq: 2 } })
  const receipt = { deviceId: ben.deviceId, revision: 1, peer: box(80), own: box(80) }
  await ben.client.call(writeReceipt, { params: { connectionId }, body: receipt })
  await rotate(ben, connectionId)
  // What is refused is no more telling than what is taken.
  const refused = [
    ['POST', `/api/connections/${connectionId}/messages`, { sealed: PLAIN, ttlMs: null }],
    ['POST', `/api/connections/${connectionId}/messages`, { sealed: toBase64Url(utf8(PLAIN.repeat(40))), ttlMs: null }],
    ['POST', '/api/connections', { ...body, note: PLAIN, [PLAIN]: 1 }],
    ['PUT', '/api/push/subscription', { endpoint: `https://10.0.0.1/${PLAIN}`, p256dh: PLAIN, auth: PLAIN }],
    ['GET', `/api/people?name=${'x'.repeat(200)}${PLAIN}`, null],
  ] as const
  for (const [method, path, json] of refused) {
    const headers = json === null ? {} : { 'Content-Type': 'application/json' }
    const answer = await anna.client.fetch(path, { method, headers, body: json === null ? null : JSON.stringify(json) })
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(await answer.text()).not.toContain(PLAIN)
  }
  const Cookie = [...anna.client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const socket = io(server.url, {
    path: SOCKET_PATH,
    transports: ['websocket'],
    extraHeaders: { Origin: server.url, Cookie },
  })
  await new Promise((resolve) => socket.once('connect', () => resolve(null)))
  socket.emit('typing', { connectionId, sealed: PLAIN })
  socket.emit('typing', { connectionId, sealed: toBase64Url(box(60)) })
  socket.disconnect()
  await expect.poll(() => server.output).toContain('push failed')
  await server.kill('SIGTERM')

  expect(server.output).toContain('"route":"/api/connections/:connectionId/messages"')
  const secrets = ['canary', PLAIN, connectionId, anna.userId, ben.userId, anna.deviceId, '127.0.0.1:1']
  for (const secret of secrets) expect(server.output).not.toContain(secret)
  for (const bytes of [...sealed, note, receipt.own]) {
    for (const spelling of spellings(bytes.subarray(-64)))
      expect(server.output).not.toContain(spelling.toString('latin1'))
  }

  const files = readdirSync(server.folder, { recursive: true, withFileTypes: true }).filter((file) => file.isFile())
  const stored = Buffer.concat(files.map(({ parentPath, name }) => readFileSync(join(parentPath, name))))
  // The search works: what must be there is found.
  expect(stored.includes(Buffer.from((sealed[0] as Bytes).subarray(-64)))).toBe(true)
  for (const spelling of spellings(utf8(PLAIN))) expect(stored.includes(spelling)).toBe(false)
  for (const text of ['canary-search', ...spellings(utf8(PLAIN)).map(String)]) expect(stored.includes(text)).toBe(false)
  // Taken back: not a byte is left, not even in pages that were freed.
  expect(stored.includes(Buffer.from((sealed[1] as Bytes).subarray(-64)))).toBe(false)
}, 60_000)
