import fc from 'fast-check'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { boxKeysFrom } from '../crypto/box.ts'
import { makeAccept, makeRotate, nextSchedule, openNote, startSchedule } from '../crypto/connection-keys.ts'
import { newConnectionId, newDeviceId, newKey, randomBytes } from '../crypto/random.ts'
import { publicKeyOf, signStatement } from '../crypto/signing.ts'
import { codeOf, newPerson, type Person } from '../testing/people.ts'
import { TestConnection } from '../testing/talkers.ts'
import { type ConnectionOptions, type PublicKeys, peerOf, replayConnection, sideOf } from './connection.ts'
import { REQUEST_LABEL, requestEntry } from './connection-entries.ts'
import { decodeUnverified, type SignedEntry } from './signed.ts'

let ada: Person
let ben: Person
let eve: Person
let talk: TestConnection
beforeAll(async () => {
  ;[ada, ben, eve] = await Promise.all([newPerson('ada'), newPerson('ben'), newPerson('eve')])
})
beforeEach(async () => {
  talk = await TestConnection.between(ada, ben)
})

const replay = (entries: readonly SignedEntry[], options: ConnectionOptions = {}) =>
  codeOf(() => replayConnection(talk.connectionId, entries, options))
const entryAt = (index: number): SignedEntry => talk.entries[index] as SignedEntry
const meAs = (person: Person) => ({
  userId: person.userId,
  identitySeed: person.seed,
  identityHead: person.actor.head,
  identityKey: publicKeyOf(person.seed),
})

describe('two people', () => {
  it('have the same secrets in every epoch, and other ones in each', async () => {
    await talk.rotate(ben)
    await talk.rotate(ada)
    await talk.rotate(ada)
    const secrets = talk.secrets.get(ada)
    expect(talk.secrets.get(ben)).toEqual(secrets)
    expect(secrets?.map(({ epoch }) => epoch)).toEqual([0, 1, 2, 3])
    expect(new Set(secrets?.map(({ messageSecret }) => messageSecret.join())).size).toBe(4)
    expect(talk.schedules.get(ada)?.root).toEqual(talk.schedules.get(ben)?.root)
    const { state } = talk
    expect([state.epoch, state.length, state.rotatedBy]).toEqual([3, 5, ada.userId])
    expect([state.requester.keysEpoch, state.receiver.keysEpoch]).toEqual([3, 1])
  })

  it('read a note that was sealed to one of them', async () => {
    const asked = await TestConnection.ask(ada, ben, 'Wir kennen uns vom Chor')
    const note = asked.note as NonNullable<typeof asked.note>
    const { note: hash } = asked.state
    expect(await openNote(asked.connectionId, ben.box, note, hash)).toBe('Wir kennen uns vom Chor')
    expect(await codeOf(() => openNote(asked.connectionId, eve.box, note, hash))).toBe('box/tampered')
    expect(await codeOf(() => openNote(newConnectionId(), ben.box, note, hash))).toBe('box/tampered')
    expect(await codeOf(() => openNote(asked.connectionId, ben.box, note, randomBytes(32)))).toBe('box/tampered')
    expect(await codeOf(() => openNote(asked.connectionId, ben.box, note, null))).toBe('box/tampered')
  })

  it('know what each epoch ended with', async () => {
    const closes = [
      { senderId: ada.userId, deviceId: newDeviceId(), counter: 7 },
      { senderId: ben.userId, deviceId: newDeviceId(), counter: 3 },
    ]
    await talk.rotate(ada, closes)
    const [first, second] = closes as [(typeof closes)[0], (typeof closes)[0]]
    expect(talk.state.closes.get(0)).toEqual(
      new Map([
        [`${first.senderId}.${first.deviceId}`, 7],
        [`${second.senderId}.${second.deviceId}`, 3],
      ]),
    )
    expect(talk.state.closes.has(1)).toBe(false)
  })

  it('heal: who has everything of one of them reads nothing once both have rotated', async () => {
    const stolen = talk.schedules.get(ada) as NonNullable<ReturnType<typeof talk.schedules.get>>
    await talk.rotate(ada)
    // The thief has the old keys, not the new ones that this entry brings.
    const taken = await nextSchedule(stolen, entryAt(2), talk.state.receiver.keys as PublicKeys, null).catch(() => null)
    expect(taken?.secret.messageSecret).not.toEqual(talk.secrets.get(ada)?.[1]?.messageSecret)
    const asBen = await nextSchedule(stolen, entryAt(2), sideOf(talk.state, ben.userId).keys as PublicKeys, null)
    expect(asBen.secret.messageSecret).not.toEqual(talk.secrets.get(ben)?.[1]?.messageSecret)
  })

  it('go on after a crash between writing an entry down and hearing that the log has it', async () => {
    const before = talk.state
    const peer = peerOf(before, ada.userId).keys as PublicKeys
    const body = { epoch: 1, prev: before.head, reason: 'scheduled' as const, closes: [], createdAt: 5 }
    const schedule = talk.schedules.get(ada) as NonNullable<ReturnType<typeof talk.schedules.get>>
    const pending = await makeRotate(meAs(ada), peer, body)
    const [first, again] = [
      await nextSchedule(schedule, pending.entry, peer, pending),
      await nextSchedule(schedule, pending.entry, peer, structuredClone(pending)),
    ]
    expect(again).toEqual(first)
  })
})

