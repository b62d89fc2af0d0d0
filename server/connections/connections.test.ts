import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { UserId } from '../../shared/format/ids.ts'
import { DEVICES_A_SIDE } from '../../shared/logs/connection-entries.ts'
import { hashEntry } from '../../shared/logs/signed.ts'
import {
  appendConnectionLog,
  type ConnectionView,
  denyConnection,
  endConnection,
  listConnections,
  REQUEST_TTL_MS,
  ROTATIONS_A_DAY,
  requestConnection,
} from '../../shared/wire/connections.ts'
import { block, listBlocks, unblock } from '../../shared/wire/people.ts'
import { destroyAccount } from '../accounts/destroy.ts'
import { sweepChat } from '../messages/sweep.ts'
import {
  accept,
  acceptOf,
  append,
  ask,
  befriend,
  requestOf,
  rotate,
  rotateOf,
  sealedBy,
  seedTalker,
  send,
  signedJson,
  type Talker,
  viewOf,
} from '../testing/chat.ts'
import { randomId } from '../testing/seed.ts'
import { box } from '../testing/signing.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let server: TestServer
let [anna, ben, eve] = [] as unknown as [Talker, Talker, Talker]
beforeEach(async () => {
  // Requests stay as long as sessions do.
  server = await startTestServer({ config: { sessionIdleMs: 10 * REQUEST_TTL_MS, sessionMaxMs: 10 * REQUEST_TTL_MS } })
  anna = await seedTalker(server, 'anna')
  ben = await seedTalker(server, 'ben')
  eve = await seedTalker(server, 'eve')
})
afterEach(() => server.close())

const code = (name: string) => expect.objectContaining({ code: name })
const stateFor = async (person: Talker, { connectionId }: Pick<ConnectionView, 'connectionId'>) =>
  (await viewOf(person, connectionId)).state
const told = (userId: UserId) =>
  server.notices.flatMap((notice) =>
    notice.kind === 'event' && notice.name === 'connection' && JSON.stringify(notice.to).includes(userId)
      ? [notice.payload.changeSeq]
      : [],
  )

describe('two people', () => {
  it('become friends: one asks with a note, the other accepts', async () => {
    const note = box(1200)
    const asked = await ask(anna, ben, note)
    expect(asked).toMatchObject({ state: 'asking', length: 1, lastSeq: 0, note: null, peer: { username: 'ben' } })
    const shown = await viewOf(ben, asked.connectionId)
    expect(shown).toMatchObject({ state: 'asked', note, peer: { userId: anna.userId, username: 'anna' } })
    expect(await accept(ben, shown)).toMatchObject({ state: 'friends', length: 2, note: null })
    expect(await stateFor(anna, asked)).toBe('friends')
    await expect(viewOf(eve, asked.connectionId)).rejects.toThrow('not in the list')
  })

  it('learn of each change by a number of their own that only grows', async () => {
    const { connectionId } = await befriend(anna, ben)
    await befriend(eve, ben)
    await rotate(anna, connectionId)
    expect(told(anna.userId)).toEqual([1, 2, 3])
    expect(told(ben.userId)).toEqual([1, 2, 3, 4, 5])
    const since = async (seq: number) =>
      (await ben.client.call(listConnections, { query: { since: seq } })).connections.map(({ changeSeq }) => changeSeq)
    expect(await since(0)).toEqual([4, 5])
    expect(await since(4)).toEqual([5])
    expect(await since(5)).toEqual([])
  })

  it('have one connection at a time, whoever asks first', async () => {
    const asked = await ask(anna, ben)
    await expect(ask(anna, ben)).rejects.toEqual(code('connection/exists'))
    await expect(ask(ben, anna)).rejects.toEqual(code('connection/exists'))
    await anna.client.call(endConnection, { params: { connectionId: asked.connectionId } })
    expect(await stateFor(ben, asked)).toBe('ended')
    await ask(ben, anna)
  })

  it('may ask again with the same bytes when the answer was lost', async () => {
    const body = requestOf(anna, ben)
    const first = await anna.client.call(requestConnection, { body })
    expect(await anna.client.call(requestConnection, { body })).toEqual(first)
    const taken = { ...requestOf(eve, ben), connectionId: body.connectionId }
    await expect(eve.client.call(requestConnection, { body: taken })).rejects.toEqual(code('connection/exists'))
  })

  it('may append again with the same bytes when the answer was lost, also after others did', async () => {
    const view = await ask(anna, ben)
    const entry = acceptOf(ben, view.head)
    await append(ben, view, entry)
    await rotate(anna, view.connectionId)
    expect(await append(ben, view, entry)).toMatchObject({ length: 3 })
  })
})

