import { type AppError, isAppError } from '../../shared/errors.ts'
import { listBlocks, type Person } from '../../shared/wire/people.ts'
import { isPassing } from '../app/passing.ts'
import { Signal } from '../app/signal.ts'
import type { ConnectionBook } from './book.ts'
import { learnIdentity } from './people.ts'

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

  /** Asks the server whom. @throws {AppError} where it cannot be asked now */
  async read(): Promise<void> {
    const { people } = await this.#book.context.api.call(listBlocks)
    this.list.value = await Promise.all(people.map(({ userId }) => this.#named(userId)))
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
