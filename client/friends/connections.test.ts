import 'fake-indexeddb/auto'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import * as keys from '../../shared/crypto/connection-keys.ts'
import { newKey, randomBytes } from '../../shared/crypto/random.ts'
import { publicKeyOf, signStatement } from '../../shared/crypto/signing.ts'
import { eraseDevice, openDevice } from '../../shared/device/db.ts'
import { createKey } from '../../shared/device/device-key.ts'
import { AppError, type ErrorCode } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import { type ConnectionId, parseDeviceId } from '../../shared/format/ids.ts'
import { type PublicKeys, replayConnection } from '../../shared/logs/connection.ts'
import { DEVICES_A_SIDE, ROTATE_LABEL, rotateEntry } from '../../shared/logs/connection-entries.ts'
import { decodeUnverified, hashOf, type SignedEntry } from '../../shared/logs/signed.ts'
import { codeOf, newPerson, type Person } from '../../shared/testing/people.ts'
import { readIdentity } from '../../shared/wire/accounts.ts'
import {
  appendConnectionLog,
  catchUp,
  listConnections,
  type MessageTtl,
  requestConnection,
  type StoredMessage,
} from '../../shared/wire/connections.ts'
import type { Route } from '../../shared/wire/route.ts'
import { writeVault } from '../../shared/wire/vault.ts'
import type { Api } from '../app/api.ts'
import { Turns } from '../groups/turns.ts'
import { endSession } from '../settings/end-session.ts'
import { FakeServer } from '../testing/fake-server.ts'
import { identityOf } from '../testing/identity-of.ts'
import { openVault, sealVaultWrite } from '../vault/sealing.ts'
import { Vault } from '../vault/vault.ts'
import type { Crypto } from '../workers/crypto.ts'
import { FriendConnections } from './connections.ts'
import { type ConnectionItem, connectionItem, connectionItemName, encodeConnectionItem } from './item.ts'
import type { Inbox, Sent } from './types.ts'

const crypto = { ...keys, openVault, sealVaultWrite } as unknown as Crypto
const DAY_MS = 86_400_000

/** Of a device that has taken everything. */
const sentOf = (counters: Sent['counters'] = []): Sent => {
  const lastSeq = Math.max(0, ...[...server.connections.all.values()].map(({ messages }) => messages.length))
  return { counters, lives: [], isSpent: false, lastSeq }
}

class Died extends Error {}

/** One of a person's devices; `dies` stops the program at a call, `loses` says what comes instead of an answer. */
class Device {
  readonly person: Person
  readonly vault: Vault
  friends: FriendConnections
  dies: (when: 'before' | 'after', route: Route) => boolean = () => false
  /** Runs once, while an answer of that route is on its way. */
  late: { route: Route; meanwhile: () => Promise<unknown> } | null = null
  loses: (when: 'before' | 'after', route: Route) => ErrorCode | null = () => null
  now = 10_000
  resetAt: number | null = null
  #isDead = false
  readonly #make: () => FriendConnections

  constructor(person: Person, accountKey: Bytes) {
    this.person = person
    const inner = server.apiOf(person.userId)
    const call = async (route: Route, options: never) => {
      this.#live('before', route)
      const reply = await inner.call(route, options)
      this.#live('after', route)
      if (this.late?.route === route) {
        const { meanwhile } = this.late
        this.late = null
        await meanwhile()
      }
      return reply
    }
    const api = { call } as unknown as Api
    // Other devices are no tabs of this one.
    const turns = new Turns<'vault'>()
    this.vault = new Vault(api, crypto, { userId: person.userId, accountKey }, (task) => turns.run('vault', task))
    const { userId, seed: identitySeed, identityKey, box: agreement } = person
    const secrets = { userId, accountKey, identitySeed, identityKey, agreement }
    const { vault } = this
    this.#make = () =>
      new FriendConnections({
        api,
        crypto,
        vault,
        secrets,
        identity: async () => ({ head: person.actor.head, changedAt: this.resetAt }),
        now: () => this.now,
      })
    this.friends = this.#make()
  }

  #live(when: 'before' | 'after', route: Route): void {
    this.#isDead ||= this.dies(when, route)
    if (this.#isDead) throw new Died()
    const lost = this.loses(when, route)
    if (lost) throw new AppError(lost)
  }

  /** The program starts anew, from what the server and the vault have. */
  async restart(): Promise<void> {
    this.dies = () => false
    this.#isDead = false
    this.friends = this.#make()
    await this.vault.openServed().catch(() => undefined)
    await this.friends.catchUp()
  }

  of(id: ConnectionId) {
    return this.friends.get(id)
  }
  sending(id: ConnectionId, ttlMs: MessageTtl = null) {
    return this.friends.sendingKeys(id, ttlMs)
  }
  endSpent(id: ConnectionId) {
    return this.friends.endSpentEpoch(id)
  }
}

let server: FakeServer
let ada: Device
let ben: Device
const accountKeys = new Map<Person, Bytes>()

async function deviceOf(person: Person): Promise<Device> {
  const accountKey = accountKeys.get(person) ?? newKey()
  accountKeys.set(person, accountKey)
  server.identities.set(person.userId, [person.identity])
  server.connections.names.set(person.userId, person.username)
  const device = new Device(person, accountKey)
  // A vault signs its changes with the identity in it: the first device brings that, every other one reads it.
  if (server.vaults.has(person.userId)) await device.vault.openServed()
  else await device.vault.update(() => new Map([identityOf(person)]))
  return device
}
const who = ({ person: { userId, username } }: Device) => ({ userId, username })

async function befriend(): Promise<ConnectionId> {
  const id = await ada.friends.request(who(ben), null)
  await ben.friends.catchUp()
  await ben.friends.accept(id)
  await ada.friends.catchUp()
  return id
}

beforeEach(async () => {
  await eraseDevice()
  await createKey('device')
  server = new FakeServer()
  ada = await deviceOf(await newPerson('ada'))
  ben = await deviceOf(await newPerson('ben'))
})