describe('a denial', () => {
  it('is told to nobody: the request stays open until it expires', async () => {
    const asked = await ask(anna, ben, box(1200))
    const before = told(anna.userId)
    await ben.client.call(denyConnection, { params: { connectionId: asked.connectionId } })
    await ben.client.call(denyConnection, { params: { connectionId: asked.connectionId } })
    expect(told(anna.userId)).toEqual(before)
    expect(await viewOf(anna, asked.connectionId)).toEqual(asked)
    expect(await viewOf(ben, asked.connectionId)).toMatchObject({ state: 'ended', note: null })
    await expect(ask(anna, ben)).rejects.toEqual(code('connection/exists'))
    server.clock.advance(REQUEST_TTL_MS)
    expect(await stateFor(anna, asked)).toBe('ended')
  })

  it('is what ending an open request means for whoever was asked', async () => {
    const asked = await ask(anna, ben)
    await ben.client.call(endConnection, { params: { connectionId: asked.connectionId } })
    expect(await stateFor(anna, asked)).toBe('asking')
  })

  it('does not keep the one who denied from asking', async () => {
    const asked = await ask(anna, ben)
    await ben.client.call(denyConnection, { params: { connectionId: asked.connectionId } })
    await expect(append(ben, asked, acceptOf(ben, asked.head))).rejects.toEqual(code('connection/refused'))
    const turned = await ask(ben, anna)
    expect(await stateFor(anna, asked)).toBe('ended')
    expect(await accept(anna, await viewOf(anna, turned.connectionId))).toMatchObject({ state: 'friends' })
  })

  it('is for whoever was asked', async () => {
    const asked = await ask(anna, ben)
    const deny = (person: Talker) =>
      person.client.call(denyConnection, { params: { connectionId: asked.connectionId } })
    await expect(deny(anna)).rejects.toEqual(code('connection/forbidden'))
    await expect(deny(eve)).rejects.toEqual(code('connection/not-found'))
    await accept(ben, asked)
    await expect(deny(ben)).rejects.toEqual(code('connection/forbidden'))
  })
})

