import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { AppError } from '../errors.ts'
import { fromBase64Url } from '../format/base64url.ts'
import { type Bytes, fromUtf8 } from '../format/bytes.ts'
import { type ConnectionId, idFromBytes, parseConnectionId, parseDeviceId, parseUserId } from '../format/ids.ts'
import { encodeMessageHeader, parseMessageHeader } from '../format/message-layout.ts'
import { MESSAGE_TYPES } from '../wire/message-body.ts'
import { openMessages, sealMessages, sodiumPrimitives } from './message.ts'
import { noblePrimitives, openMessageSlowly } from './message-noble.ts'
import { type MessagePrimitives, openMessageWith, sealMessageWith, type ToSeal } from './message-steps.ts'
import { newDeviceId, newKey, newUserId, randomBytes } from './random.ts'
import { openOwnReceipt, openPeerReceipt, openTyping, sealOwnReceipt, sealPeerReceipt, sealTyping } from './receipt.ts'
import { publicKeyOf } from './signing.ts'
import { sodium } from './sodium.ts'

type Vector = {
  type: number
  epoch: number
  counter: number
  lamport: number
  prev: string
  ack: string
  nonce: string
  body: string
  sealed: string
}
const vectors = JSON.parse(readFileSync(new URL('../vectors/message.json', import.meta.url), 'utf8'))
const b = (text: string): Bytes => fromBase64Url(text)
const libraries: [string, MessagePrimitives][] = [['noble', noblePrimitives]]
beforeAll(async () => {
  libraries.push(['libsodium', sodiumPrimitives(await sodium())])
})

describe('known answers', () => {
  it.each(['noble', 'libsodium'])('%s seals and opens them byte for byte', (name) => {
    const p = libraries.find(([known]) => known === name)?.[1] as MessagePrimitives
    for (const one of vectors.cases as Vector[]) {
      const type = Object.entries(MESSAGE_TYPES).find(([, number]) => number === one.type)?.[0] as ToSeal['type']
      const message: ToSeal = {
        messageSecret: b(vectors.messageSecret),
        identitySeed: b(vectors.identitySeed),
        connectionId: parseConnectionId(vectors.connectionId),
        senderId: parseUserId(vectors.senderId),
        deviceId: parseDeviceId(vectors.deviceId),
        epoch: one.epoch,
        counter: one.counter,
        lamport: one.lamport,
        prev: b(one.prev),
        ack: b(one.ack),
        type,
        body: fromUtf8(b(one.body)),
      }
      const { bytes, hash } = sealMessageWith(p, b(one.nonce), message)
      expect(bytes).toEqual(b(one.sealed))
      const { messageSecret, identitySeed: _, ...said } = message
      const open = { sealed: b(one.sealed), connectionId: message.connectionId, messageSecret }
      expect(openMessageWith(p, { ...open, identityKey: b(vectors.identityKey) })).toEqual({ ...said, hash })
    }
  })

  it('chain by the hash of the message before', () => {
    const [first, second] = vectors.cases as Vector[]
    const { connectionId, messageSecret, identityKey } = vectors
    const open = { connectionId: parseConnectionId(connectionId), messageSecret: b(messageSecret) }
    const { hash } = openMessageSlowly({ ...open, sealed: b(first?.sealed ?? ''), identityKey: b(identityKey) })
    expect(hash).toEqual(b(second?.prev ?? ''))
  })
})

const seed = newKey()
const newConnectionId = (): ConnectionId => parseConnectionId(idFromBytes(randomBytes(16)))
const message: ToSeal = {
  messageSecret: newKey(),
  identitySeed: seed,
  connectionId: newConnectionId(),
  senderId: newUserId(),
  deviceId: newDeviceId(),
  epoch: 3,
  counter: 7,
  lamport: 9,
  prev: randomBytes(32),
  ack: randomBytes(32),
  type: 'text',
  body: '{"text":"Grüße aus dem Garten"}',
}
const seal = async (change: Partial<ToSeal> = {}): Promise<Bytes> =>
  (await sealMessages([{ ...message, ...change }]))[0]?.bytes as Bytes
const open = async (sealed: Bytes, change: object = {}) => {
  const { connectionId, messageSecret } = message
  const to = { sealed, connectionId, messageSecret, identityKey: publicKeyOf(seed), ...change }
  const [result] = await openMessages([to])
  // The other reader says the same.
  const slow = (() => {
    try {
      return { message: openMessageSlowly(to) }
    } catch (error) {
      return { code: (error as AppError).code }
    }
  })()
  expect(slow).toEqual(result)
  return result && 'code' in result ? result.code : result?.message
}