describe('two people', () => {
  it('connect: one asks with a note, the other reads it and accepts, and both can send', async () => {
    const id = await ada.friends.request(who(ben), 'Wir kennen uns vom Chor')
    expect(ada.of(id)).toMatchObject({ state: 'asking', peer: who(ben), fault: null })
    await ben.friends.catchUp()
    expect(ben.of(id)).toMatchObject({ state: 'asked', note: 'Wir kennen uns vom Chor', peer: who(ada), fault: null })
    await ben.friends.accept(id)
    await ada.friends.catchUp()
    for (const device of [ada, ben]) expect(device.of(id)).toMatchObject({ state: 'friends', isVerified: false })
    expect(await ada.sending(id)).toEqual(await ben.sending(id))
    expect((await ada.sending(id)).epoch).toBe(0)
  })

  it('by a link, the key of which the server cannot change', async () => {
    const keyHash = hashOf(publicKeyOf(ben.person.seed))
    expect(await codeOf(() => ada.friends.request(who(ben), null, randomBytes(32)))).toBe('identity/changed')
    const id = await ada.friends.request(who(ben), null, keyHash)
    expect(ada.of(id)?.state).toBe('asking')
    expect(server.connections.all.size).toBe(1)
  })

  it('change keys on another device while an answer is on its way: nobody is accused', async () => {
    const id = await befriend()
    const phone = await deviceOf(ada.person)
    await phone.restart()
    phone.now += 8 * DAY_MS
    ada.late = { route: catchUp, meanwhile: () => phone.sending(id).then(() => ada.vault.openServed()) }
    const faults: unknown[] = []
    ada.friends.list.watch(() => faults.push(ada.of(id)?.fault?.code))
    await ada.friends.fetch(id)
    expect(faults.filter(Boolean)).toEqual([])
    expect(ada.of(id)?.fault).toBeNull()
    expect(await ada.sending(id)).toEqual(await phone.sending(id))
  })

  it('connect between two answers: nobody is accused', async () => {
    const id = await ada.friends.request(who(ben), null)
    await ben.friends.catchUp()
    ada.late = { route: listConnections, meanwhile: () => ben.friends.accept(id) }
    await ada.restart()
    expect(ada.of(id)).toMatchObject({ state: 'friends', fault: null })
  })

  it('one denies: the other never hears of it', async () => {
    const id = await ada.friends.request(who(ben), null)
    await ben.friends.catchUp()
    await ben.friends.deny(id)
    expect(ben.of(id)).toBeNull()
    await ada.friends.catchUp()
    expect(ada.of(id)?.state).toBe('asking')
  })

  it('one withdraws: nothing is left of it', async () => {
    const id = await ada.friends.request(who(ben), null)
    await ada.friends.end(id)
    expect(ada.of(id)).toBeNull()
    expect(ada.vault.names()).toEqual(['identity'])
  })

  it('one blocks, and unblocks: keys change before the next message', async () => {
    const id = await befriend()
    await ada.friends.block(ben.person.userId)
    expect(ada.of(id)?.state).toBe('blocked')
    expect(await codeOf(() => ada.sending(id))).toBe('connection/refused')
    await ada.friends.unblock(ben.person.userId)
    expect((await ada.sending(id)).epoch).toBe(1)
    await ben.friends.catchUp()
    expect(ben.friends.messageSecret(id, 1)).toEqual(ada.friends.messageSecret(id, 1))
  })

  describe('of whom one blocked the other', () => {
    const blockedBy = ({ friends }: Device) =>
      friends.blocks.list.value.map(({ username, fault }) => fault?.code ?? username)

    it('stay in the list of those who are blocked when the friendship ends, and can come back', async () => {
      const id = await befriend()
      await ada.friends.block(ben.person.userId)
      await ben.friends.end(id)
      await ada.restart()
      await ada.friends.blocks.read()
      expect([ada.of(id)?.state, blockedBy(ada)]).toEqual(['ended', ['ben']])
      await ada.friends.unblock(ben.person.userId)
      expect(blockedBy(ada)).toEqual([])
      expect(server.connections.blocks.size).toBe(0)
    })

    it('also where it was a request, of which nothing is left once it is over', async () => {
      const id = await ben.friends.request(who(ada), null)
      await ada.friends.catchUp()
      await ada.friends.block(ben.person.userId)
      await ben.friends.end(id)
      await ada.restart()
      await ada.friends.blocks.read()
      expect([ada.of(id), blockedBy(ada)]).toEqual([null, ['ben']])
    })

    it('are known to one’s other devices as soon as these catch up', async () => {
      await befriend()
      const second = await deviceOf(ada.person)
      await second.restart()
      await ada.friends.block(ben.person.userId)
      await second.friends.catchUp()
      expect(blockedBy(second)).toEqual(['ben'])
    })

    it('come back on one’s other devices, too, as soon as these catch up', async () => {
      const id = await befriend()
      const second = await deviceOf(ada.person)
      await second.restart()
      await ada.friends.block(ben.person.userId)
      await second.friends.catchUp()
      expect(second.of(id)?.state).toBe('blocked')
      await ada.friends.unblock(ben.person.userId)
      await second.friends.catchUp()
      expect([second.of(id)?.state, blockedBy(second)]).toEqual(['friends', []])
    })

    it('stay blocked where the server lifts that by itself, on every device, and whoever asks anew is not shown', async () => {
      const id = await befriend()
      const cleo = await deviceOf(await newPerson('cleo'))
      await ada.friends.block(ben.person.userId)
      await ada.friends.block(cleo.person.userId)
      const second = await deviceOf(ada.person)
      server.connections.blocks.clear()
      const asked = await cleo.friends.request(who(ada), null)
      for (const device of [ada, second]) {
        await device.restart()
        await device.friends.blocks.read()
        expect([device.of(id)?.state, device.of(asked)?.state]).toEqual(['blocked', 'blocked'])
        expect(blockedBy(device).sort()).toEqual(['ben', 'cleo'])
        expect(await codeOf(() => device.sending(id))).toBe('connection/refused')
      }
      await ada.friends.unblock(cleo.person.userId)
      expect([ada.of(asked)?.state, blockedBy(ada)]).toEqual(['asked', ['ben']])
    })

    it('stay blocked where the program ends in the middle of it, and can be let back', async () => {
      const id = await befriend()
      ada.dies = (when, route) => when === 'before' && route.path.startsWith('/api/blocks')
      await expect(ada.friends.block(ben.person.userId)).rejects.toThrow()
      await ada.restart()
      await ada.friends.blocks.read()
      expect([ada.of(id)?.state, blockedBy(ada)]).toEqual(['blocked', ['ben']])
      await ada.friends.unblock(ben.person.userId)
      expect([ada.of(id)?.state, blockedBy(ada)]).toEqual(['friends', []])
    })

    it('have the name that they signed, whatever the server calls them', async () => {
      await ada.friends.block(ben.person.userId)
      const told = blockedBy(ada)
      server.connections.names.set(ben.person.userId, 'mum')
      await ada.friends.blocks.read()
      await ada.restart()
      await ada.friends.blocks.read()
      expect([told, blockedBy(ada)]).toEqual([['ben'], ['ben']])
      server.identities.set(ben.person.userId, [])
      await ada.restart()
      await ada.friends.blocks.read()
      expect(blockedBy(ada)).toEqual(['log/bad-entry'])
    })
  })

  it('tell of whoever changed, and of nobody else', async () => {
    const id = await befriend()
    const cleo = await deviceOf(await newPerson('cleo'))
    const asked = await ada.friends.request(who(cleo), null)
    const before = ada.of(id)
    let told = 0
    ada.friends.list.watch(() => told++)
    await ada.friends.catchUp()
    expect(told).toBe(0)
    await cleo.friends.catchUp()
    await cleo.friends.accept(asked)
    await ada.friends.catchUp()
    expect(told).toBe(1)
    expect(ada.of(asked)?.state).toBe('friends')
    expect(ada.of(id)).toBe(before)
    await ada.friends.setVerified(id, true)
    expect(ada.of(id)).toEqual({ ...before, isVerified: true })
  })

  it('keep their friends without network', async () => {
    const id = await befriend()
    const again = await deviceOf(ada.person)
    await again.vault.openServed()
    await again.friends.openKept()
    expect(again.of(id)).toMatchObject({ state: 'friends', peer: who(ben) })
    expect(again.friends.messageSecret(id, 0)).toEqual(ben.friends.messageSecret(id, 0))
  })
})

