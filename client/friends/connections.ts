import { isAppError } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { ConnectionId, UserId } from '../../shared/format/ids.ts'
import type { RotateReason } from '../../shared/logs/connection-entries.ts'
import { denyConnection, endConnection, type MessageTtl, type StoredMessage } from '../../shared/wire/connections.ts'
import type { Person } from '../../shared/wire/people.ts'
import type { Signal } from '../app/signal.ts'
import { Asking } from './asking.ts'
import { blockedUntil } from './block-items.ts'
import { Blocks } from './blocks.ts'
import { ConnectionBook, type ConnectionsContext } from './book.ts'
import { CatchingUp } from './catching-up.ts'
import { mergeFloors } from './floors.ts'
import { Meeting } from './meeting.ts'
import { Rotation } from './rotation.ts'
import type { Closes, Connection, Connections, Floor, Inbox, SendingKeys, Sent } from './types.ts'

const NOTHING_SENT: Sent = { counters: [], lives: [], isSpent: false, lastSeq: 0 }

/** Friends of the account that is unlocked: logs verified against their pins, keys in the vault before they are used. */
export class FriendConnections implements Connections {
  readonly list: Signal<readonly Connection[]>
  readonly blocks: Blocks
  readonly #book: ConnectionBook
  readonly #asking: Asking
  readonly #catchingUp: CatchingUp
  readonly #meeting: Meeting
  readonly #rotation: Rotation
  readonly #looked = new Set<ConnectionId>()

  constructor(context: ConnectionsContext) {
    this.#book = new ConnectionBook(context)
    this.list = this.#book.list
    this.blocks = new Blocks(this.#book)
    this.#asking = new Asking(this.#book)
    this.#catchingUp = new CatchingUp(this.#book, () => this.#asking.sendUnsent())
    this.#meeting = new Meeting(this.#book)
    this.#rotation = new Rotation(this.#book, this.#meeting, {
      sent: async (connection) => (await this.#catchingUp.inbox?.sent(connection)) ?? NOTHING_SENT,
      fetch: (connection) => this.fetch(connection),
    })
  }

  /** What the device keeps; what does not verify waits for the server. */
  openKept(): Promise<void> {
    return this.#book.openKept()
  }

  setInbox(inbox: Inbox): void {
    this.#catchingUp.inbox = inbox
  }

  async catchUp(): Promise<void> {
    const before = this.#blockedHere()
    await this.#catchingUp.catchUp()
    await this.#meeting.meetAll()
    const lifted = this.#lifted()
    // Another of one's devices has blocked somebody, or let them come back.
    if (this.#blockedHere() === before && lifted.length === 0) return
    await this.#book.context.vault.openServed()
    await this.blocks.read()
    this.#book.show()
    // What they said meanwhile was ignored.
    for (const connection of lifted) if (this.get(connection)?.state !== 'blocked') await this.fetch(connection)
  }

  /** Who is blocked by the vault as it was last read, and by the server no more: looked at once, as it may only say so. */
  #lifted(): ConnectionId[] {
    const lifted: ConnectionId[] = []
    for (const [connection, { view }] of this.#book.known) {
      const isOpen = view.state !== 'blocked' && view.state !== 'ended'
      const isBlocked = blockedUntil(this.#book.context.vault, view.peer.userId) !== null
      if (!isOpen || !isBlocked) this.#looked.delete(connection)
      else if (!this.#looked.has(connection)) lifted.push(connection)
    }
    for (const connection of lifted) this.#looked.add(connection)
    return lifted
  }

  fetch(connection: ConnectionId): Promise<void> {
    return this.#catchingUp.fetch(connection)
  }

  arrived(connection: ConnectionId, message: StoredMessage): Promise<void> {
    return this.#catchingUp.arrived(connection, message)
  }

  sendingKeys(connection: ConnectionId, ttlMs: MessageTtl): Promise<SendingKeys> {
    return this.#rotation.sendingKeys(connection, ttlMs)
  }

  keysAtHand(connection: ConnectionId, ttlMs: MessageTtl, sent: Sent): SendingKeys | null {
    return this.#rotation.keysAtHand(connection, ttlMs, sent)
  }

  endSpentEpoch(connection: ConnectionId): Promise<void> {
    return this.#rotation.endSpentEpoch(connection)
  }

  /**
   * Asks somebody. @param keyHash what a personal link says of their key.
   * @throws {AppError} `connection/exists`, `connection/refused`, `identity/changed`, …
   */
  async request(person: Person, note: string | null, keyHash?: Bytes): Promise<ConnectionId> {
    const connection = await this.#asking.request(person, note, keyHash)
    await this.catchUp()
    return connection
  }

  /** @throws {AppError} `connection/expired`, `connection/refused`, `identity/changed`, … */
  async accept(connection: ConnectionId): Promise<void> {
    await this.#asking.accept(connection)
    await this.catchUp()
  }

  get(connection: ConnectionId): Connection | null {
    return this.list.value.find(({ connectionId }) => connectionId === connection) ?? null
  }

  newestEpoch(connection: ConnectionId): number | null {
    return this.#book.item(connection)?.schedule?.epoch ?? null
  }

  messageSecret(connection: ConnectionId, epoch: number): Bytes | null {
    return this.#book.item(connection)?.epochs.find((one) => one.epoch === epoch)?.messageSecret ?? null
  }

  closesOf(connection: ConnectionId, epoch: number): Closes | null {
    return this.#book.known.get(connection)?.state?.closes.get(epoch) ?? null
  }

  floorsOf(connection: ConnectionId): readonly Floor[] {
    return this.#book.item(connection)?.floors ?? []
  }

  async forgetEpochs(connection: ConnectionId, epochs: readonly number[], floors: readonly Floor[]): Promise<void> {
    await this.#book.change(connection, (item) => {
      const newest = item.schedule?.epoch
      return {
        ...item,
        // What is sent next still goes under the newest one.
        epochs: item.epochs.filter(({ epoch }) => epoch === newest || !epochs.includes(epoch)),
        floors: mergeFloors(item.floors, floors),
      }
    })
  }

