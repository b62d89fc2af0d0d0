import type { ErrorCode } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { ConnectionId, DeviceId, UserId } from '../../shared/format/ids.ts'
import type { MessageType, ReceiptBody } from '../../shared/wire/message-body.ts'

/** Everything about a message that its header says, and what it is to carry. */
export type ToSeal = {
  readonly messageSecret: Bytes
  readonly identitySeed: Bytes
  readonly connectionId: ConnectionId
  readonly epoch: number
  readonly senderId: UserId
  readonly deviceId: DeviceId
  readonly counter: number
  readonly lamport: number
  readonly prev: Bytes
  readonly ack: Bytes
  readonly type: MessageType
  /** JSON by the type's schema. */
  readonly body: string
}
/** `prev` is taken from one to the next. */
export type SealedMessage = { readonly bytes: Bytes; readonly hash: Bytes }

/** `messageSecret` null: its epoch is not known here, or gone. */
export type ToOpen = {
  readonly sealed: Bytes
  readonly connectionId: ConnectionId
  readonly messageSecret: Bytes | null
  readonly identityKey: Bytes
}
export type OpenedMessage = {
  readonly type: MessageType
  readonly epoch: number
  readonly senderId: UserId
  readonly deviceId: DeviceId
  readonly counter: number
  readonly lamport: number
  readonly prev: Bytes
  readonly ack: Bytes
  readonly hash: Bytes
  readonly body: string
}
/** A message that was refused says why; the others of its batch stay good. */
export type OpenResult = { readonly message: OpenedMessage } | { readonly code: ErrorCode }

export type ReceiptOf = {
  readonly connectionId: ConnectionId
  readonly senderId: UserId
  readonly deviceId: DeviceId
  readonly revision: number
}

/** What chats need of libsodium: done in the crypto Web Worker (`sealing.ts`). */
export type ChatCrypto = {
  sealMessages(messages: readonly ToSeal[]): Promise<SealedMessage[]>
  openMessages(messages: readonly ToOpen[]): Promise<OpenResult[]>
  sealPeerReceipt(
    of: ReceiptOf,
    keys: { epoch: number; messageSecret: Bytes; identitySeed: Bytes },
    body: ReceiptBody,
  ): Promise<Bytes>
  openPeerReceipt(
    of: ReceiptOf,
    keys: { messageSecret: Bytes; identityKey: Bytes },
    sealed: Bytes,
  ): Promise<ReceiptBody>
  sealOwnReceipt(of: ReceiptOf, accountKey: Bytes, body: ReceiptBody): Promise<Bytes>
  openOwnReceipt(of: ReceiptOf, accountKey: Bytes, sealed: Bytes): Promise<ReceiptBody>
  sealTyping(connectionId: ConnectionId, senderId: UserId, messageSecret: Bytes, now: number): Promise<Bytes>
  /** @returns when it was said; null: not by the friend. */
  openTyping(connectionId: ConnectionId, senderId: UserId, messageSecret: Bytes, sealed: Bytes): Promise<number | null>
}
