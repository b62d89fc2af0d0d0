import type { DeviceDb, EffectRow, MessageRow, OutboxRow } from '../../shared/device/db.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import type { ConnectionId, MediaId } from '../../shared/format/ids.ts'
import { type OutboxContent, outboxContent, type RowKey, type SavedMessage, savedMessage } from './rows.ts'
import { type ConversationState, conversationState, emptyState } from './state.ts'

/** Where a message stands in a conversation: lamport, then place. */
export type Position = readonly [lamport: number, place: string]
export type Kept = { readonly row: MessageRow; readonly saved: SavedMessage }
export type KeptEffect = { readonly row: EffectRow; readonly saved: SavedMessage }
export type Waiting = { readonly row: OutboxRow; readonly content: OutboxContent }

/** What happens together or not at all. */
export type Changes = {
  readonly state?: ConversationState
  readonly messages?: readonly Kept[]
  readonly removed?: readonly Position[]
  readonly effects?: readonly KeptEffect[]
  readonly removedEffects?: readonly (readonly [target: string, place: string])[]
  readonly outbox?: readonly Waiting[]
  readonly sent?: readonly number[]
  readonly granted?: ReadonlyMap<MediaId, Bytes>
  /** Items that a message named which is gone: their keys go with the last one that names them, in whatever conversation. */
  readonly unnamed?: readonly MediaId[]
}

const STORES = ['conversations', 'messages', 'effects', 'outbox', 'granted'] as const
const END = '\uffff'
/** Several screens full. */
const OPENED_MAX = 512

/** Conversations on this device. Everything that is read or written lies sealed; keys and positions do not. */
export class ChatStore {
  readonly #open: () => Promise<DeviceDb>
  readonly #key: RowKey
  readonly #opened = new Map<string, { readonly sealed: Bytes; readonly saved: SavedMessage }>()

  constructor(open: () => Promise<DeviceDb>, key: RowKey) {
    this.#open = open
    this.#key = key
  }

