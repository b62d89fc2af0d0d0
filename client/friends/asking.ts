import type { PendingEntry } from '../../shared/crypto/connection-keys.ts'
import { newConnectionId } from '../../shared/crypto/random.ts'
import { AppError, isAppError } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import type { ConnectionState, PublicKeys } from '../../shared/logs/connection.ts'
import { hashEntry, type SignedEntry } from '../../shared/logs/signed.ts'
import { REQUEST_TTL_MS, requestConnection } from '../../shared/wire/connections.ts'
import type { Person } from '../../shared/wire/people.ts'
import { isPassing, isRefusal } from '../app/passing.ts'
import type { ConnectionBook, Known } from './book.ts'
import { type ConnectionItem, connectionItem, connectionItemName, encodeConnectionItem } from './item.ts'
import { checkKeyHash, learnIdentity } from './people.ts'

/** How a connection begins: asked, and accepted. Into the vault first, so that a crash loses no key. */
export class Asking {
  readonly #book: ConnectionBook

  constructor(book: ConnectionBook) {
    this.#book = book
  }

  /**
   * Asks somebody. Written into the vault first: a program that ends in between sends the very same request again.
   * @param keyHash what a personal link says of their key.
   * @throws {AppError} `connection/exists`, `connection/refused`, `identity/changed`, …
   */
  async request(person: Person, note: string | null, keyHash?: Bytes): Promise<ConnectionId> {
    const { api, crypto, vault } = this.#book.context
    const identity = await learnIdentity(api, person.userId)
    if (identity.username !== person.username) throw new AppError('identity/changed', 'another name than was found')
    if (keyHash) checkKeyHash(identity.identityKey, keyHash)
    const connectionId = newConnectionId()
    const now = this.#book.now()
    const what = { note: note?.trim() ? note.trim() : null, now, expiresAt: now + REQUEST_TTL_MS }
    const made = await crypto.makeRequest(connectionId, await this.#book.author(), identity, what)
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
    await vault.update(() => new Map([[connectionItemName(connectionId), encodeConnectionItem(item)]]))
    try {
      await this.#sendRequest(connectionId, item, made.pending)
    } catch (error) {
      // Else the server may have it: without these keys the friend's answer would look like that of somebody in between.
      if (isRefusal(error)) await vault.update(() => new Map([[connectionItemName(connectionId), null]]))
      throw error
    }
    return connectionId
  }

  /** @throws {AppError} `connection/expired`, `connection/refused`, `identity/changed`, … */
  async accept(connection: ConnectionId): Promise<void> {
    const known = this.#book.require(connection)
    const [request] = known.entries
    if (known.view.state !== 'asked' || !request || !known.state)
      throw new AppError('connection/forbidden', 'nothing to accept')
    // Written down by a program that ended before it was sent, or on another device: the very same entry goes.
    if (!this.#book.item(connection)) await this.#writeAccept(known, known.state, request)
    const written = this.#book.item(connection)?.pending
    if (written) await this.#book.append(connection, known.state.head, known.view.lastSeq, written.entry)
  }

  async #writeAccept({ view, peer }: Known, { requester }: ConnectionState, request: SignedEntry): Promise<void> {
    if (!peer) throw new AppError('connection/forbidden', 'nobody is known to have asked')
    const pending = await this.#book.context.crypto.makeAccept(
      request,
      await this.#book.author(),
      requester.keys as PublicKeys,
      this.#book.now(),
    )
    const item: ConnectionItem = {
      peer: { userId: view.peer.userId, ...peer },
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
    await this.#book.context.vault.update((vault) => {
      const name = connectionItemName(view.connectionId)
      return vault.read(connectionItem, name) ? new Map() : new Map([[name, encodeConnectionItem(item)]])
    })
  }

  /** Requests that were written down, and never reached the server. @returns whether there were any. */
  async sendUnsent(): Promise<boolean> {
    let hasSent = false
    for (const connectionId of this.#book.ids()) {
      const item = this.#book.item(connectionId)
      if (!item?.pending || item.schedule || item.pin || this.#book.known.has(connectionId)) continue
      try {
        await this.#sendRequest(connectionId, item, item.pending)
        hasSent = true
      } catch (error) {
        if (isRefusal(error)) await this.#book.forget(connectionId)
        // One that the server stumbles over holds up nothing else; it goes again with the next catching up.
        else if (!isAppError(error) || isPassing(error)) throw error
      }
    }
    return hasSent
  }

  async #sendRequest(connectionId: ConnectionId, item: ConnectionItem, pending: PendingEntry): Promise<void> {
    const body = { connectionId, peerId: item.peer.userId, entry: pending.entry, note: item.note }
    await this.#book.context.api.call(requestConnection, { body })
  }
}