describe('keys change', () => {
  it('after seven days, and the other side answers once', async () => {
    const id = await befriend()
    ada.now += 8 * DAY_MS
    expect((await ada.sending(id)).epoch).toBe(1)
    await ben.friends.catchUp()
    expect((await ben.sending(id)).epoch).toBe(2)
    await ada.friends.catchUp()
    expect((await ada.sending(id)).epoch).toBe(2)
    expect(await ben.sending(id)).toEqual(await ada.sending(id))
  })

  it('after 200 messages of one’s own, over all devices', async () => {
    const id = await befriend()
    const counters = [1, 2].map((n) => ({ senderId: ada.person.userId, deviceId: randomId(), counter: 60 * n }))
    ada.friends.setInbox({
      since: async () => 0,
      sent: async () => sentOf(counters),
      take: async () => undefined,
    })
    expect((await ada.sending(id)).epoch).toBe(0)
    counters.push({ senderId: ada.person.userId, deviceId: randomId(), counter: 20 })
    expect((await ada.sending(id)).epoch).toBe(1)
    // What was sent before counts no more.
    expect((await ada.sending(id)).epoch).toBe(1)
    await ben.friends.catchUp()
    expect(ben.friends.closesOf(id, 0)?.size).toBe(3)
    expect(ben.friends.closesOf(id, 1)).toBeNull()
  })

  it('before a device more than may write would, and closes what wrote since the last time alone', async () => {
    const id = await befriend()
    const wrote = (device: Device, many: number) =>
      Array.from({ length: many }, () => ({ senderId: device.person.userId, deviceId: randomId(), counter: 1 }))
    const counters = [...wrote(ada, DEVICES_A_SIDE - 1), ...wrote(ben, DEVICES_A_SIDE)]
    const sent = async () => sentOf(counters)
    ada.friends.setInbox({ since: async () => 0, sent, take: async () => undefined })
    expect((await ada.sending(id)).epoch).toBe(0)
    counters.push(...wrote(ada, 1))
    expect((await ada.sending(id)).epoch).toBe(1)
    counters.push(...wrote(ben, 1))
    ada.now += 8 * DAY_MS
    expect((await ada.sending(id)).epoch).toBe(2)
    await ben.friends.catchUp()
    expect([0, 1].map((epoch) => ben.friends.closesOf(id, epoch)?.size)).toEqual([2 * DEVICES_A_SIDE, 1])
  })

  it('also where a friend has made up hundreds of devices', async () => {
    const id = await befriend()
    const senderId = ben.person.userId
    const counters = Array.from({ length: 400 }, () => ({ senderId, deviceId: randomId(), counter: 1 }))
    const sent = async () => sentOf(counters)
    ada.friends.setInbox({ since: async () => 0, sent, take: async () => undefined })
    ada.now += 8 * DAY_MS
    expect((await ada.sending(id)).epoch).toBe(1)
    expect(server.connections.all.get(id)?.entries.at(-1)?.bytes.length).toBeLessThan(16_384)
  })

  it('after the password was set anew, once, on whichever device writes first', async () => {
    const id = await befriend()
    expect((await ada.sending(id)).epoch).toBe(0)
    ada.resetAt = ada.now + 5000
    await ada.restart()
    expect((await ada.sending(id)).epoch).toBe(0) // by a clock that is ahead
    ada.now += 6000
    expect((await ada.sending(id)).epoch).toBe(1)
    expect((await ada.sending(id)).epoch).toBe(1)
    const second = await deviceOf(ada.person)
    second.resetAt = ada.resetAt
    await second.restart()
    expect((await second.sending(id)).epoch).toBe(1)
  })

  /** What an inbox says of the newest epoch. */
  const inboxOf = (of: () => Partial<Sent>): Inbox => ({
    since: async () => 0,
    sent: async () => ({ ...sentOf(), ...of() }),
    take: async () => undefined,
  })

  it('when messages disappear, once the keys are older than they', async () => {
    const id = await befriend()
    expect((await ada.sending(id, DAY_MS)).epoch).toBe(0)
    ada.now += 2 * DAY_MS
    expect((await ada.sending(id, DAY_MS)).epoch).toBe(1)
  })

  it.each<[MessageTtl, MessageTtl, number]>([
    [null, DAY_MS, 1],
    [604_800_000, DAY_MS, 1],
    [DAY_MS, null, 1],
    [DAY_MS, DAY_MS, 0],
  ])('when what is there lives for %s and what comes for %s (%i)', async (before, next, epoch) => {
    const id = await befriend()
    // What was said stays in the epoch that it was said in.
    ada.friends.setInbox(inboxOf(() => ({ lives: ada.friends.newestEpoch(id) === 0 ? [before] : [] })))
    expect((await ada.sending(id, next)).epoch).toBe(epoch)
    expect((await ada.sending(id, next)).epoch).toBe(epoch)
  })

  it('when all that was said is gone and nobody writes: by the first of all devices, once', async () => {
    const id = await befriend()
    const second = await deviceOf(ada.person)
    await second.restart()
    const devices = [ada, second, ben]
    for (const { friends } of devices)
      friends.setInbox(inboxOf(() => ({ isSpent: friends.newestEpoch(id) === 0, counters: [] })))
    await Promise.all(devices.map((device) => device.endSpent(id)))
    for (const { friends } of devices) {
      await friends.catchUp()
      expect(friends.newestEpoch(id)).toBe(1)
    }
    for (const { friends } of devices) {
      await friends.forgetEpochs(id, [0], [])
      expect(friends.messageSecret(id, 0)).toBeNull()
    }
    expect(second.friends.messageSecret(id, 1)).toEqual(ben.friends.messageSecret(id, 1))
    await ada.endSpent(id)
    expect(ada.friends.newestEpoch(id)).toBe(1)
  })

  it('and not once more by a device that hears of it while it makes up its mind', async () => {
    const id = await befriend()
    const second = await deviceOf(ada.person)
    await second.restart()
    const isSpent = ({ friends }: Device) => friends.newestEpoch(id) === 0
    ada.friends.setInbox(inboxOf(() => ({ isSpent: isSpent(ada), counters: [] })))
    const inbox = inboxOf(() => ({ counters: [] }))
    second.friends.setInbox({
      ...inbox,
      sent: async (connection) => {
        const said = { ...(await inbox.sent(connection)), isSpent: isSpent(second) }
        if (said.isSpent) {
          await ada.endSpent(id)
          await between()
          await second.friends.catchUp()
        }
        return said
      },
    })
    const itemOf = ({ vault }: Device) => vault.read(connectionItem, connectionItemName(id))
    let written: unknown
    /** The first device has written down the change after that one, too, and it is on its way. */
    const between = async () => {
      ada.friends.setInbox(inboxOf(() => ({ isSpent: true, counters: [] })))
      ada.dies = (when, route) => when === 'before' && route === appendConnectionLog
      await expect(ada.endSpent(id)).rejects.toThrow(Died)
      written = itemOf(ada)?.pending
      expect(written).toBeTruthy()
    }
    await second.endSpent(id)
    expect(second.friends.newestEpoch(id)).toBe(1)
    expect(itemOf(second)).toMatchObject({ pending: written, superseded: [] })
    await second.vault.openServed()
    expect(itemOf(second)?.pending).toEqual(written)
  })

  it('and send nothing whose keys the vault did not take, where another device was faster', async () => {
    const id = await befriend()
    const second = await deviceOf(ada.person)
    await second.restart()
    for (const device of [ada, second])
      device.friends.setInbox(inboxOf(() => ({ isSpent: device.friends.newestEpoch(id) === 0, counters: [] })))
    const { makeRotate } = crypto
    const makes = vi.spyOn(crypto, 'makeRotate').mockImplementationOnce(async (...given) => {
      const made = await makeRotate(...given)
      await ada.endSpent(id)
      return made
    })
    const sent: Route[] = []
    second.dies = (when, route) => {
      if (when === 'before') sent.push(route)
      return false
    }
    await second.endSpent(id)
    expect(makes).toHaveBeenCalledTimes(2)
    makes.mockRestore()
    expect(sent).toContain(writeVault)
    expect(sent).not.toContain(appendConnectionLog)
    expect([ada, second].map(({ friends }) => friends.newestEpoch(id))).toEqual([1, 1])
  })

  it('and forgotten ones are gone on every device', async () => {
    const id = await befriend()
    ada.now += 8 * DAY_MS
    await ada.sending(id)
    const floor = { senderId: ben.person.userId, deviceId: randomId(), from: 1, counter: 4, hash: null }
    await ada.friends.forgetEpochs(id, [0, 1], [floor])
    await ada.friends.forgetEpochs(id, [], [{ ...floor, counter: 2 }])
    const second = await deviceOf(ada.person)
    await second.restart()
    expect(second.friends.messageSecret(id, 0)).toBeNull()
    expect(second.friends.messageSecret(id, 1)).not.toBeNull()
    expect(second.friends.floorsOf(id)).toEqual([floor])
  })
})

