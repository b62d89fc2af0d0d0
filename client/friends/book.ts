import { AppError, type ErrorCode, isAppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import type { ConnectionId, UserId } from '../../shared/format/ids.ts'
import { type ConnectionState, replayConnection } from '../../shared/logs/connection.ts'
import type { RotateReason } from '../../shared/logs/connection-entries.ts'
import type { SignedEntry } from '../../shared/logs/signed.ts'
import { appendConnectionLog, type ConnectionView, REQUEST_TTL_MS } from '../../shared/wire/connections.ts'
import type { Api } from '../app/api.ts'
import { Signal } from '../app/signal.ts'
import type { Secrets } from '../vault/secrets.ts'
import type { Vault } from '../vault/vault.ts'
import type { Crypto } from '../workers/crypto.ts'
import { blockedUntil } from './block-items.ts'
import {
  type ConnectionItem,
  connectionItem,
  connectionItemName,
  encodeConnectionItem,
  SUPERSEDED_MAX,
} from './item.ts'
import { type KeptConnection, KeptConnections } from './kept.ts'
import type { Connection, SendingKeys } from './types.ts'

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

/** A connection in memory: what the device keeps, and what it makes of it. `fault`: of what the server showed last. */
export type Known = KeptConnection & { readonly state: ConnectionState | null; readonly fault: AppError | null }

/** What is known of each connection: verified logs on the device, secrets in the vault. */
export class ConnectionBook {
  readonly list = new Signal<readonly Connection[]>([])
  readonly context: ConnectionsContext
  readonly kept: KeptConnections
  readonly known = new Map<ConnectionId, Known>()

  constructor(context: ConnectionsContext) {
    this.context = context
    this.kept = new KeptConnections(context.secrets.accountKey)
  }

  get me(): UserId {
    return this.context.secrets.userId
  }

  now(): number {
    return (this.context.now ?? Date.now)()
  }

  /** What the device keeps; what does not verify waits for the server. */
  async openKept(): Promise<void> {
    for (const kept of await this.kept.list()) {
      const { connectionId } = kept.view
      try {
        this.known.set(connectionId, { ...kept, state: this.replay(connectionId, kept.entries), fault: null })
      } catch (error) {
        if (!isAppError(error)) throw error
      }
    }
    this.show()
  }

  async forget(connection: ConnectionId): Promise<void> {
    this.known.delete(connection)
    await this.kept.remove(connection)
    const name = connectionItemName(connection)
    await this.context.vault.update((vault) => (vault.read(connectionItem, name) ? new Map([[name, null]]) : new Map()))
  }

  /** What was written down before is not sent any more: whoever the keys change for may have made it. */
  async setDue(connection: ConnectionId, reason: RotateReason): Promise<void> {
    await this.change(connection, ({ pending, superseded = [], ...item }) => ({
      ...item,
      due: reason,
      pending: null,
      superseded: [...superseded, ...(pending ? [pending] : [])].slice(-SUPERSEDED_MAX),
    }))
  }

  /** Connections of which the vault holds something. */
  ids(): ConnectionId[] {
    const prefix = connectionItemName('' as ConnectionId)
    const names = this.context.vault.names().filter((name) => name.startsWith(prefix))
    return names.map((name) => name.slice(prefix.length) as ConnectionId)
  }

  /** Into the vault, by what it holds at that moment. @throws {AppError} `connection/full`, of the server */
  async change(
    connection: ConnectionId,
    change: (item: ConnectionItem) => ConnectionItem | Promise<ConnectionItem>,
  ): Promise<void> {
    const name = connectionItemName(connection)
    await this.context.vault.update(async (vault) => {
      const item = vault.read(connectionItem, name)
      if (!item) return new Map()
      const next = await change(item)
      return next === item ? new Map() : new Map([[name, encodeConnectionItem(next)]])
    })
  }

  /** By compare-and-swap on the head that the entry follows. @throws {AppError} `log/conflict`, `connection/behind`, … */
  async append(connection: ConnectionId, ifHead: Bytes, ifLastSeq: number, entry: SignedEntry): Promise<void> {
    const body = { ifHead, ifLastSeq, entry }
    await this.context.api.call(appendConnectionLog, { params: { connectionId: connection }, body })
  }

  newestKeys(connection: ConnectionId): SendingKeys {
    const item = this.item(connection)
    const newest = item?.epochs.find(({ epoch }) => epoch === item.schedule?.epoch)
    if (!newest) throw new AppError('key/unavailable', 'no key of the newest epoch')
    return newest
  }

  requireFriend(connection: ConnectionId): Known {
    const known = this.require(connection)
    const fault = faultOf(known)
    if (fault) throw fault
    const isBlocked = blockedUntil(this.context.vault, known.view.peer.userId) !== null
    if (known.view.state !== 'friends' || !known.state || isBlocked)
      throw new AppError('connection/refused', 'not friends now')
    return known
  }

  require(connection: ConnectionId): Known {
    const known = this.known.get(connection)
    if (!known) throw new AppError('connection/not-found', 'no such connection')
    return known
  }

  item(connection: ConnectionId): ConnectionItem | null {
    return this.context.vault.read(connectionItem, connectionItemName(connection))
  }

  /** @param entries the whole log. @param verified what was made of its beginning before: those are not verified again. */
  replay(connection: ConnectionId, entries: readonly SignedEntry[], verified?: ConnectionState): ConnectionState {
    const item = this.item(connection)
    const me = { userId: this.me, identityKey: this.context.secrets.identityKey }
    const expected = item ? [me, item.peer] : [me]
    if (!item?.pin) return replayConnection(connection, entries, { expected })
    const { pin } = item
    // Another device may have pinned another history than the one that was verified here.
    const from = verified && verified.length <= pin.length ? verified : undefined
    const rest = from ? entries.slice(from.length) : entries
    return replayConnection(connection, rest, { expected, pin, ...(from ? { from } : {}) })
  }

  async author() {
    const { userId, identitySeed, identityKey } = this.context.secrets
    return {
      userId,
      identitySeed,
      identityHead: (await this.context.identity()).head,
      identityKey,
    }
  }

  /** What was known stays on the screen, with what is wrong now. */
  setFault(view: ConnectionView, fault: AppError): void {
    const known = this.known.get(view.connectionId)
    const blank = { view, entries: [], peer: null, note: null, state: null }
    this.known.set(view.connectionId, { ...(known ?? blank), fault })
  }

  /** What is wrong with the friend's identity; `null`: nothing. */
  async setDoubt(connection: ConnectionId, doubt: ErrorCode | null): Promise<void> {
    const known = this.known.get(connection)
    if (!known || (known.doubt ?? null) === doubt) return
    this.known.set(connection, { ...known, doubt })
    this.show()
    const { view, entries, peer, note } = known
    await this.kept.write({ view, entries, peer, note, doubt })
  }

  /** @param only where something may have changed; without it, everywhere. What did not change stays the same object. */
  show(only?: ReadonlySet<ConnectionId>): void {
    const before = new Map(this.list.value.map((one) => [one.connectionId, one]))
    const list = [...this.known.values()].map((known): Connection => {
      const shown = before.get(known.view.connectionId)
      if (shown && only && !only.has(shown.connectionId)) return shown
      const now = this.#present(known)
      return shown && isSame(shown, now) ? shown : now
    })
    const isChanged = list.length !== before.size || list.some((one) => before.get(one.connectionId) !== one)
    if (isChanged) this.list.value = list
  }

  #present(known: Known): Connection {
    const { view, state, note, peer } = known
    const item = this.item(view.connectionId)
    const signed = item?.peer ?? peer ?? { username: '', identityKey: NO_KEY }
    // The server says no more than whether they are gone.
    const username = view.peer.username && signed.username
    // Whatever the server says of it.
    const isBlocked = view.state !== 'ended' && blockedUntil(this.context.vault, view.peer.userId) !== null
    return {
      connectionId: view.connectionId,
      peer: { userId: view.peer.userId, username, identityKey: signed.identityKey },
      state: isBlocked ? 'blocked' : view.state,
      isVerified: item?.isVerified ?? false,
      note,
      createdAt: state?.createdAt ?? view.createdAt,
      expiresAt: state?.expiresAt ?? view.createdAt + REQUEST_TTL_MS,
      fault: faultOf(known),
    }
  }
}

const faultOf = ({ fault, doubt }: Known): AppError | null => fault ?? (doubt ? new AppError(doubt) : null)
const NO_KEY: Bytes = new Uint8Array(32)

function isSame(
  { peer: a, fault: before, ...one }: Connection,
  { peer: b, fault: after, ...two }: Connection,
): boolean {
  const isSamePerson = a.userId === b.userId && a.username === b.username && equalBytes(a.identityKey, b.identityKey)
  return (
    isSamePerson &&
    before?.code === after?.code &&
    Object.entries(one).every(([name, value]) => two[name as keyof typeof two] === value)
  )
}
