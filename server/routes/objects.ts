import type { Context } from 'koa'
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
  router.put(OBJECT_PATH, guard(policy), async (ctx) => {
    const key = keyOf(ctx)
    const declared = Number(ctx.get('content-length') || 0)
    if (declared > deps.config.putMaxBytes) throw new AppError('request/too-large', 'larger objects go by tus')
    const right = await objects.requireWrite(actorOf(ctx), key.mediaId, ctx.get(LEASE_HEADER))
    await objects.requireRoom(declared)
    const staged = await deps.blobs.stage(ctx.req, { maxBytes: deps.config.putMaxBytes })
    if (declared !== 0 && staged.sizeBytes !== declared) {
      await deps.blobs.discard(staged)
      throw new AppError('request/invalid', 'the body was cut short')
    }
    ctx.status = (await objects.settle(key, staged, right)) ? 201 : 204
  })

  const read = async (ctx: Context) => {
    const { mediaId, objectId } = keyOf(ctx)
    const object = await objects.find(actorOf(ctx), mediaId, objectId)
    await answerObject(ctx, object, objects)
  }
  router.get(OBJECT_PATH, guard(policy), read)
  router.head(OBJECT_PATH, guard(policy), read)
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
  if (ctx.get('if-none-match') === etag) {
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
