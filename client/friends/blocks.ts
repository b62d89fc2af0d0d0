import { type AppError, isAppError } from '../../shared/errors.ts'
import type { UserId } from '../../shared/format/ids.ts'
import { block, listBlocks, type Person, unblock } from '../../shared/wire/people.ts'
import { isPassing } from '../app/passing.ts'
import { Signal } from '../app/signal.ts'
import { encodeItem } from '../vault/items.ts'
import { blockedIn, blockItem, blockItemName, DEVICES_MAX } from './block-items.ts'
import type { ConnectionBook } from './book.ts'
import { learnIdentity } from './people.ts'
import type { Sent } from './types.ts'

/** Somebody whom this account has blocked, under the name that they signed; `fault`: no name of theirs was verified. */
export type Blocked = Person & { readonly fault: AppError | null }

/**
 * Whom this account has blocked. A list of its own: a block outlives the request or the friendship that it ended, and
 * whoever cannot see it cannot lift it.
 */
export class Blocks {
  readonly list = new Signal<readonly Blocked[]>([])
  readonly #book: ConnectionBook
  /** As verified since the start: a name never changes. */
  readonly #names = new Map<Person['userId'], string>()

  constructor(book: ConnectionBook) {
    this.#book = book
  }

  /** Asks the server whom, and the vault. @throws {AppError} where the server cannot be asked now */
  async read(): Promise<void> {
    const { api, vault } = this.#book.context
    const { people } = await api.call(listBlocks)
    const all = new Set([...people.map(({ userId }) => userId), ...blockedIn(vault)])
    this.list.value = await Promise.all([...all].map((userId) => this.#named(userId)))
  }

  /** Into the vault first: a device that dies then ignores them, and they can still be let back. */
  async add(user: UserId, sent: Sent['counters']): Promise<void> {
    const until = sent
      .filter(({ senderId }) => senderId === user)
      .map(({ deviceId, counter }) => ({ deviceId, counter }))
      .slice(-DEVICES_MAX)
    const name = blockItemName(user)
    const { api, vault } = this.#book.context
    // What was ignored since an earlier block stays ignored.
    await vault.update((now) =>
      now.read(blockItem, name) ? new Map() : new Map([[name, encodeItem(blockItem, { until })]]),
    )
    await api.call(block, { params: { userId: user } })
  }

  async remove(user: UserId): Promise<void> {
    const name = blockItemName(user)
    const { api, vault } = this.#book.context
    // In this order: other devices hear of it from the server, and then find it in the vault.
    await vault.update((now) => (now.read(blockItem, name) ? new Map([[name, null]]) : new Map()))
    await api.call(unblock, { params: { userId: user } })
  }

  async #named(userId: Person['userId']): Promise<Blocked> {
    try {
      const username = this.#names.get(userId) ?? (await this.#nameOf(userId))
      this.#names.set(userId, username)
      return { userId, username, fault: null }
    } catch (error) {
      if (!isAppError(error) || isPassing(error)) throw error
      return { userId, username: '', fault: error }
    }
  }

  /** Of a friend, what is pinned of them counts. */
  async #nameOf(userId: Person['userId']): Promise<string> {
    const known = this.#book.list.value.find(({ peer }) => peer.userId === userId && peer.username !== '')
    return known?.peer.username ?? (await learnIdentity(this.#book.context.api, userId)).username
  }
}