describe('an answer in many parts', () => {
  const message = (at: number): StoredMessage => ({
    seq: at + 1,
    senderId: ada.person.userId,
    deviceId: parseDeviceId(randomId()),
    counter: at + 1,
    sealed: null,
    createdAt: 1,
    expiresAt: null,
  })
  function takenBy(device: Device): number[] {
    const taken: number[] = []
    device.friends.setInbox({
      since: async () => 0,
      sent: async () => sentOf(),
      take: async (_, { messages }) => void taken.push(...messages.map(({ seq }) => seq)),
    })
    return taken
  }
  /** Three changes of keys and five messages. */
  async function talked(): Promise<ConnectionId> {
    const id = await befriend()
    for (let epoch = 1; epoch <= 3; epoch++) {
      ada.now += 8 * DAY_MS
      await ada.sending(id)
    }
    server.connections.all.get(id)?.messages.push(...[0, 1, 2, 3, 4].map(message))
    return id
  }

  it.each([1, 2, 3, 5, 6, 9, 10])(
    'is taken whole, with %i rows at a time, and half a log is no rollback',
    async (rows) => {
      const [id, other] = [await talked(), await ben.friends.request(who(await deviceOf(await newPerson('eve'))), null)]
      // The vault knows the whole log.
      await ben.friends.catchUp()
      server.connections.rowsMax = rows
      const second = await deviceOf(ben.person)
      await second.vault.openServed()
      const taken = takenBy(second)
      await second.friends.catchUp()
      expect(second.of(id)).toMatchObject({ state: 'friends', fault: null })
      expect(taken).toEqual([1, 2, 3, 4, 5])
      // Of the epochs before, in which nobody wrote, nothing has to be opened.
      expect(second.friends.messageSecret(id, 3)).not.toBeNull()
      expect(second.of(other)).toMatchObject({ state: 'asking', fault: null })
    },
  )

  it('does not hold up a device for ever, where the server says "more" and gives nothing', async () => {
    const id = await talked()
    server.connections.isEndless = true
    await ben.friends.catchUp()
    expect(ben.of(id)).toMatchObject({ fault: { code: 'server/bad-answer' } })
    server.connections.isEndless = false
    await ben.friends.fetch(id)
    expect(ben.of(id)).toMatchObject({ state: 'friends', fault: null })
  })
})

