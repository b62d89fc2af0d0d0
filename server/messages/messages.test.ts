import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ConnectionId, type DeviceId, parseDeviceId } from '../../shared/format/ids.ts'
import { DEVICES_A_SIDE } from '../../shared/logs/connection-entries.ts'
import {
  catchUp,
  deleteMessage,
  endConnection,
  MESSAGE_MAX_BYTES,
  MESSAGES_A_MINUTE,
  writeReceipt,
} from '../../shared/wire/connections.ts'
import { block } from '../../shared/wire/people.ts'
import { destroyAccount } from '../accounts/destroy.ts'
import { createLimits } from '../middleware/limits.ts'
import { ask, befriend, rotate, sealedBy, seedTalker, send, type Talker, viewOf } from '../testing/chat.ts'
import { randomId } from '../testing/seed.ts'
import { box } from '../testing/signing.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'
import { sweepChat } from './sweep.ts'

const DAY_MS = 86_400_000
const WEEK_MS = 604_800_000

let server: TestServer
let [anna, ben, eve] = [] as unknown as [Talker, Talker, Talker]
let id: ConnectionId
beforeEach(async () => {
  server = await startTestServer()
  anna = await seedTalker(server, 'anna')
  ben = await seedTalker(server, 'ben')
  eve = await seedTalker(server, 'eve')
  id = (await befriend(anna, ben)).connectionId
})
afterEach(() => server.close())

const code = (name: string) => expect.objectContaining({ code: name })
const ask1 = async ({ client }: Talker, { since = 0, logFrom = 0 } = {}) => {
  const body = { cursors: [{ connectionId: id, logFrom, since }] }
  const [answer] = (await client.call(catchUp, { body })).connections
  if (!answer) throw new Error('no answer')
  return answer
}
const counters = async (person: Talker) => (await ask1(person)).messages.map(({ counter }) => counter)

const altered = (at: number, value: number) => sealedBy(anna, id).fill(value, at, at + 1)

/** As no page of ours would send it. */
async function sendRaw({ client }: Talker, sealed: Uint8Array, length = sealed.length): Promise<unknown> {
  const body = Buffer.alloc(length)
  body.set(sealed)
  const response = await client.fetch(`/api/connections/${id}/messages`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ sealed: body.toString('base64url'), ttlMs: null }),
  })
  return response.json()
}

