import type { AppError } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { ConnectionId, DeviceId, UserId } from '../../shared/format/ids.ts'
import type { MessageTtl, StoredMessage, StoredReceipt } from '../../shared/wire/connections.ts'
import type { Person } from '../../shared/wire/people.ts'
import type { Signal } from '../app/signal.ts'

/** A friend, or somebody on the way to it, as verified on this device. */
export type Connection = {
  readonly connectionId: ConnectionId
  /** Name and key as they signed them; the name is empty where they are gone, or nothing of them was verified yet. */
  readonly peer: Person & { readonly identityKey: Bytes }
  readonly state: 'asking' | 'asked' | 'friends' | 'blocked' | 'ended'
  /** The person compared the safety number, or scanned it. */
  readonly isVerified: boolean
  /** What the one who asked wrote; opened and checked against the signed request. */
  readonly note: string | null
  readonly createdAt: number
  readonly expiresAt: number
  /** Why nothing may be sent here: the server showed something that cannot be. */
  readonly fault: AppError | null
}

/** What a conversation needs to seal its next message. */
export type SendingKeys = { readonly epoch: number; readonly messageSecret: Bytes }
/** Up to where each device's messages count in an epoch that is over (docs/protocol.md §5, `closes`). */
export type Closes = ReadonlyMap<`${UserId}.${DeviceId}`, number>

/** Messages of one device that are gone on purpose, both ends included; the hash of the last holds the chain together. */
export type Floor = {
  readonly senderId: UserId
  readonly deviceId: DeviceId
  readonly from: number
  readonly counter: number
  readonly hash: Bytes | null
}

/** What a rotation has to know of the messages. */
export type Sent = {
  /** Highest counter of each device that was verified. */
  readonly counters: readonly { readonly senderId: UserId; readonly deviceId: DeviceId; readonly counter: number }[]
  /** How long the messages of the newest epoch live: all that were ever in it. */
  readonly lives: readonly MessageTtl[]
  /** There were some, and none of them is kept any more. */
  readonly isSpent: boolean
  /** Number up to which all of it was taken, as it was at the same moment: what came after that is in none of the counters. */
  readonly lastSeq: number
}

/** Takes the messages and receipts that came with a catch-up, after the log entries beside them were verified. */
export type Inbox = {
  /** Newest message number that is known of a conversation. */
  since(connection: ConnectionId): Promise<number>
  sent(connection: ConnectionId): Promise<Sent>
  take(
    connection: ConnectionId,
    served: {
      messages: readonly StoredMessage[]
      receipts: readonly StoredReceipt[]
      /** The number that was asked from. */
      since: number
      lastSeq: number
      /** There is more: it is asked for next. */
      more: boolean
    },
  ): Promise<void>
}

/** Friends and their keys: logs, pins, rotations, vault items (`connections.ts`). */
export interface Connections {
  readonly list: Signal<readonly Connection[]>
  get(connection: ConnectionId): Connection | null
  /** Asks the server what changed, verifies it, hands messages to the inbox. One at a time; safe to call often. */
  catchUp(): Promise<void>
  /** One conversation anew from where its inbox is, whether or not the server says that it changed. */
  fetch(connection: ConnectionId): Promise<void>
  /** A message that the server told of by itself: taken where nothing before it is unknown; else it is asked. */
  arrived(connection: ConnectionId, message: StoredMessage): Promise<void>
  setInbox(inbox: Inbox): void
  /**
   * Keys to send with, rotated first where that is due.
   * @param ttlMs how long what is sent next lives.
   * @throws {AppError} `connection/refused`, `identity/changed`, `server/unreachable`, …
   */
  sendingKeys(connection: ConnectionId, ttlMs: MessageTtl): Promise<SendingKeys>
  /**
   * The same at once, where nobody has to be asked for it and nothing changes; `null`: by `sendingKeys`.
   * @param sent in this conversation, as verified.
   * @throws {AppError} as `sendingKeys`
   */
  keysAtHand(connection: ConnectionId, ttlMs: MessageTtl, sent: Sent): SendingKeys | null
  /**
   * Ends the newest epoch where nothing of it is kept any more, so that its secret can be forgotten although nobody
   * writes. Any device may, and the first one counts.
   * @throws {AppError} as `sendingKeys`
   */
  endSpentEpoch(connection: ConnectionId): Promise<void>
  /** `null`: not friends yet. */
  newestEpoch(connection: ConnectionId): number | null
  /** `null`: that epoch is not known, or its messages are gone for good. */
  messageSecret(connection: ConnectionId, epoch: number): Bytes | null
  /** `null`: the epoch is still open. */
  closesOf(connection: ConnectionId, epoch: number): Closes | null
  /** What disappeared, as any of this account's devices noted it. */
  floorsOf(connection: ConnectionId): readonly Floor[]
  /**
   * Forgets the secrets of these epochs, on every device: what the server kept of them is unreadable from now on.
   * `floors` are added in the same step: of two with the same beginning the longer one stays.
   */
  forgetEpochs(connection: ConnectionId, epochs: readonly number[], floors: readonly Floor[]): Promise<void>
}