describe('several devices', () => {
  it('a second one has everything, and both may change keys', async () => {
    const id = await befriend()
    const second = await deviceOf(ada.person)
    await second.restart()
    expect(second.of(id)).toMatchObject({ state: 'friends' })
    ada.now += 8 * DAY_MS
    await ada.sending(id)
    await second.friends.catchUp()
    expect(second.friends.messageSecret(id, 1)).toEqual(ada.friends.messageSecret(id, 1))
    await second.friends.setAllDue('device-removed')
    expect((await second.sending(id)).epoch).toBe(2)
    await ada.friends.catchUp()
    expect(ada.friends.messageSecret(id, 2)).toEqual(second.friends.messageSecret(id, 2))
  })

  it('one is signed out: the keys change next, also where the program ended in between', async () => {
    const id = await befriend()
    const dying = { call: async () => Promise.reject(new Died()) } as unknown as Api
    await expect(endSession(dying, async () => ada.friends, 'phone')).rejects.toThrow(Died)
    await ada.restart()
    expect((await ada.sending(id)).epoch).toBe(1)
  })

  it('one is signed out by another that has just come and fetched nothing: the keys change next', async () => {
    const id = await befriend()
    const fresh = await deviceOf(ada.person)
    await fresh.friends.setAllDue('device-removed')
    await ada.restart()
    expect((await ada.sending(id)).epoch).toBe(1)
  })

  it('one changes the keys while it is signed out: they change once more, without it', async () => {
    const id = await befriend()
    const phone = await deviceOf(ada.person)
    await phone.restart()
    const changeKeys = async () => {
      await phone.vault.openServed()
      expect((await phone.sending(id)).epoch).toBe(1)
    }
    await endSession({ call: changeKeys } as unknown as Api, async () => ada.friends, 'phone')
    await ada.friends.catchUp()
    const { epoch, messageSecret } = await ada.sending(id)
    expect(epoch).toBe(2)
    expect(phone.friends.messageSecret(id, 1)).not.toEqual(messageSecret)
    expect(phone.friends.messageSecret(id, 2)).toBeNull()
  })

  it.each(['before', 'after'] as const)(
    'one wrote a change of keys down and was signed out %s it was sent: what it made is not what counts',
    async (moment) => {
      const id = await befriend()
      const phone = await deviceOf(ada.person)
      await phone.restart()
      phone.now += 8 * DAY_MS
      phone.dies = (when, route) => when === moment && (route as unknown) === appendConnectionLog
      await expect(phone.sending(id)).rejects.toThrow(Died)
      const made = phone.vault.read(connectionItem, connectionItemName(id))?.pending?.entry as SignedEntry
      await ada.vault.openServed()
      await endSession({ call: async () => undefined } as unknown as Api, async () => ada.friends, 'phone')
      await ada.friends.catchUp()
      const sending = await ada.sending(id)
      const entries = server.connections.all.get(id)?.entries ?? []
      expect(entries.at(-1)?.bytes).not.toEqual(made.bytes)
      expect(entries).toHaveLength(sending.epoch + 2)
      expect(sending.epoch).toBe(moment === 'before' ? 1 : 2)
      await ben.friends.catchUp()
      expect(ben.friends.messageSecret(id, sending.epoch)).toEqual(sending.messageSecret)
    },
  )

  it('one is signed out although the conversations do not open', async () => {
    const calls: string[] = []
    const api = { call: async ({ path }: Route) => void calls.push(path) } as unknown as Api
    const broken = async () => Promise.reject(new AppError('vault/tampered'))
    expect(await codeOf(() => endSession(api, broken, 'phone'))).toBe('vault/tampered')
    expect(calls).toHaveLength(1)
  })

  it('both accept at the same moment: one entry, one key', async () => {
    const id = await ada.friends.request(who(ben), null)
    const second = await deviceOf(ben.person)
    await Promise.all([ben.restart(), second.restart()])
    await Promise.all([ben.friends.accept(id), second.friends.accept(id)])
    await Promise.all([ben.friends.catchUp(), second.friends.catchUp(), ada.friends.catchUp()])
    const secret = ada.friends.messageSecret(id, 0)
    expect(secret).not.toBeNull()
    for (const device of [ben, second]) expect(device.friends.messageSecret(id, 0)).toEqual(secret)
  })

  it('both sides rotate at the same moment: the loser starts over, and one epoch follows one head', async () => {
    const id = await befriend()
    ada.now += 8 * DAY_MS
    ben.now += 8 * DAY_MS
    server.connections.beforeAppend = async () => {
      await ben.sending(id)
    }
    const keysOfAda = await ada.sending(id)
    await ben.friends.catchUp()
    expect(keysOfAda.epoch).toBe(2)
    expect(ben.friends.messageSecret(id, 2)).toEqual(keysOfAda.messageSecret)
    expect(ben.friends.messageSecret(id, 1)).toEqual(ada.friends.messageSecret(id, 1))
  })
})

describe('a program that ends at any call', () => {
  const walk = async (who: Device, run: () => Promise<unknown>, check: () => Promise<void>) => {
    for (let at = 1; ; at++) {
      let calls = 0
      let died = false
      who.dies = (_when, route) => {
        const counts = [writeVault, requestConnection, appendConnectionLog].includes(route as never)
        if (!counts || ++calls !== at) return false
        died = true
        return true
      }
      await run().catch((error: unknown) => {
        if (!died) throw error
      })
      await who.restart()
      await check()
      if (!died) return at
    }
  }

  it('while asking: the request is there once, or not at all', async () => {
    const steps = await walk(
      ada,
      () => ada.friends.request(who(ben), 'hallo'),
      async () => {
        await ben.friends.catchUp()
        const [one, ...more] = ada.friends.list.value
        expect(more).toEqual([])
        expect(server.connections.all.size).toBe(one ? 1 : 0)
        if (!one) return
        expect(ben.of(one.connectionId)?.note).toBe('hallo')
        await ada.friends.end(one.connectionId)
        server.connections.all.clear()
        ben = await deviceOf(ben.person)
      },
    )
    expect(steps).toBeGreaterThan(4)
  })

  it('while accepting: both come to the same key', async () => {
    const steps = await walk(
      ben,
      async () => {
        const id = await ada.friends.request(who(ben), null)
        await ben.friends.catchUp()
        await ben.friends.accept(id)
      },
      async () => {
        const [one] = ben.friends.list.value
        if (!one) throw new Error('the request is gone')
        if (one.state === 'asked') await ben.friends.accept(one.connectionId)
        await ada.friends.catchUp()
        expect(await ben.sending(one.connectionId)).toEqual(await ada.sending(one.connectionId))
        await ada.friends.end(one.connectionId)
        server = new FakeServer()
        ada = await deviceOf(ada.person)
        const dies = ben.dies
        ben = await deviceOf(ben.person)
        ben.dies = dies
      },
    ).catch((error: unknown) => {
      throw error
    })
    expect(steps).toBeGreaterThan(0)
  })

  it('between writing an accept down and sending it: after a reload with what the device keeps, the same one is sent', async () => {
    const id = await ada.friends.request(who(ben), null)
    await ben.friends.catchUp()
    ben.dies = (when, route) => when === 'before' && (route as unknown) === appendConnectionLog
    await expect(ben.friends.accept(id)).rejects.toThrow(Died)
    const written = ben.vault.read(connectionItem, connectionItemName(id))?.pending?.entry
    for (const _ of ['once', 'and again']) {
      ben = await deviceOf(ben.person)
      await ben.vault.openServed()
      await ben.friends.openKept()
      await ben.friends.catchUp()
    }
    expect(ben.of(id)).toMatchObject({ state: 'asked', fault: null })
    await ben.friends.accept(id)
    expect(server.connections.all.get(id)?.entries[1]).toEqual(written)
    await ada.friends.catchUp()
    expect(await ben.sending(id)).toEqual(await ada.sending(id))
  })

  it('while keys change: nothing is lost, and the next try goes on', async () => {
    const id = await befriend()
    const steps = await walk(
      ada,
      async () => {
        ada.now += 8 * DAY_MS
        await ada.sending(id)
      },
      async () => {
        const mine = await ada.sending(id)
        await ben.friends.catchUp()
        expect(ben.friends.messageSecret(id, mine.epoch)).toEqual(mine.messageSecret)
      },
    )
    expect(steps).toBeGreaterThan(5)
  })
})

