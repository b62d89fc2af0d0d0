import * as z from 'zod/mini'
import { natural, timeMs } from './primitives.ts'

/** What people say about an item; the body of its sealed card (docs/protocol.md §7). */
export const card = z.strictObject({
  title: z.string().check(z.maxLength(300)),
  description: z.optional(z.string().check(z.maxLength(10_000))),
  fileName: z.string().check(z.maxLength(255)),
  /** MIME type as the device told it; readers allow-list before they act on it. */
  type: z.string().check(z.maxLength(127)),
  sizeBytes: natural,
  width: z.optional(natural),
  height: z.optional(natural),
  durationMs: z.optional(natural),
  /** When it was taken, else the file's own time. */
  capturedAt: z.optional(timeMs),
  /** base64url of a thumbhash. */
  thumbhash: z.optional(z.string().check(z.maxLength(64), z.regex(/^[\w-]+$/))),
  /** Whether there is a `thumb` object. */
  hasThumb: z.boolean(),
  /** Sent in a conversation: not shown among the items of the library. */
  inChat: z.optional(z.boolean()),
})
export type Card = z.output<typeof card>

/** What a group calls itself; the body of its sealed profile. */
export const groupProfileBody = z.strictObject({ name: z.string().check(z.minLength(1), z.maxLength(80)) })
export type GroupProfileBody = z.output<typeof groupProfileBody>
