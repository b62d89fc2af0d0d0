import * as z from 'zod/mini'
import { isObjectName } from '../format/object-name.ts'
import { natural } from './primitives.ts'

/** What lies in a rendition set; never a path that leads out of it. */
const objectName = z.string().check(z.startsWith('r/'), z.refine(isObjectName, 'not an object name'))
const rendition = z.strictObject({
  name: z.string().check(z.regex(/^\d{1,5}p$/)),
  width: natural,
  height: natural,
  /** Peak, in bits each second. */
  bandwidth: natural,
  codecs: z.string().check(z.maxLength(64)),
})

/** What the worker found out and made; the body of its sealed document (docs/protocol.md §7). */
export const workerDocument = z.strictObject({
  v: z.literal(1),
  /** `partial`: playable, more renditions are being made. `nothing-to-do`: the original serves as it is. */
  status: z.enum(['partial', 'ready', 'nothing-to-do', 'failed']),
  kind: z.optional(z.enum(['video', 'image', 'audio'])),
  set: z.optional(z.string().check(z.regex(/^[\w-]{22}$/))),
  master: z.optional(objectName),
  poster: z.optional(objectName),
  /** base64url */
  thumbhash: z.optional(z.string().check(z.maxLength(64), z.regex(/^[\w-]+$/))),
  durationMs: z.optional(natural),
  /** As people see it: upright, square pixels. */
  width: z.optional(natural),
  height: z.optional(natural),
  renditions: z.optional(z.array(rendition).check(z.maxLength(8))),
  /** What the source is, for the curious. */
  probe: z.optional(
    z.strictObject({
      videoCodec: z.string().check(z.maxLength(64)),
      audioCodec: z.nullable(z.string().check(z.maxLength(64))),
      frameRate: z.number(),
      bitRate: natural,
      rotation: natural,
      hdr: z.boolean(),
    }),
  ),
  reason: z.optional(
    z.strictObject({ code: z.string().check(z.maxLength(64)), message: z.string().check(z.maxLength(512)) }),
  ),
})
export type WorkerDocument = z.output<typeof workerDocument>