describe('a request that is left without an answer', () => {
  const lost: ErrorCode[] = ['server/unreachable', 'server/unavailable', 'server/bad-answer', 'internal']
  const lose = (when: 'before' | 'after', code: ErrorCode) => {
    ada.loses = (at, route) => (at === when && (route as unknown) === requestConnection ? code : null)
  }
  /** The friend takes the one request that there is, and both come to the same key. */
  const connect = async () => {
    ada.loses = () => null
    await ada.friends.catchUp()
    expect(server.connections.all.size).toBe(1)
    await ben.friends.catchUp()
    const id = ben.friends.list.value[0]?.connectionId as ConnectionId
    await ben.friends.accept(id)
    await ada.friends.catchUp()
    expect(ada.of(id)).toMatchObject({ state: 'friends', fault: null })
    expect(await ada.sending(id)).toEqual(await ben.sending(id))
  }

  it.each(lost)('keeps its keys where the server has it (%s): the friend’s answer opens with them', async (code) => {
    lose('after', code)
    expect(await codeOf(() => ada.friends.request(who(ben), null))).toBe(code)
    await connect()
  })

  it.each(lost)('keeps its keys where it never got there (%s), and is sent again', async (code) => {
    lose('before', code)
    expect(await codeOf(() => ada.friends.request(who(ben), null))).toBe(code)
    expect(server.connections.all.size).toBe(0)
    await connect()
  })

  it.each(lost)('keeps its keys where it is the second try whose answer is lost (%s)', async (code) => {
    lose('before', code)
    await codeOf(() => ada.friends.request(who(ben), null))
    lose('after', code)
    await ada.friends.catchUp().catch(() => undefined)
    await connect()
  })

  it('holds up no other one where the server stumbles over it each time', async () => {
    lose('before', 'internal')
    await codeOf(() => ada.friends.request(who(ben), null))
    const cid = await deviceOf(await newPerson('cid'))
    let asked = 0
    ada.loses = (at, route) =>
      at === 'before' && (route as unknown) === requestConnection && ++asked > 1 ? 'internal' : null
    const id = await ada.friends.request(who(cid), null)
    expect(ada.of(id)?.state).toBe('asking')
    expect(asked).toBe(2)
    ada.loses = () => null
    await ada.friends.catchUp()
    expect(ada.friends.list.value).toHaveLength(2)
  })

  it('is sent once each time by a server that takes it and never shows it, and not without end', async () => {
    lose('before', 'server/unreachable')
    await codeOf(() => ada.friends.request(who(ben), null))
    let asked = 0
    ada.loses = (at, route) => {
      if (at === 'before' || (route as unknown) !== requestConnection) return null
      server.connections.all.clear()
      return ++asked > 2 ? 'server/unreachable' : null
    }
    await ada.friends.catchUp()
    expect(asked).toBe(1)
    await ada.friends.catchUp()
    expect(asked).toBe(2)
    await connect()
  })

  it('leaves nothing behind where the server said no', async () => {
    await ben.friends.block(ada.person.userId)
    expect(await codeOf(() => ada.friends.request(who(ben), null))).toBe('connection/refused')
    lose('before', 'server/unreachable')
    await codeOf(() => ada.friends.request(who(ben), null))
    const kept = () => ada.vault.names().filter((name) => name.startsWith(connectionItemName('' as ConnectionId)))
    expect(kept()).toHaveLength(1)
    ada.loses = () => null
    await ada.friends.catchUp()
    expect(kept()).toEqual([])
  })
})

describe('a rotation that was written down', () => {
  const deviceId = randomId()
  const counters = (counter: number) => [{ senderId: ben.person.userId, deviceId, counter }]
  const closesOf = (counter: number) => new Map([[`${ben.person.userId}.${deviceId}`, counter]])
  /** Ada has written a rotation down that closes one message, and the server has not got it. */
  async function interrupted(): Promise<ConnectionId> {
    const id = await befriend()
    seen(ada, 1)
    ada.now += 8 * DAY_MS
    ada.dies = (when, route) => when === 'before' && (route as unknown) === appendConnectionLog
    await expect(ada.sending(id)).rejects.toThrow(Died)
    await ada.restart()
    return id
  }
  function seen(device: Device, counter: number): void {
    const sent = sentOf(counters(counter))
    device.friends.setInbox({ since: async () => 0, sent: async () => sent, take: async () => undefined })
  }

  it('is sent as it was while nothing was said since', async () => {
    const id = await interrupted()
    seen(ada, 1)
    await ada.sending(id)
    expect(ada.friends.closesOf(id, 0)).toEqual(closesOf(1))
  })

  it('is written anew when more was said: nothing that both have seen counts as too late', async () => {
    const id = await interrupted()
    seen(ada, 2)
    const keys = await ada.sending(id)
    expect(keys.epoch).toBe(1)
    expect(ada.friends.closesOf(id, 0)).toEqual(closesOf(2))
    await ben.friends.catchUp()
    expect(ben.friends.messageSecret(id, 1)).toEqual(keys.messageSecret)
  })

  it('keeps its keys until the log has gone on: what the server brings in late ends no conversation', async () => {
    const id = await interrupted()
    const item = () => ada.vault.read(connectionItem, connectionItemName(id))
    const late = item()?.pending?.entry as SignedEntry
    seen(ada, 2)
    server.connections.beforeAppend = async () => {
      server.connections.all.get(id)?.entries.push(late)
      expect(item()?.superseded?.map(({ entry }) => entry)).toEqual([late])
    }
    const keys = await ada.sending(id)
    expect(keys.epoch).toBe(1)
    expect(item()).toMatchObject({ pending: null, superseded: [] })
    const second = await deviceOf(ada.person)
    await Promise.all([second.restart(), ben.restart()])
    for (const device of [second, ben]) expect(device.friends.messageSecret(id, 1)).toEqual(keys.messageSecret)
  })
})

