import * as z from 'zod/mini'
import { ERROR_CODES } from '../errors.ts'
import { mediaId } from './primitives.ts'

/**
 * Page → Service Worker. The two may be of different versions, and so messages are only ever extended: what is here stays,
 * more fields are optional and pass those who do not know them (docs/decisions/messages-are-only-extended.md).
 */
export const pageMessage = z.discriminatedUnion('type', [
  /** After a hard reload the page has no controller: take it. */
  z.object({ type: z.literal('claim') }),
  /** A new version waits and the person agreed (workbox's name). */
  z.object({ type: z.literal('SKIP_WAITING') }),
  /** Keys are gone or new: forget what is in memory. */
  z.object({ type: z.literal('forget') }),
])
/** Service Worker → pages, by the same rule. */
export const workerMessage = z.discriminatedUnion('type', [
  /** Why an item's bytes were refused, so that the player can say it. */
  z.object({ type: z.literal('media-error'), mediaId, objectName: z.string(), code: z.enum(ERROR_CODES) }),
  /** A notification was tapped: go there. */
  z.object({ type: z.literal('open'), path: z.string().check(z.regex(/^\/(?!\/)/)) }),
  /** What the page said is in no message that this worker knows. */
  z.object({ type: z.literal('unknown') }),
])
export type PageMessage = z.output<typeof pageMessage>
export type WorkerMessage = z.output<typeof workerMessage>
export type MediaFault = Extract<WorkerMessage, { type: 'media-error' }>

export const MEDIA_PREFIX = '/media/'
/** In the query of a playlist: its player begins at the beginning, so that the first segment can be on its way. */
export const FROM_START = 'from-start'
/** Path under which the Service Worker answers an object of an item in plain. */
export function mediaUrl(media: z.output<typeof mediaId>, objectName: string): string {
  return `${MEDIA_PREFIX}${media}/${objectName.split('/').map(encodeURIComponent).join('/')}`
}