describe('a malicious server', () => {
  it('swaps an identity', async () => {
    const people = [{ userId: ben.userId, identityKey: publicKeyOf(eve.seed) }]
    expect(await replay(talk.entries, { expected: people })).toBe('identity/changed')
    const real = [ada, ben].map(({ userId, seed }) => ({ userId, identityKey: publicKeyOf(seed) }))
    expect(await replay(talk.entries, { expected: real })).toBe('no error')
  })

  it('swaps a connection key inside an entry', async () => {
    const request = decodeUnverified(requestEntry, entryAt(0).bytes)
    const x = randomBytes(32)
    const bytes = signStatement(eve.seed, REQUEST_LABEL, requestEntry, { ...request, x }).bytes
    expect(await replay([{ bytes, sig: entryAt(0).sig }, entryAt(1)])).toBe('log/bad-signature')
  })

  it('shows another request of the same person than the one that was written down', async () => {
    const other = await TestConnection.ask(ada, ben)
    const { entry } = await makeAccept(
      other.entries[0] as SignedEntry,
      meAs(ben),
      other.state.requester.keys as PublicKeys,
      5,
    )
    const mine = talk.pending.get(ada) as NonNullable<ReturnType<typeof talk.pending.get>>
    expect(await codeOf(() => startSchedule(other.entries[0] as SignedEntry, entry, mine))).toBe(
      'connection/swapped-key',
    )
  })

  it('adds a rotation by a ghost', async () => {
    const { state } = talk
    const body = { epoch: 1, prev: state.head, reason: 'scheduled' as const, closes: [], createdAt: 5 }
    const ghost = await makeRotate(meAs(eve), state.requester.keys as PublicKeys, body)
    expect(await replay([...talk.entries, ghost.entry])).toBe('connection/forbidden')
    const masked = await makeRotate({ ...meAs(eve), userId: ada.userId }, state.receiver.keys as PublicKeys, body)
    expect(await replay([...talk.entries, masked.entry])).toBe('log/bad-signature')
  })

  it('lets somebody else accept, or the one who asked', async () => {
    const keys = talk.state.requester.keys as PublicKeys
    for (const person of [eve, ada]) {
      const { entry } = await makeAccept(entryAt(0), meAs(person), keys, 5)
      expect(await replay([entryAt(0), entry])).toBe('connection/forbidden')
    }
    const { entry } = await makeAccept(entryAt(0), { ...meAs(eve), userId: ben.userId }, keys, 5)
    expect(await replay([entryAt(0), entry])).toBe('identity/changed')
  })

  it('replays a rotation, or leaves one out', async () => {
    await talk.rotate(ada)
    await talk.rotate(ben)
    const [request, accept, first, second] = talk.entries as SignedEntry[]
    const log = (...entries: (SignedEntry | undefined)[]) => replay(entries as SignedEntry[])
    expect(await log(request, accept, first, first)).toBe('log/wrong-prev')
    expect(await log(request, accept, second)).toBe('log/wrong-prev')
    expect(await log(request, first)).toBe('log/bad-entry')
    expect(await log(accept)).toBe('log/bad-entry')
    expect(await log()).toBe('log/bad-entry')
  })

  it('shows an entry of another connection', async () => {
    const other = await TestConnection.between(ada, ben)
    expect(await replay(other.entries)).toBe('log/bad-entry')
    expect(await replay([entryAt(0), other.entries[1] as SignedEntry])).toBe('log/wrong-prev')
  })

  it('cuts the log, or forks it', async () => {
    const before = talk.state
    const forked = await makeRotate(meAs(ada), before.receiver.keys as PublicKeys, {
      epoch: 1,
      prev: before.head,
      reason: 'scheduled',
      closes: [],
      createdAt: 9,
    })
    await talk.rotate(ada)
    const { length, head } = talk.state
    const pin = { length, head }
    expect(await replay(talk.entries, { pin })).toBe('no error')
    expect(await replay(talk.entries.slice(0, 2), { pin })).toBe('connection/rollback')
    expect(await replay([], { pin })).toBe('connection/rollback')
    expect(await replay([entryAt(0), entryAt(1), forked.entry], { pin })).toBe('connection/fork')
  })

  it('forks the log for one device, and shows another one only what comes after', async () => {
    const from = talk.state
    await talk.rotate(ada)
    const pin = { length: 3, head: talk.state.head }
    expect(await replay([entryAt(2)], { from, pin })).toBe('no error')
    expect(await replay([entryAt(2)], { from, pin: { length: 2, head: randomBytes(32) } })).toBe('connection/fork')
    expect(await replay([], { from, pin })).toBe('connection/rollback')
    expect(await replay([entryAt(1)], { from, pin })).toBe('log/bad-entry')
  })

  it('closes a device twice, or one of somebody else', async () => {
    const deviceId = newDeviceId()
    const twice = { senderId: ada.userId, deviceId, counter: 1 }
    const by = (closes: (typeof twice)[]) =>
      makeRotate(meAs(ada), talk.state.receiver.keys as PublicKeys, {
        epoch: 1,
        prev: talk.state.head,
        reason: 'scheduled',
        closes,
        createdAt: 9,
      })
    expect(await replay([...talk.entries, (await by([twice, twice])).entry])).toBe('log/bad-entry')
    const foreign = { ...twice, senderId: eve.userId }
    expect(await replay([...talk.entries, (await by([foreign])).entry])).toBe('connection/forbidden')
  })

  it('sends a point of small order in place of a key', async () => {
    const schedule = talk.schedules.get(ada) as NonNullable<ReturnType<typeof talk.schedules.get>>
    const pending = await makeRotate(meAs(ada), talk.state.receiver.keys as PublicKeys, {
      epoch: 1,
      prev: talk.state.head,
      reason: 'scheduled',
      closes: [],
      createdAt: 9,
    })
    const zero = { x: new Uint8Array(32), w: (await boxKeysFrom(newKey())).publicKey }
    expect(await codeOf(() => nextSchedule(schedule, pending.entry, zero, pending))).toBe('key/unavailable')
  })

  it('changes any single bit of it', async () => {
    await talk.rotate(ben)
    fc.assert(
      fc.property(fc.nat(2), fc.boolean(), fc.nat(), fc.nat(7), (index, inSig, at, bit) => {
        const entries = talk.entries.map(({ bytes, sig }) => ({ bytes: bytes.slice(), sig: sig.slice() }))
        const target = (inSig ? entries[index]?.sig : entries[index]?.bytes) as Uint8Array
        target[at % target.length] = (target[at % target.length] as number) ^ (1 << bit)
        expect(() => replayConnection(talk.connectionId, entries)).toThrow()
      }),
      { numRuns: 60 },
    )
  })
})