describe('a friend who changes keys without end', () => {
  let cleo: Device
  let [hostile, honest] = [] as unknown as [ConnectionId, ConnectionId]
  const item = (id: ConnectionId) => ada.vault.read(connectionItem, connectionItemName(id))
  const writes = (device: Device) => {
    const counters = [{ senderId: device.person.userId, deviceId: randomId(), counter: 1 }]
    const sent = sentOf(counters)
    device.friends.setInbox({ since: async () => 0, sent: async () => sent, take: async () => undefined })
  }
  const rotate = async (device: Device, id: ConnectionId) => {
    device.now += 8 * DAY_MS
    await device.sending(id)
  }

  beforeEach(async () => {
    cleo = await deviceOf(await newPerson('cleo'))
    honest = await befriend()
    hostile = await ada.friends.request(who(cleo), null)
    await cleo.friends.catchUp()
    await cleo.friends.accept(hostile)
    await ada.friends.catchUp()
  })

  it('leaves nothing in the vault of epochs in which nobody wrote', async () => {
    for (let times = 0; times < 3; times++) await rotate(cleo, hostile)
    await ada.friends.catchUp()
    expect(item(hostile)?.epochs.map(({ epoch }) => epoch)).toEqual([3])
    writes(cleo)
    await rotate(cleo, hostile)
    await ada.friends.catchUp()
    expect(item(hostile)?.epochs.map(({ epoch }) => epoch)).toEqual([3, 4])
    expect((await ada.sending(hostile)).epoch).toBe(5)
  })

  it('ends their own conversation, and nobody else’s, when there is no more room, also after a restart', async () => {
    const epochs = Array.from({ length: 3340 }, (_, at) => ({ epoch: 10_000 + at, messageSecret: newKey() }))
    const full = { ...(item(hostile) as ConnectionItem), epochs: [...epochs, ...(item(hostile)?.epochs ?? [])] }
    await ada.vault.update(() => new Map([[connectionItemName(hostile), encodeConnectionItem(full)]]))
    for (let times = 0; times < 60; times++) {
      writes(cleo)
      await rotate(cleo, hostile)
    }
    await rotate(ben, honest)
    await ada.friends.catchUp()
    expect(ada.of(hostile)?.fault?.code).toBe('connection/full')
    expect(await codeOf(() => ada.sending(hostile))).toBe('connection/full')
    expect(ada.friends.newestEpoch(honest)).toBe(1)
    await ada.restart()
    await rotate(ben, honest)
    await ada.friends.catchUp()
    expect(ada.of(honest)?.fault).toBeNull()
    expect(ada.friends.newestEpoch(honest)).toBe(2)
  })

  it('and a mistake of the program in one conversation leaves the others as they are', async () => {
    const take = async (id: ConnectionId) => {
      if (id === hostile) throw new RangeError('Invalid time value')
    }
    ada.friends.setInbox({ since: async () => 0, sent: async () => sentOf(), take })
    await rotate(cleo, hostile)
    await rotate(ben, honest)
    await ada.friends.catchUp()
    expect(ada.of(hostile)?.fault?.code).toBe('internal')
    expect(ada.of(honest)?.fault).toBeNull()
    expect(ada.friends.newestEpoch(honest)).toBe(1)
  })
})