describe('a request', () => {
  const sent = (changes: object, note = null) =>
    anna.client.call(requestConnection, { body: requestOf(anna, ben, note, changes as Record<string, unknown>) })

  it.each([
    ['signed for another connection', () => ({ connectionId: randomId() }), 'log/bad-entry'],
    [
      'signed for another person',
      () => ({ to: { userId: eve.userId, identityKey: ben.identityKey } }),
      'connection/forbidden',
    ],
    [
      'to an identity that was swapped',
      () => ({ to: { userId: ben.userId, identityKey: eve.identityKey } }),
      'identity/changed',
    ],
    [
      'in the name of another',
      () => ({ from: { userId: eve.userId, identityKey: eve.identityKey, identityHead: eve.head } }),
      'log/bad-signature',
    ],
    [
      'under an older identity',
      () => ({ from: { userId: anna.userId, identityKey: anna.identityKey, identityHead: box(32) } }),
      'identity/changed',
    ],
    ['with the hash of a note that is not there', () => ({ note: box(32) }), 'log/bad-entry'],
    ['that would stay for ever', () => ({ expiresAt: 2 ** 53 - 1 }), 'log/bad-entry'],
    ['that has run out', () => ({ expiresAt: server.clock.now() }), 'connection/expired'],
    ['of another suite', () => ({ suite: 1 }), 'log/bad-entry'],
    ['with more than it should have', () => ({ more: 1 }), 'log/bad-entry'],
  ] as [string, () => object, string][])('%s is refused', async (_, changes, expected) => {
    await expect(sent(changes())).rejects.toEqual(code(expected))
  })

  it('signed by somebody else is refused', async () => {
    const body = requestOf({ ...anna, secretKey: eve.secretKey }, ben)
    await expect(anna.client.call(requestConnection, { body })).rejects.toEqual(code('log/bad-signature'))
    const label = { ...requestOf(anna, ben) }
    const statement = JSON.parse(new TextDecoder().decode(label.entry.bytes)) as object
    const entry = signedJson(anna.secretKey, 'kith/v1/conn-accept', statement)
    await expect(anna.client.call(requestConnection, { body: { ...label, entry } })).rejects.toEqual(
      code('log/bad-signature'),
    )
  })

  it('whose note was swapped is refused', async () => {
    const body = { ...requestOf(anna, ben, box(1200)), note: box(1200) }
    await expect(anna.client.call(requestConnection, { body })).rejects.toEqual(code('log/bad-entry'))
  })

  it('to somebody who blocked, is gone, never was, or oneself is refused alike', async () => {
    await ben.client.call(block, { params: { userId: anna.userId } })
    await destroyAccount(server.deps, eve.userId)
    const nobody = { ...ben, userId: randomId() as UserId }
    const refusals = await Promise.all(
      [ben, eve, nobody, anna].map((peer) => ask(anna, peer).catch((error: Error) => error.message)),
    )
    expect(new Set(refusals)).toEqual(new Set(['403: this person cannot be reached']))
  })

  it('can be made 20 times a day', async () => {
    const strict = await startTestServer({ config: { rateScale: 1 } })
    try {
      const [a, b] = [await seedTalker(strict, 'anna'), await seedTalker(strict, 'ben')]
      for (let i = 0; i < 20; i++)
        await a.client.call(endConnection, { params: { connectionId: (await ask(a, b)).connectionId } })
      await expect(ask(a, b)).rejects.toEqual(code('auth/rate-limited'))
      strict.clock.advance(86_400_000)
      await ask(a, b)
    } finally {
      await strict.close()
    }
  })

  it('ends when nobody answers, and its note is erased', async () => {
    const [open, denied] = [await ask(anna, ben, box(1200)), await ask(eve, ben, box(1200))]
    await ben.client.call(denyConnection, { params: { connectionId: denied.connectionId } })
    server.clock.advance(REQUEST_TTL_MS)
    await expect(append(ben, open, acceptOf(ben, open.head))).rejects.toEqual(code('connection/expired'))
    await sweepChat(server.deps)
    expect(await server.deps.db('connections').whereNotNull('note')).toEqual([])
    // Both see the same, at the same time.
    for (const [person, view] of [
      [anna, open],
      [eve, denied],
    ] as const) {
      expect(await viewOf(person, view.connectionId)).toMatchObject({ state: 'ended', changeSeq: 2 })
    }
  })
})

