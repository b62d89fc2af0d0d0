import type { Context, Middleware } from 'koa'
import { AppError } from '../../shared/errors.ts'
import { parseMediaId, parseObjectId } from '../../shared/format/ids.ts'
import { LEASE_HEADER, OBJECT_PATH } from '../../shared/wire/media.ts'
import type { BlobKey } from '../blobs/blob-store.ts'
import type { ObjectRow } from '../db/rows.ts'
import type { Objects } from '../media/objects.ts'
import { parseRange } from '../media/range.ts'
import { type Api, actorOf } from './api.ts'

const policy = { auth: 'member-or-worker', limit: 'object' } as const

export function registerObjects({ router, guard, deps }: Api, objects: Objects): void {
  router.put(OBJECT_PATH, closeUnread, guard(policy), async (ctx) => {
    const key = keyOf(ctx)
    const declared = Number(ctx.get('content-length') || 0)
    const maxBytes = Math.min(deps.config.putMaxBytes, deps.config.objectMaxBytes)
    if (declared > maxBytes) throw new AppError('request/too-large', 'larger objects go by tus')
    const writer = { actor: actorOf(ctx), lease: ctx.get(LEASE_HEADER) }
    await objects.requireWrite(key, writer)
    await objects.requireRoom(declared)
    const staged = await deps.blobs.stage(ctx.req, { maxBytes })
    if (staged.sizeBytes === 0 || (declared !== 0 && staged.sizeBytes !== declared)) {
      await deps.blobs.discard(staged)
      throw new AppError('request/invalid', 'the body is empty or was cut short')
    }
    ctx.status = (await objects.settle(key, staged, writer)) ? 201 : 204
  })

  const read = async (ctx: Context) => {
    const object = await objects.find(actorOf(ctx), keyOf(ctx))
    await answerObject(ctx, object, objects)
  }
  router.get(OBJECT_PATH, guard(policy), read)
}

/** Where a request is refused before its body was read, the rest of the body must not be taken for the next request. */
const closeUnread: Middleware = async (ctx, next) => {
  try {
    await next()
  } catch (error) {
    if (!ctx.req.complete) ctx.set('Connection', 'close')
    throw error
  }
}

function keyOf(ctx: Context): BlobKey {
  try {
    return { mediaId: parseMediaId(ctx.params.mediaId), objectId: parseObjectId(ctx.params.objectId) }
  } catch (cause) {
    throw new AppError('object/not-found', 'there is no such object', { cause })
  }
}

async function answerObject(ctx: Context, object: ObjectRow, objects: Objects): Promise<void> {
  const etag = `"${object.sha256.toString('base64url')}"`
  ctx.set('ETag', etag)
  ctx.set('Accept-Ranges', 'bytes')
  ctx.set('Cache-Control', 'private, max-age=31536000, immutable')
  // Ciphertext is no page, whatever a browser thinks to see in it.
  ctx.set('Content-Security-Policy', "default-src 'none'; sandbox")
  ctx.type = 'application/octet-stream'
  const known = ctx.get('if-none-match').split(',')
  if (known.some((tag) => ['*', etag, `W/${etag}`].includes(tag.trim()))) {
    ctx.status = 304
    return
  }
  const ifRange = ctx.get('if-range')
  const size = object.size_bytes
  const answer = ifRange === '' || ifRange === etag ? parseRange(ctx.get('range'), size) : { kind: 'whole' as const }
  if (answer.kind === 'unsatisfiable') {
    ctx.set('Content-Range', `bytes */${size}`)
    throw new AppError('request/range', 'the object ends before that')
  }
  const range = answer.kind === 'part' ? answer.range : { start: 0, end: size }
  ctx.status = answer.kind === 'part' ? 206 : 200
  if (answer.kind === 'part') ctx.set('Content-Range', `bytes ${range.start}-${range.end - 1}/${size}`)
  if (ctx.method !== 'HEAD') {
    const body = await objects.open({ mediaId: object.media_id, objectId: object.object_id }, range)
    if (!body) throw new AppError('object/not-found', 'the object is gone')
    ctx.body = body
    ctx.type = 'application/octet-stream'
  }
  ctx.length = range.end - range.start
}
