import type { PendingEntry } from '../../shared/crypto/connection-keys.ts'
import { AppError, isAppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import { type ConnectionState, type PublicKeys, peerOf } from '../../shared/logs/connection.ts'
import { type RotateEntry, type RotateReason, rotateEntry } from '../../shared/logs/connection-entries.ts'
import { decodeUnverified } from '../../shared/logs/signed.ts'
import type { MessageTtl } from '../../shared/wire/connections.ts'
import type { ConnectionBook } from './book.ts'
import { rotationDue } from './due.ts'
import { type ConnectionItem, SUPERSEDED_MAX } from './item.ts'
import type { Meeting } from './meeting.ts'
import type { SendingKeys, Sent } from './types.ts'
import { closable, writersIn } from './writers.ts'

const TRIES = 4

export type RotationPorts = {
  /** What was sent in a conversation, as verified. */
  sent(connection: ConnectionId): Promise<Sent>
  fetch(connection: ConnectionId): Promise<void>
}

/** Keys to send with: changed first where that is due; vault, then log, then use. */
export class Rotation {
  readonly #book: ConnectionBook
  readonly #sent: RotationPorts['sent']
  readonly #fetch: RotationPorts['fetch']
  readonly #meeting: Meeting
  /** When the password was last set anew; `undefined`: not asked since the start. */
  #resetAt: number | null | undefined

  constructor(book: ConnectionBook, meeting: Meeting, { sent, fetch }: RotationPorts) {
    this.#book = book
    this.#meeting = meeting
    this.#sent = sent
    this.#fetch = fetch
  }

  async sendingKeys(connection: ConnectionId, ttlMs: MessageTtl): Promise<SendingKeys> {
    await this.#meeting.meet(connection)
    if (this.#resetAt === undefined) this.#resetAt = (await this.#book.context.identity()).changedAt
    const resetAt = this.#resetAt
    await this.#rotateWhile(connection, (state, sent) => this.#dueFor(connection, state, sent, resetAt, ttlMs))
    return this.#book.newestKeys(connection)
  }

  /** As `Connections.keysAtHand`. */
  keysAtHand(connection: ConnectionId, ttlMs: MessageTtl, sent: Sent): SendingKeys | null {
    const resetAt = this.#resetAt
    if (resetAt === undefined || this.#meeting.isDue(connection)) return null
    const { state } = this.#book.requireFriend(connection)
    const isDue = this.#dueFor(connection, state as ConnectionState, sent, resetAt, ttlMs) !== null
    return isDue ? null : this.#book.newestKeys(connection)
  }

  #dueFor(connection: ConnectionId, state: ConnectionState, sent: Sent, resetAt: number | null, ttlMs: MessageTtl) {
    const asked = { due: this.#book.item(connection)?.due ?? null, resetAt, ttlMs }
    return rotationDue(state, this.#book.me, sent, asked, this.#book.now())
  }

  async endSpentEpoch(connection: ConnectionId): Promise<void> {
    await this.#meeting.meet(connection)
    await this.#rotateWhile(connection, (_, { isSpent }) => (isSpent ? 'disappearing' : null))
  }

  async #rotateWhile(
    connection: ConnectionId,
    reasonFor: (state: ConnectionState, sent: Sent) => RotateReason | null,
  ): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const state = this.#book.requireFriend(connection).state as ConnectionState
      const sent = await this.#sent(connection)
      const reason = reasonFor(state, sent)
      if (!reason) return
      // Taken again and again, and never shown: nobody waits for that for ever.
      if (attempt > TRIES) throw new AppError('server/bad-answer', 'the log does not show the keys that it took')
      try {
        await this.#rotate(connection, state, reason, sent)
      } catch (error) {
        const isRace = isAppError(error, 'log/conflict') || isAppError(error, 'connection/behind')
        if (!isRace || attempt === TRIES) throw error
        // The entry may be in the log, and only its answer was lost; else the next one says what is true now.
        await this.#fetch(connection)
      }
    }
  }

  /** @param state that the reason is about: where the log has moved on meanwhile, the server refuses it as a race. */
  async #rotate(
    connection: ConnectionId,
    state: ConnectionState,
    reason: RotateReason,
    { counters, lastSeq }: Sent,
  ): Promise<void> {
    const { crypto, secrets } = this.#book.context
    const { epoch, head, closes: closed } = state
    const { userId, keys } = peerOf(state, this.#book.me)
    const peer = keys as PublicKeys
    const writers = writersIn(epoch, (before) => closed.get(before), counters)
    const closes = closable(writers, [this.#book.me, userId])
    const body = { epoch: epoch + 1, prev: head, reason, closes, createdAt: this.#book.now() }
    const author = { userId: this.#book.me, identitySeed: secrets.identitySeed }
    let written: PendingEntry | null = null
    await this.#book.change(connection, async (item) => {
      // Asked once more after a lost race: what was made for the vault that lost is in none.
      written = null
      // Another device was faster: what it has written down follows a newer entry, and must stay.
      if (item.pin && item.pin.length > state.length) return item
      if (item.pending && saysSame(item.pending, body)) {
        written = item.pending
        return item
      }
      written = await crypto.makeRotate(author, peer, body)
      return { ...item, pending: written, superseded: supersededBy(item, body.prev) }
    })
    if (written) await this.#book.append(connection, head, lastSeq, (written as PendingEntry).entry)
    await this.#fetch(connection)
  }
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
