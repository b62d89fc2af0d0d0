import * as z from 'zod/mini'
import { messageTtl } from './connections.ts'
import { bytes, deviceId, hash, mediaId, natural, timeMs, userId } from './primitives.ts'

/** `type` in a message's header (docs/protocol.md §5). */
export const MESSAGE_TYPES = { text: 1, media: 2, reaction: 3, edit: 4, delete: 5, settings: 6 } as const
export type MessageType = keyof typeof MESSAGE_TYPES

/** Another message of the same conversation. */
export const messageRef = z.strictObject({ senderId: userId, deviceId, counter: natural })
export type MessageRef = z.output<typeof messageRef>

/** When its author wrote it, by their clock: shown, never used for order. Missing in the oldest known answers. */
const common = { sentAt: z.optional(timeMs), ttlMs: z.optional(messageTtl) }
/** UTF-16 units. */
export const TEXT_MAX = 20_000
const text = z.string().check(z.maxLength(TEXT_MAX))

/** An item with its keys; the server grants the friend its ciphertext. */
export const mediaReference = z.strictObject({
  mediaId,
  contentKey: bytes(32),
  kind: z.enum(['photo', 'video', 'audio', 'voice', 'file']),
  name: z.string().check(z.maxLength(255)),
  /** MIME type as the sender's device told it; readers allow-list before they act on it. */
  type: z.string().check(z.maxLength(127)),
  sizeBytes: natural,
  width: z.optional(natural),
  height: z.optional(natural),
  durationMs: z.optional(natural),
  thumbhash: z.optional(z.string().check(z.maxLength(64), z.regex(/^[\w-]+$/))),
  hasThumb: z.boolean(),
  /** 64 peaks of a voice note, 0 to 31 each. */
  waveform: z.optional(z.array(z.int().check(z.gte(0), z.lte(31))).check(z.maxLength(64))),
})
export type MediaReference = z.output<typeof mediaReference>

/** So many edits go with a deletion, the newest; whoever edits more often leaves the first ones, sealed, at the server. */
export const EDITS_MAX = 256

/** Body of a message, by its type: UTF-8 JSON. */
export const messageBodies = {
  text: z.strictObject({ text, reply: z.optional(messageRef), ...common }),
  media: z.strictObject({ media: mediaReference, text: z.optional(text), reply: z.optional(messageRef), ...common }),
  /** `emoji` null takes the reaction back; the newest of a person counts. */
  reaction: z.strictObject({ target: messageRef, emoji: z.nullable(z.string().check(z.maxLength(32))), ...common }),
  /** By the target's sender. */
  edit: z.strictObject({ target: messageRef, text, ...common }),
  /**
   * For both, by the target's sender. `hash` stands for the message, whose ciphertext the server no longer has; so do
   * those of its edits, which go with it.
   */
  delete: z.strictObject({
    target: messageRef,
    hash,
    edits: z.optional(z.array(z.strictObject({ deviceId, counter: natural, hash })).check(z.maxLength(EDITS_MAX))),
    ...common,
  }),
  /** Messages after this one disappear after `disappearAfterMs`. */
  settings: z.strictObject({ disappearAfterMs: messageTtl, ...common }),
} as const
export type MessageBody<T extends MessageType = MessageType> = z.output<(typeof messageBodies)[T]>

/** Up to where a device has received, resp. read, each device of the other side: the highest counter without a gap. */
const mark = z.strictObject({ senderId: userId, deviceId, counter: natural })
const marks = z.array(mark).check(z.maxLength(256))
/** Counters, both ends included. */
export const counterRange = z.tuple([natural, natural])
export type CounterRange = z.output<typeof counterRange>
/** So many ranges for each device are told apart; then the oldest become one. */
export const NEVER_MAX = 8
/** `never`: what is below the mark and did not come all the same, since the server had it no more. */
const never = z.optional(z.array(counterRange).check(z.maxLength(NEVER_MAX)))
export const receiptBody = z.strictObject({
  delivered: z.array(z.extend(mark, { never })).check(z.maxLength(256)),
  /** null: this person does not tell. */
  read: z.nullable(marks),
})
export type ReceiptBody = z.output<typeof receiptBody>
