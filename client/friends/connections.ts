import type { PendingEntry } from '../../shared/crypto/connection-keys.ts'
import { newConnectionId } from '../../shared/crypto/random.ts'
import { publicKeyOf } from '../../shared/crypto/signing.ts'
import { AppError, isAppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import type { ConnectionId, UserId } from '../../shared/format/ids.ts'
import { type ConnectionState, type PublicKeys, peerOf, replayConnection } from '../../shared/logs/connection.ts'
import { type RotateEntry, type RotateReason, rotateEntry } from '../../shared/logs/connection-entries.ts'
import { decodeUnverified, hashEntry, type SignedEntry } from '../../shared/logs/signed.ts'
import {
  appendConnectionLog,
  type ConnectionView,
  catchUp,
  denyConnection,
  endConnection,
  listConnections,
  REQUEST_TTL_MS,
  requestConnection,
} from '../../shared/wire/connections.ts'
import { block, type Person, unblock } from '../../shared/wire/people.ts'
import type { ReplyOf } from '../../shared/wire/route.ts'
import type { Api } from '../app/api.ts'
import { isPassing } from '../app/passing.ts'
import { Signal } from '../app/signal.ts'
import { Turns } from '../groups/turns.ts'
import { encodeItem } from '../vault/items.ts'
import type { Secrets } from '../vault/secrets.ts'
import type { Vault } from '../vault/vault.ts'
import type { Crypto } from '../workers/crypto.ts'
import { advanceItem } from './advance.ts'
import { rotationDue } from './due.ts'
import { type ConnectionItem, connectionItem, connectionItemName, SUPERSEDED_MAX } from './item.ts'
import { type KeptConnection, KeptConnections } from './kept.ts'
import { checkKeyHash, learnIdentity } from './people.ts'
import type { Closes, Connection, Connections, Floor, Inbox, SendingKeys } from './types.ts'

const TRIES = 4
/** In one answer of the server. */
const AT_ONCE = 64

export type ConnectionsContext = {
  readonly api: Pick<Api, 'call'>
  readonly crypto: Pick<
    Crypto,
    'makeRequest' | 'makeAccept' | 'makeRotate' | 'startSchedule' | 'nextSchedule' | 'openNote'
  >
  readonly vault: Pick<Vault, 'read' | 'names' | 'update' | 'openServed'>
  readonly secrets: Secrets
  /** Head of one’s own identity log as the server has it now, and when it last changed after the account was made. */
  readonly identity: () => Promise<{ readonly head: Bytes; readonly changedAt: number | null }>
  readonly now?: () => number
}

type Served = ReplyOf<typeof catchUp>['connections'][number]

/** A connection in memory: what the device keeps, and what it makes of it. */
type Known = KeptConnection & { readonly state: ConnectionState | null; readonly fault: AppError | null }

/** Friends of the account that is unlocked: logs verified against their pins, keys in the vault before they are used. */
export class FriendConnections implements Connections {
  readonly list = new Signal<readonly Connection[]>([])
  readonly #context: ConnectionsContext
  readonly #kept: KeptConnections
  readonly #known = new Map<ConnectionId, Known>()
  readonly #turns = new Turns<'all' | ConnectionId>()
  /** Whose identity was looked at since the start. */
  readonly #met = new Set<ConnectionId>()
  /** When the password was last set anew; `undefined`: not asked since the start. */
  #resetAt: number | null | undefined
  #inbox: Inbox | null = null
  /** `null`: nothing was asked since the start; then everything is looked at, also what failed before. */
  #since: number | null = null

  constructor(context: ConnectionsContext) {
    this.#context = context
    this.#kept = new KeptConnections(context.secrets.accountKey)
  }

  get #me(): UserId {
    return this.#context.secrets.userId
  }

  #now(): number {
    return (this.#context.now ?? Date.now)()
  }

  /** What the device keeps; what does not verify waits for the server. */
  async openKept(): Promise<void> {
    for (const kept of await this.#kept.list()) {
      const { connectionId } = kept.view
      try {
        this.#known.set(connectionId, { ...kept, state: this.#replay(connectionId, kept.entries), fault: null })
      } catch (error) {
        if (!isAppError(error)) throw error
      }
    }
    this.#show()
  }

  setInbox(inbox: Inbox): void {
    this.#inbox = inbox
  }

  get(connection: ConnectionId): Connection | null {
    return this.list.value.find(({ connectionId }) => connectionId === connection) ?? null
  }

  catchUp(): Promise<void> {
    return this.#turns.run('all', () => this.#catchUp())
  }

  fetch(connection: ConnectionId): Promise<void> {
    return this.#turns.run('all', async () => {
      const known = this.#known.get(connection)
      if (known) await this.#takeAll([known.view])
    })
  }

  newestEpoch(connection: ConnectionId): number | null {
    return this.#item(connection)?.schedule?.epoch ?? null
  }

  messageSecret(connection: ConnectionId, epoch: number): Bytes | null {
    return this.#item(connection)?.epochs.find((one) => one.epoch === epoch)?.messageSecret ?? null
  }

  closesOf(connection: ConnectionId, epoch: number): Closes | null {
    return this.#known.get(connection)?.state?.closes.get(epoch) ?? null
  }

  floorsOf(connection: ConnectionId): readonly Floor[] {
    return this.#item(connection)?.floors ?? []
  }

  async forgetEpochs(connection: ConnectionId, epochs: readonly number[], floors: readonly Floor[]): Promise<void> {
    await this.#change(connection, (item) => {
      const newest = item.schedule?.epoch
      return {
        ...item,
        // What is sent next still goes under the newest one.
        epochs: item.epochs.filter(({ epoch }) => epoch === newest || !epochs.includes(epoch)),
        floors: mergeFloors(item.floors, floors),
      }
    })
  }

  async sendingKeys(connection: ConnectionId, lastSeq: number): Promise<SendingKeys> {
    await this.#meet(connection)
    if (this.#resetAt === undefined) this.#resetAt = (await this.#context.identity()).changedAt
    let seq = lastSeq
    for (let attempt = 1; ; attempt++) {
      const known = this.#requireFriend(connection)
      const item = this.#item(connection)
      const sent = (await this.#inbox?.sent(connection)) ?? { counters: [], ttlMs: null }
      const asked = { due: item?.due ?? null, resetAt: this.#resetAt }
      const reason = rotationDue(known.state as ConnectionState, this.#me, sent, asked, this.#now())
      if (!reason) return this.#newestKeys(connection)
      try {
        await this.#rotate(connection, seq, reason, [...sent.counters])
      } catch (error) {
        const isRace = isAppError(error, 'log/conflict') || isAppError(error, 'connection/behind')
        if (!isRace || attempt === TRIES) throw error
        // The entry may be in the log, and only its answer was lost; else the next one says what is true now.
        await this.fetch(connection)
        seq = this.#known.get(connection)?.view.lastSeq ?? seq
      }
    }
  }

  /**
   * Asks somebody. Written into the vault first: a program that ends in between sends the very same request again.
   * @param keyHash what a personal link says of their key.
   * @throws {AppError} `connection/exists`, `connection/refused`, `identity/changed`, …
   */
  async request(person: Person, note: string | null, keyHash?: Bytes): Promise<ConnectionId> {
    const { api, crypto, vault } = this.#context
    const identity = await learnIdentity(api, person.userId)
    if (identity.username !== person.username) throw new AppError('identity/changed', 'another name than was found')
    if (keyHash) checkKeyHash(identity.identityKey, keyHash)
    const connectionId = newConnectionId()
    const now = this.#now()
    const what = { note: note?.trim() ? note.trim() : null, now, expiresAt: now + REQUEST_TTL_MS }
    const made = await crypto.makeRequest(connectionId, await this.#author(), identity, what)
    const { userId, username, identityKey, seq, head } = identity
    const item: ConnectionItem = {
      peer: { userId, username, identityKey, pin: { seq, head } },
      isVerified: false,
      pin: null,
      schedule: null,
      pending: made.pending,
      note: made.note,
      epochs: [],
      floors: [],
      due: null,
    }
    await vault.update(() => new Map([[connectionItemName(connectionId), encodeItem(connectionItem, item)]]))
    try {
      await this.#sendRequest(connectionId, item, made.pending)
    } catch (error) {
      if (!isAppError(error) || isPassing(error)) throw error
      await vault.update(() => new Map([[connectionItemName(connectionId), null]]))
      throw error
    }
    await this.catchUp()
    return connectionId
  }

  /** @throws {AppError} `connection/expired`, `connection/refused`, `identity/changed`, … */
  async accept(connection: ConnectionId): Promise<void> {
    const known = this.#require(connection)
    const [request] = known.entries
    if (known.view.state !== 'asked' || !request || !known.state || !known.peer)
      throw new AppError('connection/forbidden', 'nothing to accept')
    const { requester } = known.state
    const pending = await this.#context.crypto.makeAccept(
      request,
      await this.#author(),
      requester.keys as PublicKeys,
      this.#now(),
    )
    const item: ConnectionItem = {
      peer: { ...known.view.peer, ...known.peer },
      isVerified: false,
      pin: { length: 1, head: hashEntry(request) },
      schedule: null,
      pending,
      note: null,
      epochs: [],
      floors: [],
      due: null,
    }
    // Another device may have been faster: then its entry is sent.
    await this.#context.vault.update((vault) => {
      const name = connectionItemName(connection)
      return vault.read(connectionItem, name) ? new Map() : new Map([[name, encodeItem(connectionItem, item)]])
    })
    const written = this.#item(connection)?.pending
    if (written) await this.#append(connection, known.view.lastSeq, written.entry)
    await this.catchUp()
  }

  async deny(connection: ConnectionId): Promise<void> {
    await this.#context.api.call(denyConnection, { params: { connectionId: connection } })
    await this.catchUp()
  }

  /** Withdraws a request, resp. removes a friend. */
  async end(connection: ConnectionId): Promise<void> {
    await this.#context.api.call(endConnection, { params: { connectionId: connection } })
    await this.catchUp()
  }

  async block(user: UserId): Promise<void> {
    await this.#context.api.call(block, { params: { userId: user } })
    await this.catchUp()
  }

  /** Keys change before the next message: who was blocked may have listened at the server meanwhile. */
  async unblock(user: UserId): Promise<void> {
    for (const { connectionId, peer } of this.list.value) {
      if (peer.userId === user && this.#item(connectionId)?.schedule) await this.#setDue(connectionId, 'unblocked')
    }
    await this.#context.api.call(unblock, { params: { userId: user } })
    await this.catchUp()
  }

  /** The person compared the safety number, or scanned it. */
  async setVerified(connection: ConnectionId, isVerified: boolean): Promise<void> {
    await this.#change(connection, (item) => ({ ...item, isVerified }))
    this.#show()
  }

  /** Keys of every connection change before its next message. */
  async setAllDue(reason: RotateReason): Promise<void> {
    for (const { connectionId } of this.list.value)
      if (this.#item(connectionId)?.schedule) await this.#setDue(connectionId, reason)
  }

  async #catchUp(): Promise<void> {
    const { api } = this.#context
    const failed: ConnectionView[] = []
    for (let since = this.#since ?? 0, more = true; more; ) {
      const page = await api.call(listConnections, { query: { since } })
      failed.push(...(await this.#takeAll(page.connections)))
      since = Math.max(since, ...page.connections.map(({ changeSeq }) => changeSeq))
      more = page.more && page.connections.length > 0
      this.#since = since
    }
    // What failed for a passing reason is asked for again from the start.
    if (failed.length > 0) this.#since = null
    if (await this.#sendUnsent()) await this.#catchUp()
  }

  /** @returns those that have to be looked at again. */
  async #takeAll(views: readonly ConnectionView[]): Promise<ConnectionView[]> {
    const failed: ConnectionView[] = []
    let waiting = [...views]
    while (waiting.length > 0) {
      const batch = waiting.slice(0, AT_ONCE)
      const rest = waiting.slice(AT_ONCE)
      const cursors = await Promise.all(
        batch.map(async ({ connectionId }) => ({
          connectionId,
          logFrom: this.#known.get(connectionId)?.entries.length ?? 0,
          since: (await this.#inbox?.since(connectionId)) ?? 0,
        })),
      )
      const { connections } = await this.#context.api.call(catchUp, { body: { cursors } })
      const served = new Map(connections.map((one) => [one.connectionId, one]))
      const again: ConnectionView[] = []
      for (const view of batch) {
        const answer = served.get(view.connectionId)
        const logFrom = cursors.find(({ connectionId }) => connectionId === view.connectionId)?.logFrom ?? 0
        if (!answer) continue
        try {
          await this.#take({ ...view, lastSeq: answer.lastSeq }, logFrom, answer)
          if (answer.more) again.push(view)
        } catch (error) {
          if (!isAppError(error)) throw error
          failed.push(view)
          if (isPassing(error)) throw error
          this.#setFault(view, error)
        }
      }
      waiting = [...again, ...rest]
    }
    this.#show()
    return failed
  }

  async #take(view: ConnectionView, logFrom: number, served: Served): Promise<void> {
    const { connectionId } = view
    const before = this.#known.get(connectionId)
    const entries = [...(before?.entries.slice(0, logFrom) ?? []), ...served.entries]
    const item = await this.#itemFor(view)
    const state = this.#replay(connectionId, entries)
    const peer = item ? null : (before?.peer ?? (await this.#learnAsker(state)))
    this.#checkView(view, state)
    const note = before?.note ?? (await this.#openNote(view, state))
    if (item) await this.#advance(connectionId, entries)
    const isGone = view.state === 'ended' && !this.#item(connectionId)?.schedule
    if (isGone) return this.#forget(connectionId)
    const known: Known = { view, entries, peer, note, state, fault: null }
    this.#known.set(connectionId, known)
    // Messages of an epoch are opened by keys that are in the vault by now.
    if (this.#inbox && this.#item(connectionId)?.schedule) {
      this.#show()
      await this.#inbox.take(connectionId, served)
    }
    await this.#kept.write({ view, entries, peer, note })
  }

  async #forget(connection: ConnectionId): Promise<void> {
    this.#known.delete(connection)
    await this.#kept.remove(connection)
    const name = connectionItemName(connection)
    await this.#context.vault.update((vault) =>
      vault.read(connectionItem, name) ? new Map([[name, null]]) : new Map(),
    )
  }

  /** Whoever asked: their identity as the server shows it has to be the one that signed. */
  async #learnAsker(state: ConnectionState): Promise<KeptConnection['peer']> {
    const { userId, identityKey } = peerOf(state, this.#me)
    const identity = await learnIdentity(this.#context.api, userId)
    if (!equalBytes(identity.identityKey, identityKey))
      throw new AppError('identity/changed', 'asked by another identity than the server shows')
    return { identityKey, pin: { seq: identity.seq, head: identity.head } }
  }

  /** What the server says must be what was signed. */
  #checkView(view: ConnectionView, state: ConnectionState): void {
    if (peerOf(state, this.#me).userId !== view.peer.userId)
      throw new AppError('identity/changed', 'the server names another person than the log')
    const isAsker = state.requester.userId === this.#me
    const isOpen = state.epoch < 0
    const fits =
      view.state === 'ended' ||
      view.state === 'blocked' ||
      (view.state === 'friends' ? !isOpen : isOpen && (view.state === 'asking') === isAsker)
    if (!fits) throw new AppError('connection/fork', 'the server says otherwise than the log')
  }

  async #openNote(view: ConnectionView, state: ConnectionState): Promise<string | null> {
    if (!view.note || view.state !== 'asked') return null
    return this.#context.crypto.openNote(view.connectionId, this.#context.secrets.agreement, view.note, state.note)
  }

  async #itemFor(view: ConnectionView): Promise<ConnectionItem | null> {
    const item = this.#item(view.connectionId)
    if (item || view.state === 'asked' || view.state === 'ended') return item
    // Asked or accepted on another device: its vault write came before.
    await this.#context.vault.openServed()
    const fresh = this.#item(view.connectionId)
    if (!fresh && view.state !== 'blocked')
      throw new AppError('connection/swapped-key', 'a connection this account never made')
    return fresh
  }

  async #advance(connection: ConnectionId, entries: readonly SignedEntry[]): Promise<void> {
    const { crypto, vault } = this.#context
    const advance = () =>
      this.#change(connection, (item) => {
        if ((item.pin?.length ?? 0) >= entries.length) return item
        return advanceItem(crypto, this.#me, connection, item, entries)
      })
    try {
      await advance()
    } catch (error) {
      if (!isAppError(error, 'key/unavailable')) throw error
      await vault.openServed()
      await advance()
    }
  }

  /** Once in a session: whether the friend still is who they were. */
  async #meet(connection: ConnectionId): Promise<void> {
    const item = this.#item(connection)
    if (!item || this.#met.has(connection)) return
    const { userId, identityKey, pin } = item.peer
    try {
      const identity = await learnIdentity(this.#context.api, userId, { ...pin, identityKey })
      this.#met.add(connection)
      if (identity.seq > pin.seq)
        await this.#change(connection, (now) => ({
          ...now,
          peer: { ...now.peer, pin: { seq: identity.seq, head: identity.head } },
        }))
    } catch (error) {
      if (!isAppError(error) || isPassing(error)) throw error
      const known = this.#known.get(connection)
      if (known) this.#known.set(connection, { ...known, fault: error })
      this.#show()
      throw error
    }
  }

  async #rotate(
    connection: ConnectionId,
    lastSeq: number,
    reason: RotateReason,
    closes: RotateEntry['closes'],
  ): Promise<void> {
    const { crypto, secrets } = this.#context
    const { state } = this.#requireFriend(connection)
    const { epoch, head } = state as ConnectionState
    const peer = peerOf(state as ConnectionState, this.#me).keys as PublicKeys
    const body = { epoch: epoch + 1, prev: head, reason, closes, createdAt: this.#now() }
    const author = { userId: this.#me, identitySeed: secrets.identitySeed }
    let written: PendingEntry | null = null
    await this.#change(connection, async (item) => {
      if (item.pending && saysSame(item.pending, body)) {
        written = item.pending
        return item
      }
      written = await crypto.makeRotate(author, peer, body)
      return { ...item, pending: written, superseded: supersededBy(item, body.prev) }
    })
    if (written) await this.#append(connection, lastSeq, (written as PendingEntry).entry)
    await this.fetch(connection)
  }

  async #append(connection: ConnectionId, ifLastSeq: number, entry: SignedEntry): Promise<void> {
    const ifHead = this.#known.get(connection)?.state?.head
    if (!ifHead) throw new AppError('connection/not-found', 'no such connection')
    const body = { ifHead, ifLastSeq, entry }
    await this.#context.api.call(appendConnectionLog, { params: { connectionId: connection }, body })
  }

  /** Requests that were written down, and never reached the server. @returns whether there were any. */
  async #sendUnsent(): Promise<boolean> {
    let hasSent = false
    for (const name of this.#context.vault.names()) {
      if (!name.startsWith('connections/')) continue
      const connectionId = name.slice('connections/'.length) as ConnectionId
      const item = this.#item(connectionId)
      if (!item?.pending || item.schedule || item.pin || this.#known.has(connectionId)) continue
      try {
        await this.#sendRequest(connectionId, item, item.pending)
        hasSent = true
      } catch (error) {
        if (!isAppError(error) || isPassing(error)) throw error
        await this.#forget(connectionId)
      }
    }
    return hasSent
  }

  async #sendRequest(connectionId: ConnectionId, item: ConnectionItem, pending: PendingEntry): Promise<void> {
    const body = { connectionId, peerId: item.peer.userId, entry: pending.entry, note: item.note }
    await this.#context.api.call(requestConnection, { body })
  }

  async #setDue(connection: ConnectionId, reason: RotateReason): Promise<void> {
    await this.#change(connection, (item) => ({ ...item, due: reason }))
  }

  /** Into the vault, by what it holds at that moment. */
  async #change(
    connection: ConnectionId,
    change: (item: ConnectionItem) => ConnectionItem | Promise<ConnectionItem>,
  ): Promise<void> {
    const name = connectionItemName(connection)
    await this.#context.vault.update(async (vault) => {
      const item = vault.read(connectionItem, name)
      if (!item) return new Map()
      const next = await change(item)
      return next === item ? new Map() : new Map([[name, encodeItem(connectionItem, next)]])
    })
  }

  #newestKeys(connection: ConnectionId): SendingKeys {
    const item = this.#item(connection)
    const newest = item?.epochs.find(({ epoch }) => epoch === item.schedule?.epoch)
    if (!newest) throw new AppError('key/unavailable', 'no key of the newest epoch')
    return newest
  }

  #requireFriend(connection: ConnectionId): Known {
    const known = this.#require(connection)
    if (known.fault) throw known.fault
    if (known.view.state !== 'friends' || !known.state) throw new AppError('connection/refused', 'not friends now')
    return known
  }

  #require(connection: ConnectionId): Known {
    const known = this.#known.get(connection)
    if (!known) throw new AppError('connection/not-found', 'no such connection')
    return known
  }

  #item(connection: ConnectionId): ConnectionItem | null {
    return this.#context.vault.read(connectionItem, connectionItemName(connection))
  }

  #replay(connection: ConnectionId, entries: readonly SignedEntry[]): ConnectionState {
    const item = this.#item(connection)
    const me = { userId: this.#me, identityKey: publicKeyOf(this.#context.secrets.identitySeed) }
    const expected = item ? [me, item.peer] : [me]
    return replayConnection(connection, entries, { expected, ...(item?.pin ? { pin: item.pin } : {}) })
  }

  async #author() {
    const { userId, identitySeed } = this.#context.secrets
    return {
      userId,
      identitySeed,
      identityHead: (await this.#context.identity()).head,
      identityKey: publicKeyOf(identitySeed),
    }
  }

  /** What was known stays on the screen, with what is wrong now. */
  #setFault(view: ConnectionView, fault: AppError): void {
    const known = this.#known.get(view.connectionId)
    const blank = { view, entries: [], peer: null, note: null, state: null }
    this.#known.set(view.connectionId, { ...(known ?? blank), fault })
  }

  #show(): void {
    this.list.value = [...this.#known.values()].map((known): Connection => {
      const { view, state, note, fault } = known
      const item = this.#item(view.connectionId)
      const identityKey = item?.peer.identityKey ?? known.peer?.identityKey ?? new Uint8Array(32)
      return {
        connectionId: view.connectionId,
        peer: { ...view.peer, identityKey },
        state: view.state,
        isVerified: item?.isVerified ?? false,
        note,
        createdAt: state?.createdAt ?? view.createdAt,
        expiresAt: state?.expiresAt ?? view.createdAt + REQUEST_TTL_MS,
        fault,
      }
    })
  }
}