describe('a message', () => {
  it('reaches both, with its number, and nobody else', async () => {
    const [first, second] = [sealedBy(anna, id), sealedBy(ben, id)]
    expect(await send(anna, id, first)).toMatchObject({ seq: 1, createdAt: server.clock.now() })
    expect(await send(ben, id, second, DAY_MS)).toMatchObject({ seq: 2 })
    for (const person of [anna, ben]) {
      expect(await ask1(person)).toMatchObject({
        lastSeq: 2,
        more: false,
        messages: [
          { seq: 1, senderId: anna.userId, counter: 1, sealed: first, expiresAt: null },
          { seq: 2, senderId: ben.userId, counter: 1, sealed: second, expiresAt: server.clock.now() + DAY_MS },
        ],
      })
    }
    const body = { cursors: [{ connectionId: id, logFrom: 0, since: 0 }] }
    expect(await eve.client.call(catchUp, { body })).toEqual({ connections: [] })
    expect(await viewOf(ben, id)).toMatchObject({ lastSeq: 2 })
  })

  it('that comes twice is stored once and answered alike, whatever came between', async () => {
    const sealed = sealedBy(anna, id)
    const first = await send(anna, id, sealed)
    server.clock.advance(5000)
    await rotate(ben, id)
    expect(await send(anna, id, sealed)).toEqual(first)
    await anna.client.call(deleteMessage, { params: { connectionId: id, seq: 1 } })
    await ben.client.call(block, { params: { userId: anna.userId } })
    expect(await send(anna, id, sealed)).toEqual(first)
    expect(await counters(ben)).toEqual([1])
  })

  it('that comes many times at once is stored once', async () => {
    const sealed = sealedBy(anna, id)
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(anna, id, sealed)))
    expect(new Set(answers.map(({ seq }) => seq))).toEqual(new Set([1]))
    expect(await counters(ben)).toEqual([1])
  })

  it('with a number that is taken by other bytes is refused', async () => {
    await send(anna, id, sealedBy(anna, id))
    await expect(send(anna, id, sealedBy(anna, id))).rejects.toEqual(code('message/conflict'))
    // Another device counts on its own, and so does the friend under the same device id.
    await send(anna, id, sealedBy(anna, id, { deviceId: parseDeviceId(randomId()) }))
    await send(ben, id, sealedBy(ben, id, { deviceId: anna.deviceId }))
  })

  it('of an epoch that is over, or not begun, is refused', async () => {
    await rotate(ben, id)
    await expect(send(anna, id, sealedBy(anna, id))).rejects.toEqual(code('connection/stale-epoch'))
    await expect(send(anna, id, sealedBy(anna, id, { epoch: 2 }))).rejects.toEqual(code('connection/stale-epoch'))
    await send(anna, id, sealedBy(anna, id, { epoch: 1 }))
  })

  it.each([
    ['in the name of the friend', () => sealedBy(anna, id, { senderId: ben.userId }), 'message/misplaced'],
    ['for another conversation', () => sealedBy(anna, randomId() as ConnectionId), 'message/misplaced'],
    ['of another version', () => altered(0, 2), 'format/invalid'],
    ['of another suite', () => altered(1, 1), 'format/invalid'],
    ['with the counter 0', () => sealedBy(anna, id, { counter: 0 }), 'format/invalid'],
  ] as const)('%s is refused', async (_, make, expected) => {
    await expect(send(anna, id, make())).rejects.toEqual(code(expected))
    expect(await counters(ben)).toEqual([])
  })

  it.each([0, 134, 462, 65_537, 90_000])('of %i bytes is refused', async (length) => {
    const refused = await sendRaw(anna, sealedBy(anna, id, {}, 65_536).subarray(0, length), length)
    expect(refused).toMatchObject({ status: 400, code: 'request/invalid' })
    expect(await counters(ben)).toEqual([])
  })

  it('of the largest size is taken', async () => {
    await send(anna, id, sealedBy(anna, id, {}, 65_536))
    expect((await ask1(ben)).messages[0]?.sealed).toHaveLength(65_536)
  })

  it('whose number does not fit is refused', async () => {
    const sealed = sealedBy(anna, id)
    sealed.fill(0xff, 55, 63)
    await expect(send(anna, id, sealed)).rejects.toEqual(code('format/invalid'))
  })
})

it('refuses whoever is blocked, not yet or no longer connected, or unknown alike', async () => {
  const asked = await ask(anna, eve)
  const gone = await seedTalker(server, 'gone')
  const [ended, blocked, left] = [
    await befriend(await seedTalker(server, 'dora'), anna),
    await befriend(await seedTalker(server, 'fred'), anna),
    await befriend(gone, anna),
  ]
  await anna.client.call(endConnection, { params: { connectionId: ended.connectionId } })
  await blocked.a.client.call(block, { params: { userId: anna.userId } })
  await destroyAccount(server.deps, gone.userId)
  const foreign = await befriend(ben, eve)
  const places = [asked.connectionId, ended.connectionId, blocked.connectionId, left.connectionId, foreign.connectionId]
  const refusals = await Promise.all(
    [...places, randomId() as ConnectionId].map((place) =>
      send(anna, place, sealedBy(anna, place)).catch((error: Error) => error.message),
    ),
  )
  expect(new Set(refusals)).toEqual(new Set(['403: this person cannot be reached']))
})

it('takes 60 messages a minute from one person, however many addresses and sessions', async () => {
  const strict = await startTestServer({ config: { rateScale: 1, trustProxy: true } })
  try {
    const [a, b] = [await seedTalker(strict, 'anna'), await seedTalker(strict, 'ben')]
    const { connectionId } = await befriend(a, b)
    const sendFrom = (counter: number) =>
      a.client.fetch(`/api/connections/${connectionId}/messages`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'X-Forwarded-For': `203.0.113.${counter}` },
        body: JSON.stringify({
          sealed: Buffer.from(sealedBy(a, connectionId, { counter })).toString('base64url'),
          ttlMs: null,
        }),
      })
    for (let i = 1; i <= MESSAGES_A_MINUTE; i++) expect((await sendFrom(i)).status).toBe(200)
    const refused = await sendFrom(MESSAGES_A_MINUTE + 1)
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(0)
    // The friend has a budget of their own.
    await send(b, connectionId, sealedBy(b, connectionId))
  } finally {
    await strict.close()
  }
})

