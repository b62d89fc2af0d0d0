import 'fake-indexeddb/auto'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import * as keys from '../../shared/crypto/connection-keys.ts'
import { newKey } from '../../shared/crypto/random.ts'
import { type DeviceDb, eraseDevice, type OutboxRow, openDatabase } from '../../shared/device/db.ts'
import { createKey } from '../../shared/device/device-key.ts'
import { AppError, isAppError } from '../../shared/errors.ts'
import { toBase64Url } from '../../shared/format/base64url.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import { parseMessageHeader } from '../../shared/format/message-layout.ts'
import { rotateEntry } from '../../shared/logs/connection-entries.ts'
import { decodeUnverified } from '../../shared/logs/signed.ts'
import { newPerson, type Person } from '../../shared/testing/people.ts'
import type { StoredMessage } from '../../shared/wire/connections.ts'
import type { Route } from '../../shared/wire/route.ts'
import type { Api } from '../app/api.ts'
import { FriendConnections } from '../friends/connections.ts'
import { Turns } from '../groups/turns.ts'
import { chatCrypto, type Line, pass } from '../testing/chat-world.ts'
import { FakeServer } from '../testing/fake-server.ts'
import { identityOf } from '../testing/identity-of.ts'
import { openVault, sealVaultWrite } from '../vault/sealing.ts'
import { Vault } from '../vault/vault.ts'
import type { Crypto } from '../workers/crypto.ts'
import { ChatEngine } from './chat.ts'
import { placeOf } from './rows.ts'
import type { Message } from './types.ts'

const crypto = { ...keys, openVault, sealVaultWrite } as unknown as Crypto
/** docs/protocol.md §5: the header is 135 bytes, then the nonce. */
const [NONCE_FROM, NONCE_TO] = [135, 159]

type Copy = readonly {
  readonly name: string
  readonly keys: readonly IDBValidKey[]
  readonly values: readonly unknown[]
}[]

let opened = 0

/** Everything that runs on a device for friends and chats, as it is: vault, keys, logs, conversations. */
class TalkDevice {
  readonly person: Person
  readonly line: Line = { isUp: true, cut: () => false }
  server: FakeServer
  friends!: FriendConnections
  chat!: ChatEngine
  /** Routes that the server was called by. */
  readonly asked: string[] = []
  /** Resolves when the program stops, wherever it is. */
  died!: Promise<void>
  isDead = true
  readonly #accountKey: Bytes
  readonly #dbName = `talk-${++opened}`
  readonly #turns = new Turns<string>()
  #db: DeviceDb | undefined
  #life = 0
  #onDeath: () => void = () => undefined

  constructor(server: FakeServer, person: Person, accountKey: Bytes) {
    this.server = server
    this.person = person
    this.#accountKey = accountKey
  }