describe('the log', () => {
  it('grows only on top of the newest entry and the newest message', async () => {
    const { connectionId } = await befriend(anna, ben)
    const before = await viewOf(anna, connectionId)
    await send(ben, connectionId, sealedBy(ben, connectionId))
    const entry = rotateOf(anna, 1, before.head)
    await expect(append(anna, before, entry)).rejects.toEqual(code('connection/behind'))
    await append(anna, { ...before, lastSeq: 1 }, entry)
    // The loser of the race starts over.
    const late = rotateOf(ben, 1, before.head)
    await expect(append(ben, { ...before, lastSeq: 1 }, late)).rejects.toEqual(code('log/conflict'))
  })

  it('lets one of many that race win', async () => {
    const { connectionId } = await befriend(anna, ben)
    const view = await viewOf(anna, connectionId)
    const racers = Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? anna : ben))
    const ends = await Promise.allSettled(racers.map((by) => append(by, view, rotateOf(by, 1, view.head))))
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await viewOf(ben, connectionId)).toMatchObject({ length: 3 })
  })

  it.each([
    ['a ghost rotation by the friend in my name', () => ({ author: anna.userId }), 'log/bad-signature'],
    ['a rotation that skips an epoch', () => ({ epoch: 2 }), 'log/wrong-prev'],
    ['a rotation of an older epoch', () => ({ epoch: 0 }), 'log/wrong-prev'],
    ['a rotation on another head', () => ({ prev: box(32) }), 'log/wrong-prev'],
    [
      'a rotation that closes a device twice',
      () => ({ closes: Array(2).fill({ senderId: ben.userId, deviceId: ben.deviceId, counter: 1 }) }),
      'log/bad-entry',
    ],
    [
      'a rotation that closes a stranger’s device',
      () => ({ closes: [{ senderId: eve.userId, deviceId: eve.deviceId, counter: 1 }] }),
      'connection/forbidden',
    ],
    [
      'a rotation that closes more devices than may write',
      () => ({
        closes: Array.from({ length: DEVICES_A_SIDE + 1 }, () => {
          return { senderId: ben.userId, deviceId: randomId(), counter: 1 }
        }),
      }),
      'log/bad-entry',
    ],
    ['a rotation without a reason', () => ({ reason: 'because' }), 'log/bad-entry'],
  ] as [string, () => object, string][])('refuses %s', async (_, changes, expected) => {
    const { connectionId } = await befriend(anna, ben)
    const view = await viewOf(ben, connectionId)
    const entry = rotateOf(ben, 1, view.head, changes() as Record<string, unknown>)
    await expect(append(ben, view, entry)).rejects.toEqual(code(expected))
    expect(await viewOf(ben, connectionId)).toMatchObject({ length: 2 })
  })

  it('takes what somebody signed from nobody else', async () => {
    const { connectionId } = await befriend(anna, ben)
    const view = await viewOf(ben, connectionId)
    await expect(append(ben, view, rotateOf(anna, 1, view.head))).rejects.toEqual(code('connection/forbidden'))
    const body = { ...requestOf(ben, eve), note: null }
    await expect(anna.client.call(requestConnection, { body })).rejects.toEqual(code('connection/forbidden'))
  })

  it.each([
    ['whoever asked', () => anna, 'connection/refused'],
    ['a third person', () => eve, 'connection/not-found'],
  ] as [string, () => Talker, string][])('takes no acceptance from %s', async (_, by, expected) => {
    const view = await ask(anna, ben)
    await expect(append(by(), view, acceptOf(by(), view.head))).rejects.toEqual(code(expected))
  })

  it('takes no acceptance of another request, under a swapped key, or signed by another', async () => {
    const view = await ask(anna, ben)
    const swapped = { userId: ben.userId, identityKey: eve.identityKey, identityHead: ben.head }
    for (const [entry, expected] of [
      [acceptOf(ben, box(32)), 'log/wrong-prev'],
      [acceptOf(ben, view.head, { from: swapped }), 'identity/changed'],
      [acceptOf({ ...ben, secretKey: eve.secretKey }, view.head), 'log/bad-signature'],
      [rotateOf(ben, 0, view.head), 'log/bad-entry'],
    ] as const) {
      await expect(append(ben, view, entry)).rejects.toEqual(code(expected))
    }
    expect(await stateFor(ben, view)).toBe('asked')
  })

  it('takes no entry that fills the disk', async () => {
    const { connectionId } = await befriend(anna, ben)
    const view = await viewOf(ben, connectionId)
    const closes = Array.from({ length: 400 }, () => ({ senderId: randomId(), deviceId: randomId(), counter: 1 }))
    const entry = rotateOf(ben, 1, view.head, { closes })
    await expect(append(ben, view, entry)).rejects.toEqual(code('request/too-large'))
  })

  it('takes only so many rotations of one side in a day: each leaves a secret in the friend’s vault', async () => {
    await server.close()
    server = await startTestServer({ config: { rateScale: 1 } })
    anna = await seedTalker(server, 'anna')
    ben = await seedTalker(server, 'ben')
    eve = await seedTalker(server, 'eve')
    const { connectionId } = await befriend(anna, ben)
    const other = await befriend(anna, eve)
    await rotate(anna, connectionId)
    const entries = server.deps.db('connection_entries')
    const [one] = await entries.clone().where({ connection_id: connectionId, seq: 2 })
    for (let seq = 1000; seq < 999 + ROTATIONS_A_DAY; seq++) await entries.clone().insert({ ...one, seq })
    await expect(rotate(anna, connectionId)).rejects.toEqual(code('auth/rate-limited'))
    await rotate(ben, connectionId)
    await rotate(anna, other.connectionId)
    server.clock.advance(86_400_000)
    expect(await rotate(anna, connectionId)).toMatchObject({ length: 5 })
  })

  it('names its newest entry', async () => {
    const view = await ask(anna, ben)
    const entry = acceptOf(ben, view.head)
    const body = { ifHead: view.head, ifLastSeq: 0, entry }
    const { head } = await ben.client.call(appendConnectionLog, { params: { connectionId: view.connectionId }, body })
    expect(head).toEqual(hashEntry(entry))
  })
})