describe('a message', () => {
  it('opens to what was said', async () => {
    const { messageSecret: _, identitySeed: __, ...said } = message
    expect(await open(await seal())).toMatchObject(said)
  })

  it('has a length that tells little: short ones are all alike', async () => {
    const lengthOf = async (text: string) => (await seal({ body: JSON.stringify({ text }) })).length
    expect(await lengthOf('')).toBe(await lengthOf('x'.repeat(170)))
    expect(await lengthOf('x'.repeat(5000))).toBe(await lengthOf('x'.repeat(5020)))
  })

  it.each<[string, (sealed: Bytes) => Promise<unknown>, string]>([
    ['moved to another connection', (s) => open(s, { connectionId: newConnectionId() }), 'message/misplaced'],
    ['of an epoch whose key is gone', (s) => open(s, { messageSecret: null }), 'message/key-gone'],
    ['under another key', (s) => open(s, { messageSecret: newKey() }), 'message/tampered'],
    ['shown as somebody else’s', (s) => open(s, { identityKey: publicKeyOf(newKey()) }), 'message/tampered'],
    ['cut short', (s) => open(s.slice(0, -1)), 'message/tampered'],
    ['cut in its header', (s) => open(s.slice(0, 100)), 'message/tampered'],
    ['made longer', (s) => open(new Uint8Array([...s, 0])), 'message/tampered'],
    ['of an unknown type', async () => open(flip(await seal(), 2, 0x80)), 'message/tampered'],
    [
      'signed with another key of the same account',
      async () => open(await seal({ identitySeed: newKey() })),
      'message/tampered',
    ],
  ])('%s is refused', async (_, attempt, code) => expect(await attempt(await seal())).toBe(code))

  it('with any single bit changed, header or not, is refused', async () => {
    const sealed = await seal()
    await fc.assert(
      fc.asyncProperty(fc.nat(sealed.length - 1), fc.nat(7), async (at, bit) => {
        expect(['message/tampered', 'message/misplaced']).toContain(await open(flip(sealed, at, 1 << bit)))
      }),
      { numRuns: 150 },
    )
  })

  it('one bad message leaves the rest of its batch good', async () => {
    const [good, bad] = [await seal(), flip(await seal(), 300, 1)]
    const { connectionId, messageSecret } = message
    const to = { connectionId, messageSecret, identityKey: publicKeyOf(seed) }
    const results = await openMessages([good, bad, good].map((sealed) => ({ ...to, sealed })))
    expect(results.map((result) => ('code' in result ? result.code : 'good'))).toEqual([
      'good',
      'message/tampered',
      'good',
    ])
  })
})

it('a header is read as it was written, and refused with numbers that nobody can count to', () => {
  const { messageSecret: _, identitySeed: __, body: ___, ...header } = { ...message, type: 1 }
  const bytes = encodeMessageHeader(header)
  expect(bytes.length).toBe(135)
  expect(parseMessageHeader(bytes)).toEqual(header)
  for (const at of [0, 1, 55, 63]) expect(() => parseMessageHeader(flip(bytes, at, 0x80))).toThrow(AppError)
  expect(() => parseMessageHeader(encodeMessageHeader({ ...header, counter: 0 }))).toThrow(AppError)
})

describe('a receipt', () => {
  const place = {
    connectionId: message.connectionId,
    senderId: message.senderId,
    deviceId: message.deviceId,
    revision: 4,
  }
  const mark = { senderId: newUserId(), deviceId: newDeviceId(), counter: 12 }
  const body = { delivered: [mark], read: null }
  const keys = { epoch: 3, messageSecret: message.messageSecret, identitySeed: seed }
  const reader = { messageSecret: message.messageSecret, identityKey: publicKeyOf(seed) }
  const tampered = { code: 'message/tampered' }

  it('is read by the friend, and by no other place', async () => {
    const sealed = await sealPeerReceipt(place, keys, body)
    expect(await openPeerReceipt(place, reader, sealed)).toEqual(body)
    const elsewhere = [
      { ...place, revision: 5 },
      { ...place, deviceId: newDeviceId() },
      { ...place, senderId: newUserId() },
    ]
    for (const other of elsewhere) await expect(openPeerReceipt(other, reader, sealed)).rejects.toMatchObject(tampered)
    for (const at of [0, 3, 10, 60])
      await expect(openPeerReceipt(place, reader, flip(sealed, at, 1))).rejects.toMatchObject(tampered)
    await expect(
      openPeerReceipt(place, { ...reader, identityKey: publicKeyOf(newKey()) }, sealed),
    ).rejects.toMatchObject(tampered)
    await expect(openPeerReceipt(place, reader, new Uint8Array(3))).rejects.toMatchObject(tampered)
  })

  it('for one’s own devices opens under the account key alone', async () => {
    const accountKey = newKey()
    const sealed = await sealOwnReceipt(place, accountKey, body)
    expect(await openOwnReceipt(place, accountKey, sealed)).toEqual(body)
    await expect(openOwnReceipt(place, newKey(), sealed)).rejects.toMatchObject(tampered)
    await expect(openOwnReceipt({ ...place, revision: 1 }, accountKey, sealed)).rejects.toMatchObject(tampered)
  })
})

it('typing says when, to the friend alone', async () => {
  const { connectionId, senderId, messageSecret } = message
  const sealed = await sealTyping(connectionId, senderId, messageSecret, 1234)
  expect(await openTyping(connectionId, senderId, messageSecret, sealed)).toBe(1234)
  expect(await openTyping(connectionId, newUserId(), messageSecret, sealed)).toBeNull()
  expect(await openTyping(connectionId, senderId, newKey(), sealed)).toBeNull()
})

function flip(bytes: Bytes, at: number, bits: number): Bytes {
  const out = bytes.slice()
  out[at] = (out[at] ?? 0) ^ bits
  return out
}
