import { type ErrorCode, isAppError } from '../../shared/errors.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import { passAppError } from '../app/passing.ts'
import type { ConnectionBook } from './book.ts'
import { learnIdentity } from './people.ts'

/** A program that stays open for days looks again. */
const AGAIN_MS = 86_400_000
/** Asked about at the same time. */
const AT_ONCE = 8

/**
 * Whether friends still are who they were, by their identity log against what was pinned of it. A doubt outlives what
 * comes in meanwhile, and a restart: it ends once the server shows the known identity again.
 */
export class Meeting {
  readonly #book: ConnectionBook
  /** When each was last found to be who they were. */
  readonly #metAt = new Map<ConnectionId, number>()

  constructor(book: ConnectionBook) {
    this.#book = book
  }

  /** @throws {AppError} `identity/changed`, `identity/rollback`, `log/…`; where the server cannot be asked now */
  async meet(connection: ConnectionId): Promise<void> {
    const item = this.#book.item(connection)
    if (!item || !this.isDue(connection)) return
    const { userId, identityKey, pin } = item.peer
    try {
      const { seq, head } = await learnIdentity(this.#book.context.api, userId, { ...pin, identityKey })
      if (seq > pin.seq) {
        await this.#book.change(connection, (now) => ({ ...now, peer: { ...now.peer, pin: { seq, head } } }))
      }
      this.#metAt.set(connection, this.#book.now())
      await this.#book.setDoubt(connection, null)
    } catch (error) {
      if (isAppError(error) && isDoubt(error.code)) {
        this.#metAt.delete(connection)
        await this.#book.setDoubt(connection, error.code)
      }
      throw error
    }
  }

  /** Every friend, so that also whoever only reads is warned; who cannot be asked about now is so the next time. */
  async meetAll(): Promise<void> {
    const friends = [...this.#book.known.values()].filter(({ view }) => view.state === 'friends')
    const due = friends.map(({ view }) => view.connectionId).filter((id) => this.#isTime(id))
    for (let at = 0; at < due.length; at += AT_ONCE)
      await Promise.all(due.slice(at, at + AT_ONCE).map((id) => this.meet(id).catch(passAppError)))
  }

  /** Whether somebody has to be asked about first. */
  isDue(connection: ConnectionId): boolean {
    const isDoubted = (this.#book.known.get(connection)?.doubt ?? null) !== null
    return isDoubted || this.#isTime(connection)
  }

  #isTime(connection: ConnectionId): boolean {
    const metAt = this.#metAt.get(connection)
    return metAt === undefined || this.#book.now() - metAt > AGAIN_MS
  }
}

/** What an honest server never shows; that it shows nothing is no doubt about anybody. */
const isDoubt = (code: ErrorCode): boolean => code.startsWith('identity/') || code.startsWith('log/')