  async readState(id: ConnectionId): Promise<ConversationState> {
    const sealed = await (await this.#open()).get('conversations', id)
    return sealed ? this.#key.open(conversationState, sealed, id) : emptyState()
  }

  /** One transaction: a crash leaves all of it or nothing. */
  async commit(id: ConnectionId, changes: Changes): Promise<void> {
    const { state, messages = [], effects = [], outbox = [], removed = [], removedEffects = [], sent = [] } = changes
    const sealedState = state && (await this.#key.seal(conversationState, state, id))
    const messageRows = await Promise.all(messages.map((one) => this.#sealKept(id, one)))
    const effectRows = await Promise.all(effects.map((one) => this.#sealKept(id, one)))
    const outboxRows = await Promise.all(outbox.map((one) => this.#sealWaiting(one)))
    // What is sent later must not be forgotten by a power cut in between: else a counter would be used twice.
    const durability = outboxRows.length > 0 ? 'strict' : 'default'
    const transaction = (await this.#open()).transaction(STORES, 'readwrite', { durability })
    const at = (name: (typeof STORES)[number]) => transaction.objectStore(name)
    await Promise.all([
      ...(sealedState ? [at('conversations').put(sealedState, id)] : []),
      ...removed.map((position) => at('messages').delete([id, ...position])),
      ...removedEffects.map((key) => at('effects').delete([id, ...key])),
      ...sent.map((order) => at('outbox').delete([id, order])),
      ...messageRows.map((row) => at('messages').put(row)),
      ...effectRows.map((row) => at('effects').put(row)),
      ...outboxRows.map((row) => at('outbox').put(row)),
      ...[...(changes.granted ?? [])].map(async ([media, sealed]) => {
        // The first key that opened an item stays: a later message must not take it away.
        if (!(await transaction.objectStore('granted').get(media))) at('granted').put(sealed, media)
      }),
      // Asked after what is put and deleted above: a transaction does one thing after the other.
      ...(changes.unnamed ?? []).map(async (media) => {
        const isNamed = (await transaction.objectStore('messages').index('byMedia').count(media)) > 0
        if (!isNamed) await transaction.objectStore('granted').delete(media)
      }),
      transaction.done,
    ])
  }

  async positions(id: ConnectionId, from = 0): Promise<Position[]> {
    const keys = await (await this.#open()).getAllKeys('messages', IDBKeyRange.bound([id, from], [id, []]))
    return keys.map(([, lamport, place]) => [lamport, place])
  }

  /** From one position to another, both included, with what changes them. */
  async read(id: ConnectionId, first: Position, last: Position): Promise<{ kept: Kept; effects: KeptEffect[] }[]> {
    const transaction = (await this.#open()).transaction(['messages', 'effects'])
    const range = IDBKeyRange.bound([id, ...first], [id, ...last])
    const rows = await transaction.objectStore('messages').getAll(range)
    const found = await Promise.all(
      rows.map(({ place }) => transaction.objectStore('effects').getAll(effectsRange(id, place))),
    )
    return Promise.all(
      rows.map(async (row, index) => ({
        kept: await this.#openKept(id, row),
        effects: await Promise.all((found[index] ?? []).map((effect) => this.#openKept(id, effect))),
      })),
    )
  }

  /** Places of the messages of a conversation that carry an item. `effects`: of those that other devices alone show. */
  async placesOf(id: ConnectionId, media: MediaId, of: 'messages' | 'effects' = 'messages'): Promise<string[]> {
    const keys = await (await this.#open()).getAllKeysFromIndex(of, 'byMedia', media)
    return keys.flatMap(([connection, , place]) => (connection === id ? [place] : []))
  }

  async newest(id: ConnectionId): Promise<Position | null> {
    const { store } = (await this.#open()).transaction('messages')
    const cursor = await store.openKeyCursor(IDBKeyRange.bound([id], [id, []]), 'prev')
    return cursor ? [cursor.key[1], cursor.key[2]] : null
  }

  async find(id: ConnectionId, place: string): Promise<Kept | null> {
    const row = await (await this.#open()).getFromIndex('messages', 'byPlace', [id, place])
    return row ? this.#openKept(id, row) : null
  }

  async findEffect(id: ConnectionId, place: string): Promise<KeptEffect | null> {
    const row = await (await this.#open()).getFromIndex('effects', 'byPlace', [id, place])
    return row ? this.#openKept(id, row) : null
  }

  async effectsOn(id: ConnectionId, target: string): Promise<KeptEffect[]> {
    const rows = await (await this.#open()).getAll('effects', effectsRange(id, target))
    return Promise.all(rows.map((row) => this.#openKept(id, row)))
  }

  async outbox(id: ConnectionId): Promise<Waiting[]> {
    const rows = await (await this.#open()).getAll('outbox', IDBKeyRange.bound([id], [id, []]))
    return Promise.all(
      rows.map(async (row) => ({ row, content: await this.#key.open(outboxContent, row.sealed, outboxPlace(row)) })),
    )
  }

  async waitingAt(id: ConnectionId, order: number): Promise<Waiting | null> {
    const row = await (await this.#open()).get('outbox', [id, order])
    return row ? { row, content: await this.#key.open(outboxContent, row.sealed, outboxPlace(row)) } : null
  }

  /** Conversations that have something to send. */
  async waiting(): Promise<ConnectionId[]> {
    const keys = await (await this.#open()).getAllKeys('outbox')
    return [...new Set(keys.map(([id]) => id))]
  }

  /** What is to disappear by now. */
  async expired(now: number): Promise<{ messages: MessageRow[]; effects: EffectRow[] }> {
    const transaction = (await this.#open()).transaction(['messages', 'effects'])
    const range = IDBKeyRange.upperBound(now)
    const [messages, effects] = await Promise.all([
      transaction.objectStore('messages').index('byExpiry').getAll(range),
      transaction.objectStore('effects').index('byExpiry').getAll(range),
    ])
    return { messages, effects }
  }

  /** When something disappears next. */
  async nextExpiry(): Promise<number | null> {
    const transaction = (await this.#open()).transaction(['messages', 'effects'])
    const cursors = await Promise.all([
      transaction.objectStore('messages').index('byExpiry').openKeyCursor(),
      transaction.objectStore('effects').index('byExpiry').openKeyCursor(),
    ])
    const times = cursors.flatMap((cursor) => (cursor ? [cursor.key] : []))
    return times.length === 0 ? null : Math.min(...times)
  }

  /** Forgets a conversation whole. */
  async forget(id: ConnectionId): Promise<void> {
    const transaction = (await this.#open()).transaction(
      ['conversations', 'messages', 'effects', 'outbox'],
      'readwrite',
    )
    const range = IDBKeyRange.bound([id], [id, []])
    await Promise.all([
      transaction.objectStore('conversations').delete(id),
      transaction.objectStore('messages').delete(range),
      transaction.objectStore('effects').delete(range),
      transaction.objectStore('outbox').delete(range),
      transaction.done,
    ])
  }

  async #sealKept<R extends MessageRow>(id: ConnectionId, { row, saved }: { row: R; saved: SavedMessage }): Promise<R> {
    return { ...row, sealed: await this.#key.seal(savedMessage, saved, `${id}/${row.place}`) }
  }

  /** What a screen shows is asked for again with each change: bytes that were opened lately are not opened again. */
  async #openKept<R extends MessageRow>(id: ConnectionId, row: R): Promise<{ row: R; saved: SavedMessage }> {
    const place = `${id}/${row.place}`
    const known = this.#opened.get(place)
    this.#opened.delete(place)
    const isSame = known !== undefined && equalBytes(known.sealed, row.sealed)
    const saved = isSame ? known.saved : await this.#key.open(savedMessage, row.sealed, place)
    this.#opened.set(place, { sealed: row.sealed, saved })
    for (const oldest of this.#opened.keys()) {
      if (this.#opened.size <= OPENED_MAX) break
      this.#opened.delete(oldest)
    }
    return { row, saved }
  }

  async #sealWaiting({ row, content }: Waiting): Promise<OutboxRow> {
    return { ...row, sealed: await this.#key.seal(outboxContent, content, outboxPlace(row)) }
  }
}

const outboxPlace = ({ connectionId, order }: OutboxRow) => `${connectionId}/outbox/${order}`
const effectsRange = (id: ConnectionId, target: string) => IDBKeyRange.bound([id, target], [id, target, END])
