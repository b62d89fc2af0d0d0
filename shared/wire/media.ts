import * as z from 'zod/mini'
import { jobView } from './jobs.ts'
import { bytes, groupId, mediaId, memberId, natural, objectId, timeMs, userId } from './primitives.ts'
import { queryNumber, route } from './route.ts'

/** A sealed signed document and its revision: card, worker document (docs/protocol.md §7). */
export const sealedDocument = z.strictObject({ revision: natural, sealed: bytes(28, 131_072) })
/** nonce(12) ‖ key(32) ‖ tag(16). */
export const wrappedKey = bytes(60)

export const newMedia = z.strictObject({
  mediaId,
  groupId,
  epoch: natural,
  wrappedContent: wrappedKey,
  wrappedCard: wrappedKey,
  /** Revision 1. */
  card: sealedDocument,
})
export const mediaRecord = z.strictObject({
  ...newMedia.shape,
  authorId: userId,
  state: z.enum(['uploading', 'ready', 'deleted']),
  workerDocument: z.nullable(z.strictObject({ ...sealedDocument.shape, workerId: memberId })),
  job: z.nullable(jobView),
  createdAt: timeMs,
  /** Grows with every change in the group: where to go on from. */
  changeSeq: natural,
})
export type NewMedia = z.output<typeof newMedia>
export type MediaRecord = z.output<typeof mediaRecord>

const one = z.strictObject({ mediaId })

export const createMedia = route('POST', '/api/media', { body: newMedia, reply: mediaRecord })
/** Newest first, at most 200 and 4 MiB. `before` is the `next` of the page before. */
export const listMedia = route('GET', '/api/groups/:groupId/media', {
  params: z.strictObject({ groupId }),
  query: z.strictObject({
    before: z.optional(z.string().check(z.regex(/^\d{1,16}\.[\w-]{22}$/))),
    limit: z.optional(queryNumber),
  }),
  reply: z.strictObject({ items: z.array(mediaRecord), next: z.nullable(z.string()), changeSeq: natural }),
})
/** What changed after `since`, oldest change first, deleted items included; `more` says to ask again. */
export const listMediaChanges = route('GET', '/api/groups/:groupId/media/changes', {
  params: z.strictObject({ groupId }),
  query: z.strictObject({ since: queryNumber }),
  reply: z.strictObject({ items: z.array(mediaRecord), more: z.boolean() }),
})
export const readMedia = route('GET', '/api/media/:mediaId', { params: one, reply: mediaRecord })
/** Refused with `log/conflict` unless `revision` is the stored one + 1. The author, or an admin of the group. */
export const writeCard = route('PUT', '/api/media/:mediaId/card', {
  params: one,
  body: sealedDocument,
  reply: mediaRecord,
})
/** The original is stored: the item is shown to all and gets its job. Idempotent. */
export const finishMedia = route('POST', '/api/media/:mediaId/ready', {
  params: one,
  body: z.strictObject({ originalId: objectId }),
  reply: mediaRecord,
})
/** Hidden at once, erased after the time for undo (1 h). */
export const deleteMedia = route('DELETE', '/api/media/:mediaId', { params: one })
export const restoreMedia = route('POST', '/api/media/:mediaId/restore', { params: one, reply: mediaRecord })
/** By the worker that holds the lease named in `X-Kith-Lease`; `revision` must be greater than the stored one. */
export const writeWorkerDocument = route('PUT', '/api/media/:mediaId/worker-document', {
  params: one,
  body: sealedDocument,
})

/** Sealed objects are bytes, not JSON: `PUT` (up to `putMaxBytes`), `GET` and `HEAD` with Range, ETag, If-Range. */
export const OBJECT_PATH = '/api/media/:mediaId/objects/:objectId'
/** tus 1.0 endpoint for larger objects; `Upload-Metadata: mediaId …, objectId …`. */
export const UPLOADS_PATH = '/api/uploads'
/** `<jobId>.<fence>`: under which lease a worker writes. */
export const LEASE_HEADER = 'x-kith-lease'
/** Every request that changes state carries it: a foreign page cannot send it without a preflight. */
export const CUSTOM_HEADER = 'x-kith'

export function objectPath(media: z.output<typeof mediaId>, object: z.output<typeof objectId>): string {
  return `/api/media/${media}/objects/${object}`
}