describe('a malicious server', () => {
  const stored = (id: ConnectionId) =>
    server.connections.all.get(id) as NonNullable<ReturnType<typeof server.connections.all.get>>

  it('swaps the identity of whoever is asked', async () => {
    const eve = await newPerson('ben', ben.person.userId)
    const id = await ada.friends.request(who(ben), null)
    server.identities.set(ben.person.userId, [eve.identity])
    await ben.friends.catchUp()
    await ben.friends.accept(id)
    await ada.friends.catchUp()
    expect(await codeOf(() => ada.sending(id))).toBe('identity/changed')
    expect(ada.of(id)?.fault?.code).toBe('identity/changed')
  })

  describe('shows another identity of a friend', () => {
    async function swapped(): Promise<ConnectionId> {
      const id = await befriend()
      const eve = await newPerson('ben', ben.person.userId)
      server.identities.set(ben.person.userId, [eve.identity])
      return id
    }
    const isWarned = { state: 'friends', fault: { code: 'identity/changed' } }

    it('to whoever only reads: they are warned as soon as they catch up', async () => {
      const id = await swapped()
      await ada.restart()
      expect(ada.of(id)).toMatchObject(isWarned)
    })

    it('and goes on: what comes in, and a restart without network, take nothing of it back', async () => {
      const id = await swapped()
      await ada.restart()
      ben.now += 8 * DAY_MS
      await ben.sending(id)
      for (const look of [() => ada.friends.fetch(id), () => ada.friends.catchUp()]) {
        await look()
        expect(ada.of(id)).toMatchObject(isWarned)
      }
      expect(ada.friends.newestEpoch(id)).toBe(1)
      const again = await deviceOf(ada.person)
      await again.vault.openServed()
      await again.friends.openKept()
      expect(again.of(id)).toMatchObject(isWarned)
      expect(await codeOf(() => again.sending(id))).toBe('identity/changed')
    })

    it('until it shows the known one again: then it can be written to them', async () => {
      const id = await swapped()
      await ada.restart()
      server.identities.set(ben.person.userId, [ben.person.identity])
      await ada.friends.catchUp()
      expect(ada.of(id)).toMatchObject({ state: 'friends', fault: null })
      expect((await ada.sending(id)).epoch).toBe(0)
    })

    it('days after the program was opened', async () => {
      const id = await befriend()
      await ada.friends.catchUp()
      const eve = await newPerson('ben', ben.person.userId)
      server.identities.set(ben.person.userId, [eve.identity])
      ada.now += 2 * DAY_MS
      await ada.friends.catchUp()
      expect(ada.of(id)).toMatchObject(isWarned)
    })

    it.each(['request/not-found', 'server/unreachable'] as const)(
      'or none (%s): nobody is suspected, and nothing goes out unseen',
      async (code) => {
        const id = await befriend()
        ada.now += 2 * DAY_MS
        ada.dies = (_, route) => {
          if ((route as unknown) === readIdentity) throw new AppError(code)
          return false
        }
        await ada.friends.catchUp()
        expect(ada.of(id)).toMatchObject({ state: 'friends', fault: null })
        expect(await codeOf(() => ada.sending(id))).toBe(code)
      },
    )
  })

  it('asks as somebody whose key it made up', async () => {
    const eve = await newPerson('ada', ada.person.userId)
    server.identities.set(ada.person.userId, [eve.identity])
    server.vaults.delete(ada.person.userId)
    const false_ = await deviceOf(eve)
    const id = await false_.friends.request(who(ben), null)
    server.identities.set(ada.person.userId, [ada.person.identity])
    await ben.friends.catchUp()
    expect(ben.of(id)?.fault?.code).toBe('identity/changed')
    expect(await codeOf(() => ben.friends.accept(id))).toBe('connection/forbidden')
  })

  it('cuts the log', async () => {
    const id = await befriend()
    ada.now += 8 * DAY_MS
    await ada.sending(id)
    stored(id).entries.pop()
    await (await openDevice()).clear('connections')
    await ada.restart()
    expect(ada.of(id)?.fault?.code).toBe('connection/rollback')
    expect(await codeOf(() => ada.sending(id))).toBe('connection/rollback')
  })

  it('forks the log', async () => {
    const id = await befriend()
    const entries = [...stored(id).entries]
    ada.now += 8 * DAY_MS
    await ada.sending(id)
    stored(id).entries = entries
    ben.now += 9 * DAY_MS
    await ben.sending(id)
    await (await openDevice()).clear('connections')
    await ada.restart()
    expect(ada.of(id)?.fault?.code).toBe('connection/fork')
  })

  it('shows a rotation that a friend signed around zeros: an error with a name, and no other connection hears of it', async () => {
    const id = await befriend()
    const { epoch, head, receiver } = replayConnection(id, stored(id).entries)
    const { entry } = await keys.makeRotate(
      { userId: ada.person.userId, identitySeed: ada.person.seed },
      receiver.keys as PublicKeys,
      { epoch: epoch + 1, prev: head, reason: 'scheduled', closes: [], createdAt: ada.now },
    )
    const body = { ...decodeUnverified(rotateEntry, entry.bytes), ct: new Uint8Array(1120) }
    stored(id).entries.push(signStatement(ada.person.seed, ROTATE_LABEL, rotateEntry, body))
    const cleo = await deviceOf(await newPerson('cleo'))
    const other = await cleo.friends.request(who(ben), null)
    await ben.restart()
    expect(ben.of(id)?.fault?.code).toBe('box/tampered')
    expect(ben.of(other)).toMatchObject({ state: 'asked', fault: null })
  })

  it.each([
    ['adds a rotation by a ghost, who signs as themselves', false, 'connection/forbidden'],
    ['adds a rotation by a ghost, who signs as the friend', true, 'log/bad-signature'],
  ] as const)('%s: keys stay, and nothing is sent', async (_, asFriend, code) => {
    const id = await befriend()
    const before = await ben.sending(id)
    const { epoch, head, receiver } = replayConnection(id, stored(id).entries)
    const ghost = await newPerson('ghost')
    const author = { userId: asFriend ? ada.person.userId : ghost.userId, identitySeed: ghost.seed }
    const body = { epoch: epoch + 1, prev: head, reason: 'scheduled' as const, closes: [], createdAt: ben.now }
    // Everything about it is as it should be, but for who made it.
    const { entry } = await keys.makeRotate(author, receiver.keys as PublicKeys, body)
    stored(id).entries.push(entry)
    await ben.restart()
    expect(ben.of(id)?.fault?.code).toBe(code)
    expect(await codeOf(() => ben.sending(id))).toBe(code)
    expect(ben.friends.newestEpoch(id)).toBe(before.epoch)
    stored(id).entries.pop()
    await ben.friends.catchUp()
    expect(await ben.sending(id)).toEqual(before)
  })

  it('takes a change of keys and never shows it: nothing is sent, and nobody tries for ever', async () => {
    const id = await befriend()
    ada.now += 8 * DAY_MS
    const { entries } = stored(id)
    stored(id).entries = Object.assign([...entries], { push: () => entries.length })
    expect(await codeOf(() => ada.sending(id))).toBe('server/bad-answer')
    stored(id).entries = entries
    expect((await ada.sending(id)).epoch).toBe(1)
  })

  it('exchanges the note', async () => {
    const id = await ada.friends.request(who(ben), 'hallo')
    Object.assign(stored(id), { note: randomBytes(1200) })
    await ben.friends.catchUp()
    expect(ben.of(id)?.fault?.code).toBe('box/tampered')
  })

  it('says that they are friends when nobody accepted', async () => {
    const id = await ada.friends.request(who(ben), null)
    stored(id).state = 'friends'
    await ada.restart()
    expect(ada.of(id)?.fault?.code).toBe('connection/fork')
    expect(await codeOf(() => ada.sending(id))).toBe('connection/fork')
  })

  it('names another person than the log', async () => {
    const id = await befriend()
    const cleo = await deviceOf(await newPerson('cleo'))
    Object.assign(stored(id), { asked: cleo.person.userId })
    await ada.restart()
    expect(ada.of(id)?.fault?.code).toBe('identity/changed')
  })

  it('swaps the names of two verified friends', async () => {
    const cleo = await deviceOf(await newPerson('cleo'))
    const ids: ConnectionId[] = []
    for (const device of [ben, cleo]) {
      const id = await ada.friends.request(who(device), null)
      await device.friends.catchUp()
      await device.friends.accept(id)
      await ada.friends.catchUp()
      await ada.friends.setVerified(id, true)
      ids.push(id)
    }
    server.connections.names.set(ben.person.userId, 'cleo')
    server.connections.names.set(cleo.person.userId, 'ben')
    await ada.restart()
    const shown = ids.map((id) => [ada.of(id)?.peer.username, ada.of(id)?.fault?.code])
    expect(shown).toEqual([
      ['ben', 'identity/changed'],
      ['cleo', 'identity/changed'],
    ])
  })

  it('shows a stranger who asks under the name of a friend', async () => {
    server.connections.names.set(ada.person.userId, 'mum')
    const id = await ada.friends.request(who(ben), null)
    await ben.friends.catchUp()
    expect(ben.of(id)).toMatchObject({ peer: { username: '' }, fault: { code: 'identity/changed' } })
    expect(await codeOf(() => ben.friends.accept(id))).toBe('connection/forbidden')
  })

  it('gives whoever asked another name once they were accepted', async () => {
    const id = await befriend()
    server.connections.names.set(ada.person.userId, 'mum')
    await ben.restart()
    expect(ben.of(id)).toMatchObject({ peer: { username: 'ada' }, fault: { code: 'identity/changed' } })
  })

  it('says that somebody is gone: no name is shown, and no other one', async () => {
    const id = await befriend()
    server.connections.names.set(ben.person.userId, '')
    await ada.restart()
    expect(ada.of(id)).toMatchObject({ peer: { username: '' }, fault: null })
  })

  it('rolls the vault back', async () => {
    const id = await befriend()
    const old = structuredClone(server.vaults.get(ada.person.userId))
    ada.now += 8 * DAY_MS
    await ada.sending(id)
    if (old) server.vaults.set(ada.person.userId, old)
    expect(await codeOf(() => ada.vault.openServed())).toBe('vault/rollback')
  })

  it('recovers once the server is honest again', async () => {
    const id = await befriend()
    const entry = stored(id).entries.pop()
    stored(id).state = 'pending'
    await (await openDevice()).clear('connections')
    await ada.restart()
    expect(ada.of(id)?.fault).toBeInstanceOf(AppError)
    stored(id).entries.push(entry as never)
    stored(id).state = 'friends'
    await ada.friends.catchUp()
    expect(ada.of(id)).toMatchObject({ state: 'friends', fault: null })
    expect((await ada.sending(id)).epoch).toBe(0)
  })
})

function randomId() {
  return globalThis.crypto.randomUUID().replaceAll('-', '').slice(0, 21).concat('A') as never
}