function mergeFloors(known: readonly Floor[], added: readonly Floor[]): Floor[] {
  const merged = new Map(known.map((floor) => [`${floor.senderId}.${floor.deviceId}.${floor.from}`, floor]))
  for (const floor of added) {
    const place = `${floor.senderId}.${floor.deviceId}.${floor.from}`
    if ((merged.get(place)?.counter ?? -1) < floor.counter) merged.set(place, floor)
  }
  return [...merged.values()]
}

/**
 * Whether what was written down, before a crash or by another device, is what would be written now: what it closes has
 * to be every message that there is, or one that both have seen would count as sent too late.
 */
function saysSame({ entry }: PendingEntry, { prev, closes }: Pick<RotateEntry, 'prev' | 'closes'>): boolean {
  const written = decodeUnverified(rotateEntry, entry.bytes)
  return equalBytes(written.prev, prev) && listOf(written.closes) === listOf(closes)
}

const listOf = (closes: RotateEntry['closes']): string =>
  closes
    .map(({ senderId, deviceId, counter }) => `${senderId}.${deviceId}.${counter}`)
    .sort()
    .join()

/** What was written down to follow the same entry, and may be on its way still. */
function supersededBy({ pending, superseded = [] }: ConnectionItem, head: Bytes): PendingEntry[] {
  return [...superseded, ...(pending ? [pending] : [])]
    .filter(({ entry }) => equalBytes(decodeUnverified(rotateEntry, entry.bytes).prev, head))
    .slice(-SUPERSEDED_MAX)
}
