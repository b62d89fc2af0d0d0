import { newDeviceId, newKey, newUserId, randomBytes } from '../../shared/crypto/random.ts'
import {
  openOwnReceipt,
  openPeerReceipt,
  openTyping,
  sealOwnReceipt,
  sealPeerReceipt,
  sealTyping,
} from '../../shared/crypto/receipt.ts'
import { publicKeyOf } from '../../shared/crypto/signing.ts'
import { type DeviceDb, openDatabase } from '../../shared/device/db.ts'
import { createKey } from '../../shared/device/device-key.ts'
import { AppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import {
  type ConnectionId,
  type DeviceId,
  type MediaId,
  parseConnectionId,
  type UserId,
} from '../../shared/format/ids.ts'
import { parseMessageHeader } from '../../shared/format/message-layout.ts'
import { hashOf } from '../../shared/logs/signed.ts'
import {
  deleteMessage,
  type MessageTtl,
  type StoredMessage,
  type StoredReceipt,
  sendMessage,
  writeReceipt,
} from '../../shared/wire/connections.ts'
import { revokeGrant } from '../../shared/wire/grants.ts'
import { readMedia } from '../../shared/wire/media.ts'
import type { Route } from '../../shared/wire/route.ts'
import type { Api } from '../app/api.ts'
import { Signal } from '../app/signal.ts'
import { ChatEngine } from '../chat/chat.ts'
import type { ChatCrypto } from '../chat/ports.ts'
import { openChecked, sealChain } from '../chat/sealing.ts'
import { mergeFloors } from '../friends/floors.ts'
import type { Closes, Connection, Connections, Floor, Inbox, SendingKeys, Sent } from '../friends/types.ts'
import { Turns } from '../groups/turns.ts'
import type { Secrets } from '../vault/secrets.ts'

const PAGE = 256

type Row = StoredMessage & { readonly hash: Bytes; readonly epoch: number }

/** A server as it should be: what a test wants otherwise, it changes. */
export class ModelServer {
  readonly rows: Row[] = []
  readonly receipts = new Map<
    string,
    { userId: UserId; deviceId: DeviceId; revision: number; peer: Bytes; own: Bytes }
  >()
  /** Message secrets by epoch: the log of this model. */
  readonly epochs: Bytes[] = [newKey()]
  readonly closes: Closes[] = []
  /** Everything that ever reached it, refused or not: for one counter in one epoch there is one message. */
  readonly offered = new Map<string, Set<string>>()
  /** Items that the friend may not fetch any more. */
  readonly revoked: MediaId[] = []
  now = 1_700_000_000_000
  refuses = false
  /** How the rows of a page come: in order and once, unless a test wants it otherwise. */
  deal: (rows: StoredMessage[]) => StoredMessage[] = (rows) => rows

  /** Time goes by; whose time is over has no ciphertext any more. */
  pass(ms: number): void {
    this.now += ms
    for (const [index, row] of this.rows.entries())
      if (row.expiresAt !== null && row.expiresAt <= this.now) this.rows[index] = { ...row, sealed: null }
  }

  rotate(ifEpoch: number, ifLastSeq: number): void {
    if (ifEpoch !== this.epochs.length - 1) throw new AppError('log/conflict')
    if (ifLastSeq !== this.rows.length) throw new AppError('connection/behind')
    const closes = new Map<`${UserId}.${DeviceId}`, number>()
    for (const { epoch, senderId, deviceId, counter } of this.rows)
      if (epoch === ifEpoch) closes.set(`${senderId}.${deviceId}`, counter)
    this.closes.push(closes)
    this.epochs.push(newKey())
  }

  send(sender: UserId, sealed: Bytes, ttlMs: MessageTtl): { seq: number; createdAt: number } {
    const header = parseMessageHeader(sealed)
    const hash = hashOf(sealed)
    const place = `${header.deviceId}.${header.counter}.${header.epoch}`
    this.offered.set(place, (this.offered.get(place) ?? new Set()).add(hash.join()))
    const known = this.rows.find((row) => row.deviceId === header.deviceId && row.counter === header.counter)
    if (known) {
      if (equalBytes(known.hash, hash)) return { seq: known.seq, createdAt: known.createdAt }
      throw new AppError('message/conflict')
    }
    if (this.refuses) throw new AppError('connection/refused')
    if (header.epoch !== this.epochs.length - 1) throw new AppError('connection/stale-epoch')
    const seq = this.rows.length + 1
    const expiresAt = ttlMs === null ? null : this.now + ttlMs
    const { deviceId, counter, epoch } = header
    this.rows.push({ seq, senderId: sender, deviceId, counter, epoch, sealed, hash, createdAt: this.now, expiresAt })
    return { seq, createdAt: this.now }
  }

  /** One page, as the server cuts them. */
  since(from: number): StoredMessage[] {
    const rows = this.rows.filter(({ seq }) => seq > from).slice(0, PAGE)
    return rows.map(({ hash: _, epoch: __, ...row }) => row)
  }
}

/** Somebody in the model, on any number of devices. */
export type ModelPerson = {
  readonly secrets: Secrets
  readonly name: string
  /** What the vault has of the conversation, for all of the person's devices. */
  readonly vault: { readonly forgotten: Set<number>; floors: Floor[] }
}

export function modelPerson(name: string): ModelPerson {
  const identitySeed = newKey()
  const identityKey = publicKeyOf(identitySeed)
  const agreement = { publicKey: randomBytes(8), secretKey: randomBytes(8) } as unknown as Secrets['agreement']
  const secrets = { userId: newUserId(), accountKey: newKey(), identitySeed, identityKey, agreement }
  const vault = { forgotten: new Set<number>(), floors: [] }
  return { secrets, name, vault }
}

/** What may go wrong on the way between a device and the server. */
export type Line = {
  isUp: boolean
  /** Asked before and after each call: says whether the line is cut there. */
  cut: (when: 'before' | 'after', call: string) => boolean
}

let opened = 0

/** One device of a person: its own database, and an engine that can be stopped and started again. */
export class ModelDevice {
  readonly line: Line = { isUp: true, cut: () => false }
  readonly connections: ModelConnections
  readonly dbName: string
  /** The person's setting. */
  tellsRead = true
  /** How late its clock is. */
  lateMs = 0
  chat!: ChatEngine
  readonly #person: ModelPerson
  readonly #server: ModelServer
  readonly #turns = new Turns<string>()
  #db: DeviceDb | undefined
  #life = 0
  #isDead = true
  #onDeath: () => void = () => undefined
  /** Resolves when the program stops. */
  died: Promise<void> = Promise.resolve()

  constructor(server: ModelServer, connectionId: ConnectionId, person: ModelPerson, friend: ModelPerson) {
    this.#person = person
    this.#server = server
    this.dbName = `device-${++opened}`
    this.connections = new ModelConnections(server, this.line, connectionId, { me: person, friend })
  }

  async start(): Promise<void> {
    await createKey('device')
    this.#db = await openDatabase(this.dbName, () => undefined)
    const life = ++this.#life
    this.#isDead = false
    this.died = new Promise((resolve) => {
      this.#onDeath = resolve
    })
    const db = this.#db
    this.chat = await ChatEngine.open({
      api: this.#api(() => life === this.#life),
      crypto: chatCrypto,
      connections: this.connections,
      vault: { read: () => ({ tellsRead: this.tellsRead }) as never },
      secrets: this.#person.secrets,
      // A program that has died writes nothing any more.
      openDb: async () => {
        if (life !== this.#life) await new Promise<never>(() => undefined)
        return db
      },
      lock: (name, task) => this.#turns.run(`${life}/${name}`, task),
      now: () => this.#server.now - this.lateMs,
    })
  }

  get isDead(): boolean {
    return this.#isDead
  }

  /** Stops at this very moment, in the middle of whatever it does: nothing that it waits for comes any more. */
  die(): void {
    this.#life++
    this.#isDead = true
    this.#onDeath()
  }

  /** Ends the program wherever it is; what it had written stays. */
  async crash(): Promise<void> {
    this.die()
    this.chat.stop()
    // What was about to read finds its database still there, and nothing after it.
    await pass()
    this.#db?.close()
  }

  async restart(): Promise<void> {
    await this.crash()
    await this.start()
  }

  get database(): DeviceDb {
    return this.#db as DeviceDb
  }

  /** Everything that lies on the device. */
  async snapshot(): Promise<Map<string, { keys: IDBValidKey[]; values: unknown[] }>> {
    const db = this.database
    const stores = new Map<string, { keys: IDBValidKey[]; values: unknown[] }>()
    for (const name of ['conversations', 'messages', 'effects', 'outbox', 'granted'] as const) {
      stores.set(name, { keys: await db.getAllKeys(name), values: await db.getAll(name) })
    }
    return stores
  }

  /** An old copy of the profile comes back. */
  async restore(copy: Map<string, { keys: IDBValidKey[]; values: unknown[] }>): Promise<void> {
    await this.crash()
    const db = await openDatabase(this.dbName, () => undefined)
    for (const [name, { keys, values }] of copy) {
      const store = db.transaction(name as 'outbox', 'readwrite').store
      await store.clear()
      for (const [index, value] of values.entries()) {
        if (store.keyPath) await store.put(value as never)
        else await store.put(value as never, keys[index] as never)
      }
    }
    db.close()
    await this.start()
  }

  #api(isAlive: () => boolean): Pick<Api, 'call' | 'behindMs'> {
    const { line } = this
    const server = this.#server
    const me = this.#person.secrets.userId
    const answer = (route: Route, { params, body }: { params?: unknown; body?: unknown }): unknown => {
      if (route === (sendMessage as Route)) {
        const { sealed, ttlMs } = body as { sealed: Bytes; ttlMs: MessageTtl }
        return server.send(me, sealed, ttlMs)
      }
      if (route === (deleteMessage as Route)) {
        const index = server.rows.findIndex(({ seq }) => seq === (params as { seq: number }).seq)
        const row = server.rows[index]
        if (row) server.rows[index] = { ...row, sealed: null }
        return undefined
      }
      if (route === (revokeGrant as Route)) {
        server.revoked.push((params as { mediaId: MediaId }).mediaId)
        return undefined
      }
      if (route === (writeReceipt as Route)) {
        const receipt = body as { deviceId: DeviceId; revision: number; peer: Bytes; own: Bytes }
        const key = `${me}.${receipt.deviceId}`
        if ((server.receipts.get(key)?.revision ?? 0) >= receipt.revision) throw new AppError('receipt/rollback')
        server.receipts.set(key, { userId: me, ...receipt })
        return undefined
      }
      if (route === (readMedia as Route)) throw new AppError('media/not-found')
      throw new AppError('internal', `the model has no ${route.path}`)
    }
    const call = async (route: Route, options: { params?: unknown; body?: unknown } = {}): Promise<unknown> => {
      await pass()
      if (!isAlive()) return new Promise<never>(() => undefined)
      if (!line.isUp || line.cut('before', route.path)) throw new AppError('server/unreachable')
      const reply = answer(route, options)
      await pass()
      if (!isAlive()) return new Promise<never>(() => undefined)
      if (!line.isUp || line.cut('after', route.path)) throw new AppError('server/unreachable')
      return reply
    }
    return Object.defineProperty({ call }, 'behindMs', { get: () => (line.isUp ? this.lateMs : 0) }) as Pick<
      Api,
      'call' | 'behindMs'
    >
  }
}

/** Connections of a device, without their cryptography. */
export class ModelConnections implements Connections {
  readonly list: Signal<readonly Connection[]>
  /** Rotates before the next message. */
  isRotationDue = false
  /** The server says of no conversation that it has changed. */
  isQuiet = false
  readonly #vault: ModelPerson['vault']
  readonly #server: ModelServer
  readonly #line: Line
  readonly #friend: UserId
  #known = 1
  #inbox: Inbox | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(
    server: ModelServer,
    line: Line,
    connectionId: ConnectionId,
    { me, friend }: { me: ModelPerson; friend: ModelPerson },
  ) {
    this.#vault = me.vault
    this.#server = server
    this.#line = line
    this.#friend = friend.secrets.userId
    const peer = { userId: this.#friend, username: friend.name, identityKey: friend.secrets.identityKey }
    const rest = { isVerified: false, note: null, createdAt: 0, expiresAt: 0, fault: null }
    this.list = new Signal<readonly Connection[]>([{ connectionId, peer, state: 'friends', ...rest }])
  }

  get(id: ConnectionId): Connection | null {
    return this.list.value.find(({ connectionId }) => connectionId === id) ?? null
  }

  /** By a program that has just started: what the one before it was waiting for never comes. */
  setInbox(inbox: Inbox): void {
    this.#inbox = inbox
    this.#turn = Promise.resolve()
  }

  catchUp(): Promise<void> {
    const done = this.#turn.then(() => this.#catchUp())
    this.#turn = done.catch(() => undefined)
    return done
  }

  fetch(): Promise<void> {
    return this.catchUp()
  }

  /** Whoever is told of a message may always ask instead. */
  arrived(): Promise<void> {
    return this.catchUp()
  }

  /** The two are no longer friends. */
  end(): void {
    this.list.value = this.list.value.map((one) => ({ ...one, state: 'ended' }))
  }

  async sendingKeys(id: ConnectionId, ttlMs: MessageTtl): Promise<SendingKeys> {
    const before = this.#known - 1
    const sent = await this.#inbox?.sent(id)
    const isMixed = sent?.isSpent || sent?.lives.some((one) => one !== ttlMs)
    if (this.isRotationDue || isMixed) await this.#rotate(before, sent?.lastSeq ?? 0)
    const epoch = this.newestEpoch(id) ?? 0
    const messageSecret = this.messageSecret(id, epoch)
    if (!messageSecret) throw new AppError('connection/not-found')
    return { epoch, messageSecret }
  }

  keysAtHand(id: ConnectionId, ttlMs: MessageTtl, sent: Sent): SendingKeys | null {
    if (this.isRotationDue || sent.isSpent || sent.lives.some((one) => one !== ttlMs)) return null
    const epoch = this.newestEpoch(id) ?? 0
    const messageSecret = this.messageSecret(id, epoch)
    return messageSecret && { epoch, messageSecret }
  }

  async endSpentEpoch(id: ConnectionId): Promise<void> {
    const before = this.#known - 1
    const sent = await this.#inbox?.sent(id)
    if (!sent?.isSpent) return
    await this.#rotate(before, sent.lastSeq)
    await this.catchUp()
  }

  newestEpoch(_: ConnectionId): number | null {
    return this.#known - 1
  }

  messageSecret(_: ConnectionId, epoch: number): Bytes | null {
    if (epoch >= this.#known || this.#vault.forgotten.has(epoch)) return null
    return this.#server.epochs[epoch] ?? null
  }

  closesOf(_: ConnectionId, epoch: number): Closes | null {
    return epoch < this.#known - 1 ? (this.#server.closes[epoch] ?? null) : null
  }

  floorsOf(): readonly Floor[] {
    return this.#vault.floors
  }

  async forgetEpochs(_: ConnectionId, epochs: readonly number[], floors: readonly Floor[]): Promise<void> {
    await pass()
    if (!this.#line.isUp || this.#line.cut('before', 'vault')) throw new AppError('server/unreachable')
    for (const epoch of epochs) if (epoch < this.#known - 1) this.#vault.forgotten.add(epoch)
    this.#vault.floors = mergeFloors(this.#vault.floors, floors)
  }

  /** @param epoch the newest when it was decided: another device may have been faster. */
  async #rotate(epoch: number, lastSeq: number): Promise<void> {
    await pass()
    if (!this.#line.isUp || this.#line.cut('before', 'log')) throw new AppError('server/unreachable')
    this.#server.rotate(epoch, lastSeq)
    this.isRotationDue = false
    this.#known = epoch + 2
  }

  async #catchUp(): Promise<void> {
    await pass()
    if (!this.#line.isUp || this.#line.cut('before', 'catch-up')) throw new AppError('server/unreachable')
    const [connection] = this.list.value
    const inbox = this.#inbox
    if (!connection || !inbox || this.isQuiet) return
    const { connectionId: id } = connection
    this.#known = this.#server.epochs.length
    const receipts = [...this.#server.receipts.values()].map(
      ({ userId, deviceId, revision, peer, own }): StoredReceipt => {
        return { userId, deviceId, revision, sealed: userId === this.#friend ? peer : own }
      },
    )
    const lastSeq = this.#server.rows.length
    for (let from = await inbox.since(id), more = true; more; ) {
      const page = this.#server.since(from)
      more = page.length === PAGE
      await inbox.take(id, { messages: this.#server.deal(page), receipts, since: from, lastSeq, more })
      from = page.at(-1)?.seq ?? from
    }
  }
}

export const newConnectionId = (): ConnectionId => parseConnectionId(newDeviceId())

/** Lets everything else that is ready run. */
export const pass = () => new Promise<void>((resolve) => setTimeout(resolve))

/** What the crypto Web Worker does, in this thread. */
export const chatCrypto: ChatCrypto = {
  openChecked,
  openOwnReceipt,
  openPeerReceipt,
  openTyping,
  sealChain,
  sealOwnReceipt,
  sealPeerReceipt,
  sealTyping,
}