it('takes messages from so many devices of one person only as the end of an epoch can list', async () => {
  const devices = Array.from({ length: DEVICES_A_SIDE + 1 }, () => parseDeviceId(randomId()))
  const [first, ...others] = devices
  const from = (deviceId = first, place = {}) =>
    send(anna, id, sealedBy(anna, id, { ...place, deviceId: deviceId as DeviceId }))
  for (const device of devices.slice(0, -1)) await from(device)
  await expect(from(others.at(-1))).rejects.toEqual(code('message/too-many-devices'))
  await from(first, { counter: 2 })
  await send(ben, id, sealedBy(ben, id))
  await rotate(ben, id)
  await from(others.at(-1), { epoch: 1 })
  await from(first, { epoch: 1, counter: 3 })
})

it('takes 64 MiB a day from one person, whose largest messages would else fill the disk', async () => {
  const limits = createLimits(1)
  for (let i = 0; i < 1024; i++) await limits.consume('message-bytes', anna.userId, MESSAGE_MAX_BYTES)
  await expect(limits.consume('message-bytes', anna.userId, 463)).rejects.toEqual(code('auth/rate-limited'))
  await limits.consume('message-bytes', ben.userId, 463)
})

describe('taking back', () => {
  it('erases the ciphertext and keeps the number, so that nobody takes it for a gap', async () => {
    await send(anna, id, sealedBy(anna, id))
    const take = (person: Talker, seq = 1) => person.client.call(deleteMessage, { params: { connectionId: id, seq } })
    await expect(take(ben)).rejects.toEqual(code('connection/forbidden'))
    await expect(take(eve)).rejects.toEqual(code('connection/not-found'))
    await expect(take(anna, 2)).rejects.toEqual(code('request/not-found'))
    await take(anna)
    await take(anna)
    expect((await ask1(ben)).messages).toMatchObject([{ seq: 1, counter: 1, deviceId: anna.deviceId, sealed: null }])
  })

  it('is possible when the conversation is over', async () => {
    await send(anna, id, sealedBy(anna, id))
    await ben.client.call(endConnection, { params: { connectionId: id } })
    await anna.client.call(deleteMessage, { params: { connectionId: id, seq: 1 } })
    expect((await ask1(ben)).messages).toMatchObject([{ sealed: null }])
  })
})

describe('a message that disappears', () => {
  it('is handed out to nobody once its time is over, and then erased', async () => {
    await send(anna, id, sealedBy(anna, id, { counter: 1 }), DAY_MS)
    await send(anna, id, sealedBy(anna, id, { counter: 2 }), WEEK_MS)
    await send(anna, id, sealedBy(anna, id, { counter: 3 }))
    server.clock.advance(DAY_MS - 1)
    expect((await ask1(ben)).messages.map(({ sealed }) => sealed?.length)).toEqual([463, 463, 463])
    server.clock.advance(1)
    expect((await ask1(ben)).messages.map(({ sealed }) => sealed?.length)).toEqual([undefined, 463, 463])
    await sweepChat(server.deps)
    const kept = await server.deps.db('connection_messages').whereNotNull('sealed').orderBy('seq').pluck('counter')
    expect(kept).toEqual([2, 3])
  })
})