describe('a block', () => {
  it('is known to whoever set it alone, and ends when it is lifted', async () => {
    const { connectionId } = await befriend(anna, ben)
    const before = [await viewOf(anna, connectionId), told(anna.userId)]
    await ben.client.call(block, { params: { userId: anna.userId } })
    await ben.client.call(block, { params: { userId: anna.userId } })
    expect(await stateFor(ben, { connectionId })).toBe('blocked')
    expect([await viewOf(anna, connectionId), told(anna.userId)]).toEqual(before)
    await expect(rotate(anna, connectionId)).rejects.toEqual(code('connection/refused'))
    await expect(rotate(ben, connectionId)).rejects.toEqual(code('connection/refused'))
    await ben.client.call(unblock, { params: { userId: anna.userId } })
    expect(await stateFor(ben, { connectionId })).toBe('friends')
    await rotate(anna, connectionId)
  })

  it('is not told to whoever still waits for an answer and asks again', async () => {
    await ask(anna, ben)
    await ben.client.call(block, { params: { userId: anna.userId } })
    await expect(ask(anna, ben)).rejects.toEqual(code('connection/exists'))
  })

  it('outlives the friendship: it is listed, and holds, until it is lifted', async () => {
    const { connectionId } = await befriend(anna, ben)
    await anna.client.call(block, { params: { userId: ben.userId } })
    await ben.client.call(endConnection, { params: { connectionId } })
    expect(await stateFor(anna, { connectionId })).toBe('ended')
    expect(await anna.client.call(listBlocks)).toMatchObject({ people: [{ userId: ben.userId }] })
    await expect(ask(ben, anna)).rejects.toEqual(code('connection/refused'))
    await anna.client.call(unblock, { params: { userId: ben.userId } })
    await ask(ben, anna)
  })

  it('keeps a request from being accepted', async () => {
    const view = await ask(anna, ben)
    await anna.client.call(block, { params: { userId: ben.userId } })
    await expect(accept(ben, view)).rejects.toEqual(code('connection/refused'))
    expect(await stateFor(anna, view)).toBe('blocked')
    expect(await stateFor(ben, view)).toBe('asked')
  })
})

describe('an end', () => {
  it('is seen by both, and nothing goes on', async () => {
    const { connectionId } = await befriend(anna, ben)
    await anna.client.call(endConnection, { params: { connectionId } })
    await anna.client.call(endConnection, { params: { connectionId } })
    expect([await stateFor(anna, { connectionId }), await stateFor(ben, { connectionId })]).toEqual(['ended', 'ended'])
    await expect(rotate(ben, connectionId)).rejects.toEqual(code('connection/refused'))
    await befriend(ben, anna)
  })

  it('comes with the destruction of an account: the name is gone, what was sent stays', async () => {
    const { connectionId } = await befriend(anna, ben)
    await send(anna, connectionId, sealedBy(anna, connectionId))
    const asked = await ask(anna, eve)
    await destroyAccount(server.deps, anna.userId)
    for (const [person, id] of [
      [ben, connectionId],
      [eve, asked.connectionId],
    ] as const) {
      expect(await viewOf(person, id)).toMatchObject({ state: 'ended', peer: { userId: anna.userId, username: '' } })
    }
    expect(await viewOf(ben, connectionId)).toMatchObject({ lastSeq: 1 })
    expect(await server.deps.db('connection_messages').whereNotNull('sealed')).toHaveLength(1)
    // Nobody is left to read it.
    await destroyAccount(server.deps, ben.userId)
    expect(await server.deps.db('connection_messages')).toEqual([])
  })
})
