import * as z from 'zod/mini'
import { importAesKey, openAes, sealAes } from '../../shared/crypto/aes-gcm.ts'
import { hkdf } from '../../shared/crypto/hkdf.ts'
import { AppError, ERROR_CODES } from '../../shared/errors.ts'
import { type Bytes, fromUtf8, utf8 } from '../../shared/format/bytes.ts'
import { parseDeviceId, parseUserId } from '../../shared/format/ids.ts'
import {
  MESSAGE_TYPES,
  type MessageBody,
  type MessageRef,
  type MessageType,
  messageBodies,
  TEXT_MAX,
} from '../../shared/wire/message-body.ts'
import { bytes, mediaId, natural, timeMs } from '../../shared/wire/primitives.ts'

const type = z.enum(Object.keys(MESSAGE_TYPES) as [MessageType, ...MessageType[]])

/** A verified message as it lies on the device: its JSON stays as it was signed. */
export const savedMessage = z.strictObject({
  /** One's own keep the key that they had in the outbox. */
  key: z.string(),
  type,
  body: z.string(),
  hash: bytes(32),
  /** Of the message before it, by the same device. */
  prev: bytes(32),
  /** Number at the server. */
  seq: natural,
  sentAt: timeMs,
  /** Taken back for both: `body` is empty. */
  isDeleted: z.boolean(),
})
export type SavedMessage = z.output<typeof savedMessage>

/** What waits to be sent. */
export const outboxContent = z.strictObject({
  key: z.string(),
  type,
  body: z.string(),
  createdAt: timeMs,
  /** Waits for the person: why it was refused. */
  failed: z.nullable(z.enum(ERROR_CODES)),
  /** The item whose upload has to be complete before. */
  awaits: z.nullable(mediaId),
  /** Of the sealed message; zero while there is none. */
  lamport: natural,
  hash: z.nullable(bytes(32)),
  prev: z.nullable(bytes(32)),
})
export type OutboxContent = z.output<typeof outboxContent>

/**
 * What chats keep on the device is sealed under a key of the account key: it outlives a lock, and opens offline after
 * the next unlock.
 */
export class RowKey {
  readonly #key: CryptoKey

  private constructor(key: CryptoKey) {
    this.#key = key
  }

  static async from(accountKey: Bytes): Promise<RowKey> {
    return new RowKey(await importAesKey(await hkdf(accountKey, '', 'kith/v1/device-chat', 32)))
  }

  /** @param place where it lies: bytes that were moved elsewhere do not open. */
  async seal<T extends z.ZodMiniType>(schema: T, value: z.output<T>, place: string): Promise<Bytes> {
    return sealAes(this.#key, utf8(JSON.stringify(z.encode(schema, value))), utf8(place))
  }

  /** @throws {AppError} `vault/tampered` */
  async open<T extends z.ZodMiniType>(schema: T, sealed: Bytes, place: string): Promise<z.output<T>> {
    try {
      return z.decode(schema, JSON.parse(fromUtf8(await openAes(this.#key, sealed, utf8(place)))))
    } catch (cause) {
      throw new AppError('vault/tampered', 'a row of a conversation does not open', { cause })
    }
  }
}

/** Types with a line of their own in the conversation; the others change such a line. */
export type VisibleType = 'text' | 'media' | 'settings'
export const isVisible = (type: MessageType): type is VisibleType =>
  type === 'text' || type === 'media' || type === 'settings'

export function placeOf({ senderId, deviceId, counter }: MessageRef): string {
  return `${senderId}.${deviceId}.${counter}`
}

/** @throws {AppError} `format/invalid` */
export function refOf(place: string): MessageRef {
  const [sender = '', device = '', counter = ''] = place.split('.')
  return { senderId: parseUserId(sender), deviceId: parseDeviceId(device), counter: Number(counter) }
}

/** @throws when it is not of the form of its type; checked when it came, so that then it is a mistake of the program. */
export function bodyOf<T extends MessageType>(type: T, json: string): MessageBody<T> {
  return z.decode(messageBodies[type], JSON.parse(json)) as MessageBody<T>
}

/** Each character may take three bytes; sealed and padded, with an item beside it, that stays below `MESSAGE_MAX_BYTES`. */
const TEXT_MAX_BYTES = 3 * TEXT_MAX + 100

/** Whether one message holds this text. */
export function fitsMessage(text: string): boolean {
  return text.length <= TEXT_MAX && utf8(JSON.stringify(text)).length <= TEXT_MAX_BYTES
}

export function encodeBody<T extends MessageType>(type: T, body: MessageBody<T>): string {
  return JSON.stringify(z.encode(messageBodies[type] as z.ZodMiniType, body))
}