  async start(): Promise<void> {
    const life = ++this.#life
    const { promise, resolve } = Promise.withResolvers<void>()
    this.died = promise
    this.#onDeath = resolve
    this.isDead = false
    this.#db = await openDatabase(this.#dbName, () => undefined)
    const db = this.#db
    const api = this.#api(() => life === this.#life)
    const { userId, seed: identitySeed, identityKey, box: agreement, actor } = this.person
    const lock = (task: () => Promise<void>) => this.#turns.run(`${life}/vault`, task)
    const vault = new Vault(api, crypto, { userId, accountKey: this.#accountKey }, lock)
    if (this.server.vaults.has(userId)) await vault.openServed()
    else await vault.update(() => new Map([identityOf(this.person)]))
    const secrets = { userId, accountKey: this.#accountKey, identitySeed, identityKey, agreement }
    const identity = async () => ({ head: actor.head, changedAt: null })
    this.friends = new FriendConnections({ api, crypto, vault, secrets, identity, now: () => 10_000 })
    this.chat = await ChatEngine.open({
      api,
      crypto: chatCrypto,
      connections: this.friends,
      vault,
      secrets,
      openDb: async () => {
        if (life !== this.#life) await new Promise<never>(() => undefined)
        return db
      },
      lock: (name, task) => this.#turns.run(`${life}/${name}`, task),
      now: () => 10_000,
    })
  }

  /** Stops where it is: nothing that it waits for comes any more. */
  die(): void {
    this.#life++
    this.isDead = true
    this.#onDeath()
  }

  async stop(): Promise<void> {
    this.die()
    this.chat.stop()
    await pass()
    this.#db?.close()
  }

  async restart(): Promise<void> {
    await this.stop()
    this.line.cut = () => false
    await this.start()
  }

  /** Everything that lies in its database. */
  async copy(): Promise<Copy> {
    const db = this.#db as DeviceDb
    const names = [...db.objectStoreNames]
    const transaction = db.transaction(names)
    const stores = names.map(async (name) => {
      const store = transaction.objectStore(name)
      const [keys, values] = await Promise.all([store.getAllKeys(), store.getAll()])
      return { name, keys: store.keyPath === null ? keys : [], values }
    })
    return Promise.all(stores)
  }

  /** An old copy of the profile comes back. */
  async restore(copy: Copy): Promise<void> {
    await this.stop()
    const db = await openDatabase(this.#dbName, () => undefined)
    for (const { name, keys, values } of copy) {
      const { store, done } = db.transaction(name as 'outbox', 'readwrite')
      await store.clear()
      for (const [index, value] of values.entries()) await store.put(value as OutboxRow, keys[index] as never)
      await done
    }
    db.close()
    this.line.cut = () => false
    await this.start()
  }

  #api(isAlive: () => boolean): Api {
    const { line, person } = this
    const check = async (when: 'before' | 'after', route: Route) => {
      await pass()
      const isCut = line.cut(when, route.path)
      if (!isAlive()) await new Promise<never>(() => undefined)
      if (isCut) throw new AppError('server/unreachable')
    }
    const call = async (route: Route, options: never) => {
      await check('before', route)
      this.asked.push(`${route.method} ${route.path}`)
      const reply = await this.server.apiOf(person.userId).call(route, options)
      await check('after', route)
      return reply
    }
    return { call, behindMs: 0 } as unknown as Api
  }
}

const at = fc.nat({ max: 5 })
const talking = [
  { weight: 5, arbitrary: fc.record({ do: fc.constant('write' as const), at }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('catch up' as const, 'rotate' as const), at }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('remove' as const, 'join' as const), at }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('hear' as const), at, back: fc.nat({ max: 2 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('die' as const, 'cut' as const), at, calls: fc.nat({ max: 8 }) }),
  },
] as const
const step = fc.oneof(...talking)
const restoring = fc.oneof(...talking, {
  weight: 8,
  arbitrary: fc.record({ do: fc.constantFrom('copy' as const, 'restore' as const), at }),
})
type Step = typeof restoring extends fc.Arbitrary<infer S> ? S : never

/** A device that was signed out, and all that the server had of its account then. */
type Removed = { readonly device: TalkDevice; readonly server: FakeServer; readonly logLength: number }

class Talk {
  readonly server = new FakeServer()
  readonly people: { person: Person; accountKey: Bytes }[] = []
  readonly devices: TalkDevice[] = []
  readonly removed: Removed[] = []
  /** Secrets of each epoch, as any device ever had them. */
  readonly secrets = new Map<number, Set<string>>()
  /** What was written down, on devices that stayed; and all that anybody began to write. */
  written: { text: string; by: TalkDevice }[] = []
  readonly begun: string[] = []
  readonly copies = new Map<TalkDevice, { readonly at: number; readonly had: number; readonly copy: Copy }>()
  /** How often an old copy came back where that person had sent more since. */
  behind = 0
  id!: ConnectionId

  async start(): Promise<void> {
    await eraseDevice()
    await createKey('device')
    for (const name of ['anna', 'ben']) {
      const person = await newPerson(name)
      this.people.push({ person, accountKey: newKey() })
      this.server.identities.set(person.userId, [person.identity])
      this.server.connections.names.set(person.userId, name)
    }
    const [anna, ben] = [await this.join(0), await this.join(1)]
    await this.join(0)
    this.id = await anna.friends.request(ben.person, null)
    await ben.friends.catchUp()
    await ben.friends.accept(this.id)
    await anna.friends.catchUp()
  }

  async join(who: number): Promise<TalkDevice> {
    const { person, accountKey } = this.people[who % 2] as (typeof this.people)[number]
    const device = new TalkDevice(this.server, person, accountKey)
    await device.start()
    this.devices.push(device)
    return device
  }

  get log() {
    return this.server.connections.all.get(this.id)?.entries ?? []
  }

  get stored(): readonly StoredMessage[] {
    return this.server.connections.all.get(this.id)?.messages ?? []
  }

  async take(step: Step): Promise<void> {
    const device = this.devices[step.at % this.devices.length] as TalkDevice
    if (device.isDead) await device.restart()
    if (step.do === 'write') await this.write(device)
    if (step.do === 'catch up') await during(device, device.chat.catchUp())
    if (step.do === 'hear') await this.hear(device, step.back)
    if (step.do === 'rotate') await during(device, device.friends.setAllDue('unblocked'))
    if (step.do === 'join' && this.devices.length < 5) await this.join(step.at)
    if (step.do === 'remove') await this.remove(device)
    if (step.do === 'copy')
      this.copies.set(device, { at: this.begun.length, had: this.stored.length, copy: await device.copy() })
    if (step.do === 'restore') await this.restore(device)
    if (step.do === 'die' || step.do === 'cut') {
      let left = step.calls
      device.line.cut = () => {
        if (left-- > 0) return false
        if (step.do === 'die') device.die()
        return left < -1 || step.do === 'die'
      }
    }
    this.observe()
  }

  async write(device: TalkDevice): Promise<void> {
    const text = `text ${this.begun.length}`
    this.begun.push(text)
    const isDown = await during(device, device.chat.outbox.add(this.id, 'text', { text }))
    if (isDown) this.written.push({ text, by: device })
  }

  /** The server tells by itself of the newest message, or of one before it, late or again. */
  async hear(device: TalkDevice, back: number): Promise<void> {
    const told = this.stored.at(-1 - back)
    if (told) await during(device, device.friends.arrived(this.id, told))
  }

  /** By another device of the same person, as `endSession` does it; what the account was then stays with the removed one. */
  async remove(device: TalkDevice): Promise<void> {
    const other = this.devices.find((one) => one !== device && one.person === device.person)
    if (!other) return
    await device.stop()
    if (other.isDead) await other.restart()
    other.line.cut = () => false
    const server = new FakeServer()
    const { userId } = device.person
    const vault = this.server.vaults.get(userId)
    if (vault) server.vaults.set(userId, structuredClone(vault))
    await other.friends.setAllDue('device-removed')
    this.devices.splice(this.devices.indexOf(device), 1)
    this.removed.push({ device, server, logLength: this.log.length })
    this.written = this.written.filter(({ by }) => by !== device)
  }

  /** What was written since and not sent yet is gone with it. */
  async restore(device: TalkDevice): Promise<void> {
    const old = this.copies.get(device)
    if (!old) return
    // What was just written goes out where it can: of that the copy knows nothing.
    await during(device, device.chat.settled())
    if (this.stored.slice(old.had).some(({ senderId }) => senderId === device.person.userId)) this.behind++
    const later = new Set(this.begun.slice(old.at))
    this.written = this.written.filter(({ text, by }) => by !== device || !later.has(text))
    await device.restore(old.copy)
  }

  /** One head, one epoch, one secret. */
  observe(): void {
    for (const { friends } of this.devices) {
      for (let epoch = 0; epoch <= (friends.newestEpoch(this.id) ?? -1); epoch++) {
        const secret = friends.messageSecret(this.id, epoch)
        if (secret) this.secrets.set(epoch, (this.secrets.get(epoch) ?? new Set()).add(toBase64Url(secret)))
      }
    }
  }

  async settle(): Promise<void> {
    for (const device of this.devices) {
      device.line.cut = () => false
      if (device.isDead) await device.restart()
    }
    for (let round = 0; round < 4; round++) {
      for (const { chat } of this.devices) {
        await quietly(chat.catchUp())
        chat.outbox.kick(this.id)
        await chat.settled()
      }
    }
    this.observe()
  }

  async messagesOn({ chat }: TalkDevice): Promise<readonly Message[]> {
    const thread = await chat.open(this.id)
    const messages = await thread.read(0, thread.total.value)
    thread.close()
    return messages
  }

  async shownOn(device: TalkDevice): Promise<string[]> {
    const messages = await this.messagesOn(device)
    return messages.map(({ content }) => (content.type === 'text' ? content.text : content.type))
  }
}

/** @returns whether it was done: the program may have died, or the network failed. */
async function during(device: TalkDevice, task: Promise<unknown>): Promise<boolean> {
  return Promise.race([quietly(task), device.died.then(() => false)])
}

async function quietly(task: Promise<unknown>): Promise<boolean> {
  try {
    await task
    return true
  } catch (error) {
    if (!isAppError(error)) throw error
    return false
  }
}

/** What the removed device makes of everything that came later, though the server gives it all that it may not have. */
async function checkRemoved(talk: Talk, { device, server, logLength }: Removed): Promise<number> {
  const { userId } = device.person
  const mine = talk.log.findIndex(
    ({ bytes }, index) => index >= logLength && decodeUnverified(rotateEntry, bytes).author === userId,
  )
  if (mine < 0) return 0
  const firstEpoch = mine - 1
  for (const [user, identity] of talk.server.identities) server.identities.set(user, identity)
  for (const [user, name] of talk.server.connections.names) server.connections.names.set(user, name)
  for (const [id, stored] of talk.server.connections.all) server.connections.all.set(id, stored)
  device.server = server
  await device.restart()
  await quietly(device.chat.catchUp())
  for (let epoch = firstEpoch; epoch < talk.log.length - 1; epoch++)
    expect(device.friends.messageSecret(talk.id, epoch)).toBeNull()
  const later = (talk.server.connections.all.get(talk.id)?.messages ?? [])
    .filter(({ sealed }) => sealed && parseMessageHeader(sealed).epoch >= firstEpoch)
    .map(placeOf)
  const shown = (await talk.messagesOn(device)).flatMap(({ ref }) => (ref ? [placeOf(ref)] : []))
  expect(shown.filter((place) => later.includes(place))).toEqual([])
  await device.stop()
  return later.length
}

/** Lets it all come together, and looks at everything that must hold then. @returns what the devices show. */
async function checkTogether(talk: Talk): Promise<readonly string[]> {
  await talk.settle()
  for (const device of talk.devices) await talk.write(device)
  await talk.settle()

  const [first = [], ...others] = await Promise.all(talk.devices.map((device) => talk.shownOn(device)))
  for (const other of others) expect(other).toEqual(first)
  expect(talk.begun).toEqual(expect.arrayContaining(first))
  expect(first).toEqual(expect.arrayContaining(talk.written.map(({ text }) => text)))
  for (const { chat, friends } of talk.devices) {
    expect(chat.conversations.value[0]).toMatchObject({ missing: 0, fault: null })
    expect(friends.newestEpoch(talk.id)).toBe(talk.log.length - 2)
  }
  for (const secrets of talk.secrets.values()) expect(secrets.size).toBe(1)
  expect(new Set([...talk.secrets.values()].flatMap((one) => [...one])).size).toBe(talk.secrets.size)

  const sealed = new Map(talk.server.connections.offered.map((bytes) => [toBase64Url(bytes), bytes]))
  const places = [...sealed.values()].map(parseMessageHeader).map((one) => `${one.epoch}.${placeOf(one)}`)
  expect(new Set(places).size).toBe(sealed.size)
  const nonces = [...sealed.values()].map((bytes) => toBase64Url(bytes.slice(NONCE_FROM, NONCE_TO)))
  expect(new Set(nonces).size).toBe(sealed.size)
  return first
}

it('keys and messages together: one epoch for a head, no key and nonce twice, nothing lost, and a removed device reads nothing new', {
  timeout: 60_000,
}, async () => {
  let unread = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 20 }), async (steps) => {
      const talk = new Talk()
      await talk.start()
      for (const one of steps) await talk.take(one)
      const shown = await checkTogether(talk)
      expect(new Set(shown).size).toBe(shown.length)
      for (const removed of talk.removed) unread += await checkRemoved(talk, removed)
      for (const device of talk.devices) await device.stop()
    }),
    { numRuns: 8, seed: 20, endOnFailure: true },
  )
  // Devices were removed, and much was said after it.
  expect(unread).toBeGreaterThan(5)
})