  async deny(connection: ConnectionId): Promise<void> {
    await this.#book.context.api.call(denyConnection, { params: { connectionId: connection } })
    await this.catchUp()
  }

  /** Withdraws a request, resp. removes a friend. */
  async end(connection: ConnectionId): Promise<void> {
    await this.#book.context.api.call(endConnection, { params: { connectionId: connection } })
    await this.catchUp()
  }

  async block(user: UserId): Promise<void> {
    const theirs = this.list.value.filter(({ peer }) => peer.userId === user)
    const sent = await Promise.all(theirs.map(({ connectionId }) => this.#catchingUp.inbox?.sent(connectionId)))
    await this.blocks.add(
      user,
      sent.flatMap((one) => one?.counters ?? []),
    )
    await this.#afterBlock()
  }

  /** Keys change before the next message: who was blocked may have listened at the server meanwhile. */
  async unblock(user: UserId): Promise<void> {
    for (const { connectionId, peer } of this.list.value) {
      if (peer.userId === user && this.#book.item(connectionId)?.schedule)
        await this.#book.setDue(connectionId, 'unblocked')
    }
    await this.blocks.remove(user)
    await this.#afterBlock()
    // What a server took of them meanwhile was ignored; it is part of what they say next.
    for (const { connectionId, peer } of this.list.value) if (peer.userId === user) await this.fetch(connectionId)
  }

  async #afterBlock(): Promise<void> {
    this.#book.show()
    await this.#catchingUp.catchUp()
    await this.blocks.read()
  }

  #blockedHere(): string {
    return this.list.value.flatMap(({ connectionId, state }) => (state === 'blocked' ? connectionId : [])).join()
  }

  /** The person compared the safety number, or scanned it. */
  async setVerified(connection: ConnectionId, isVerified: boolean): Promise<void> {
    await this.#book.change(connection, (item) => ({ ...item, isVerified }))
    this.#book.show()
  }

  /** Keys of every connection change before its next message: by the vault, since a new device has fetched none yet. */
  async setAllDue(reason: RotateReason): Promise<void> {
    for (const connection of this.#book.ids()) {
      try {
        if (this.#book.item(connection)?.schedule) await this.#book.setDue(connection, reason)
      } catch (error) {
        // Nothing can be sent there any more; the others must not keep their keys for it.
        if (!isAppError(error, 'connection/full')) throw error
      }
    }
  }
}