describe('catching up', () => {
  it('goes on from what is known, in pages, and says when there is more', async () => {
    for (let counter = 1; counter <= 300; counter++) await send(anna, id, sealedBy(anna, id, { counter }))
    const first = await ask1(ben)
    expect(first).toMatchObject({ lastSeq: 300, more: true })
    expect(first.messages).toHaveLength(256)
    const rest = await ask1(ben, { since: 256 })
    expect(rest).toMatchObject({ more: false })
    expect(rest.messages.map(({ seq }) => seq)).toEqual(Array.from({ length: 44 }, (_, i) => 257 + i))
    expect(await ask1(ben, { since: 300, logFrom: 2 })).toMatchObject({ entries: [], messages: [], more: false })
  })

  it('gives the log from where it is known, in front of what it explains', async () => {
    await rotate(anna, id)
    await rotate(ben, id)
    expect((await ask1(ben)).entries).toHaveLength(4)
    expect((await ask1(ben, { logFrom: 3 })).entries).toHaveLength(1)
    expect((await ask1(ben, { logFrom: 9 })).entries).toEqual([])
  })

  it('sends no messages before the whole log that they need', async () => {
    for (let i = 0; i < 260; i++) await rotate(anna, id)
    await send(anna, id, sealedBy(anna, id, { epoch: 260 }))
    const first = await ask1(ben)
    expect([first.entries.length, first.messages.length, first.more]).toEqual([256, 0, true])
    const rest = await ask1(ben, { logFrom: 256 })
    expect([rest.entries.length, rest.messages.length, rest.more]).toEqual([6, 1, false])
  })

  it('answers many conversations at once, in the order asked, without what is not there', async () => {
    const other = await befriend(ben, eve)
    await send(eve, other.connectionId, sealedBy(eve, other.connectionId))
    const ids = [other.connectionId, randomId() as ConnectionId, id]
    const body = { cursors: ids.map((connectionId) => ({ connectionId, logFrom: 0, since: 0 })) }
    const { connections } = await ben.client.call(catchUp, { body })
    expect(connections.map(({ connectionId, lastSeq }) => [connectionId, lastSeq])).toEqual([
      [other.connectionId, 1],
      [id, 0],
    ])
  })

  it('stays small: what does not fit comes with the next question', async () => {
    for (let counter = 1; counter <= 130; counter++) await send(anna, id, sealedBy(anna, id, { counter }, 65_536))
    const first = await ask1(ben, { logFrom: 2 })
    expect([first.messages.length, first.more]).toEqual([128, true])
    expect((await ask1(ben, { since: 128 })).messages).toHaveLength(2)
  })
})

describe('a receipt', () => {
  const receipt = (revision: number, deviceId = ben.deviceId) => ({
    deviceId,
    revision,
    peer: box(80),
    own: box(80),
  })
  const write = (person: Talker, body: ReturnType<typeof receipt>, connectionId = id) =>
    person.client.call(writeReceipt, { params: { connectionId }, body })

  it('shows the friend one box, and one’s own devices the other', async () => {
    const body = receipt(1)
    await write(ben, body)
    const shown = { userId: ben.userId, deviceId: ben.deviceId, revision: 1 }
    expect((await ask1(anna)).receipts).toEqual([{ ...shown, sealed: body.peer }])
    expect((await ask1(ben)).receipts).toEqual([{ ...shown, sealed: body.own }])
    const { changeSeq } = await viewOf(anna, id)
    await write(ben, body)
    expect(await viewOf(anna, id)).toMatchObject({ changeSeq })
    await write(ben, receipt(3))
    expect(await viewOf(anna, id)).toMatchObject({ changeSeq: changeSeq + 1 })
  })

  it('is never replaced by an older one, or by another of the same number', async () => {
    await write(ben, receipt(2))
    for (const revision of [1, 2]) {
      await expect(write(ben, receipt(revision))).rejects.toEqual(code('receipt/rollback'))
    }
    await write(ben, receipt(1, parseDeviceId(randomId())))
  })

  it('is refused from whoever is blocked or no friend', async () => {
    await expect(write(eve, receipt(1))).rejects.toEqual(code('connection/refused'))
    await ben.client.call(block, { params: { userId: anna.userId } })
    await expect(write(anna, receipt(1))).rejects.toEqual(code('connection/refused'))
  })

  it('is kept for the newest 32 devices', async () => {
    for (let i = 0; i < 40; i++) {
      server.clock.advance(1)
      await write(ben, receipt(1, parseDeviceId(randomId())))
    }
    expect((await ask1(anna)).receipts).toHaveLength(32)
  })
})