it('keys and messages together, where old copies of devices come back: no key and nonce twice, and nothing lost that the copy held', {
  timeout: 60_000,
}, async () => {
  let behind = 0
  await fc.assert(
    fc.asyncProperty(fc.array(restoring, { minLength: 12, maxLength: 24 }), async (steps) => {
      const talk = new Talk()
      await talk.start()
      // Each has sealed something: a copy holds who it seals as.
      for (const device of talk.devices) await talk.write(device)
      await talk.settle()
      for (const at of talk.devices.keys()) await talk.take({ do: 'copy', at })
      for (const one of steps) await talk.take(one)
      await checkTogether(talk)
      behind += talk.behind
      for (const device of talk.devices) await device.stop()
    }),
    { numRuns: 8, seed: 77, endOnFailure: true },
  )
  // Copies did come back to which something had been added meanwhile.
  expect(behind).toBeGreaterThan(5)
})

describe('a message that the server tells of by itself', () => {
  const CATCH_UP = 'POST /api/connections/catch-up'
  async function told() {
    const talk = new Talk()
    await talk.start()
    const [anna, ben] = talk.devices as [TalkDevice, TalkDevice]
    for (const { chat } of talk.devices) await chat.catchUp()
    const say = async (from: TalkDevice, text: string) => {
      await from.chat.outbox.add(talk.id, 'text', { text })
      await from.chat.settled()
      from.asked.length = 0
    }
    const newest = () => talk.server.connections.all.get(talk.id)?.messages.at(-1) as StoredMessage
    await say(anna, 'one')
    ben.asked.length = 0
    return { talk, anna, ben, say, newest, hear: (device: TalkDevice) => device.friends.arrived(talk.id, newest()) }
  }

  it('is taken where it is the next, without a question', async () => {
    const { talk, anna, ben, hear } = await told()
    await hear(ben)
    await hear(anna)
    for (const device of [anna, ben]) {
      expect(await talk.shownOn(device)).toEqual(['one'])
      expect(device.asked).not.toContain(CATCH_UP)
    }
  })

  it('leads to a question where one before it did not come, or it came before', async () => {
    const { talk, anna, ben, say, hear } = await told()
    await say(anna, 'two')
    await hear(ben)
    expect(ben.asked).toContain(CATCH_UP)
    expect(await talk.shownOn(ben)).toEqual(['one', 'two'])
    await hear(ben)
    expect(await talk.shownOn(ben)).toEqual(['one', 'two'])
  })

  it('leads to a question where keys changed before it', async () => {
    const { talk, anna, ben, say, hear } = await told()
    await hear(ben)
    await anna.friends.setAllDue('unblocked')
    await say(anna, 'under new keys')
    await hear(ben)
    expect(ben.asked).toContain(CATCH_UP)
    expect(await talk.shownOn(ben)).toEqual(['one', 'under new keys'])
    expect(ben.chat.conversations.value[0]).toMatchObject({ missing: 0, fault: null })
  })

  it('taken by another tab after this one had asked, is no sign that the server was set back', async () => {
    const { talk, anna, ben, say, newest, hear } = await told()
    await hear(ben)
    const { inbox } = ben.chat
    const served = { messages: [], receipts: [], since: 1, lastSeq: 1, more: false }
    await say(anna, 'two')
    await hear(ben)
    expect(await inbox.since(talk.id)).toBe(newest().seq)
    await inbox.take(talk.id, served)
    expect(await inbox.since(talk.id)).toBe(newest().seq)
    // One that has fewer than what was asked from was set back.
    await inbox.take(talk.id, { ...served, since: newest().seq })
    expect(await inbox.since(talk.id)).toBe(0)
  })

  it('was sealed as it was written down where all that it takes was at hand, else in its turn', async () => {
    const { talk, anna, ben, say, hear } = await told()
    const asked = vi.spyOn(anna.friends, 'sendingKeys')
    await say(anna, 'two')
    expect(asked).not.toHaveBeenCalled()
    await anna.friends.setAllDue('unblocked')
    await say(anna, 'under new keys')
    expect(asked).toHaveBeenCalled()
    await hear(ben)
    expect(await talk.shownOn(ben)).toEqual(['one', 'two', 'under new keys'])
  })

  it('ends in its name where the server has changed it, and comes again as it was written', async () => {
    const { talk, ben, newest, hear } = await told()
    const sealed = newest().sealed?.slice() ?? new Uint8Array()
    sealed[70] = (sealed[70] ?? 0) ^ 1
    await ben.friends.arrived(talk.id, { ...newest(), sealed })
    await ben.chat.settled()
    expect(await talk.shownOn(ben)).toEqual([])
    expect(ben.chat.conversations.value[0]?.fault?.code).toBe('message/tampered')
    await ben.friends.arrived(talk.id, { ...newest(), sealed: new Uint8Array(600) })
    await hear(ben)
    await ben.chat.settled()
    expect(await talk.shownOn(ben)).toEqual(['one'])
    expect(ben.chat.conversations.value[0]?.fault).toBeNull()
  })

  it('by somebody who is blocked is not heard, whether it is told or asked for; what was said before stays, and the rest comes once they are back', async () => {
    const { talk, anna, ben, say, hear } = await told()
    // Read, so that his come after it.
    await hear(ben)
    await anna.chat.catchUp()
    await anna.friends.block(ben.person.userId)
    talk.server.connections.blocks.clear()
    for (const text of ['you cannot', 'keep me out']) await say(ben, text)
    await hear(anna)
    const second = await talk.join(0)
    for (const device of [anna, second]) {
      await device.chat.catchUp()
      await device.chat.settled()
      expect(await talk.shownOn(device)).toEqual(['one'])
      expect(device.chat.conversations.value[0]).toMatchObject({ canSend: false, missing: 0, fault: null })
    }
    await anna.friends.unblock(ben.person.userId)
    await say(ben, 'sorry')
    await anna.chat.catchUp()
    expect(await talk.shownOn(anna)).toEqual(['one', 'you cannot', 'keep me out', 'sorry'])
    expect(anna.chat.conversations.value[0]).toMatchObject({ canSend: true, missing: 0, fault: null })
  })
})
