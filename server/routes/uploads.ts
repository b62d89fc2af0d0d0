import { Metadata } from '@tus/server'
import type { Context, Middleware } from 'koa'
import { AppError } from '../../shared/errors.ts'
import { UPLOADS_PATH } from '../../shared/wire/media.ts'
import type { Objects } from '../media/objects.ts'
import { CHECKSUM_ALGORITHMS, expectedChecksum, parseChecksum } from '../uploads/upload-store.ts'
import type { Uploads } from '../uploads/uploads.ts'
import { type Api, actorOf } from './api.ts'

export function registerUploads({ router, guard, deps }: Api, uploads: Uploads, objects: Objects): void {
  const signedIn = guard({ auth: 'person', limit: 'object' })

  const checkNew: Middleware = async (ctx, next) => {
    const key = uploads.keyOf(parseMetadata(ctx.get('upload-metadata')))
    const actor = actorOf(ctx)
    await objects.requireWrite(key, { actor, lease: '' })
    const length = Number(ctx.get('upload-length'))
    if (!(length > 0)) throw new AppError('request/invalid', 'Upload-Length is missing')
    if (length > deps.config.objectMaxBytes) throw new AppError('request/too-large', 'the object is too large')
    if (actor.kind === 'person') await uploads.requireFew(actor.userId, key, length)
    await objects.requireRoom(length, await uploads.pending())
    await next()
  }

  /** Only whoever may write the object goes on with its upload. */
  const checkKnown: Middleware = async (ctx, next) => {
    const upload = await uploads.find(String(ctx.params.id))
    await objects.requireWrite(uploads.keyOf(upload.metadata ?? {}), { actor: actorOf(ctx), lease: '' })
    if (ctx.method === 'HEAD') await uploads.finishIfWhole(upload)
    await next()
  }

  const pass: Middleware = async (ctx: Context) => {
    const checksum = parseChecksum(ctx.get('upload-checksum'))
    if (checksum === undefined) throw new AppError('request/invalid', 'Upload-Checksum is not one that is offered')
    ctx.respond = false
    ctx.res.statusCode = 200
    await expectedChecksum.run(checksum, () => uploads.tus.handle(ctx.req, ctx.res))
  }

  router.options(UPLOADS_PATH, (ctx) => {
    ctx.set({
      'Tus-Resumable': '1.0.0',
      'Tus-Version': '1.0.0',
      'Tus-Extension': 'creation,creation-with-upload,expiration,termination,checksum',
      'Tus-Checksum-Algorithm': CHECKSUM_ALGORITHMS.join(','),
      'Tus-Max-Size': String(deps.config.objectMaxBytes),
    })
    ctx.status = 204
  })
  router.post(UPLOADS_PATH, signedIn, checkNew, pass)
  router.register(`${UPLOADS_PATH}/:id`, ['HEAD', 'PATCH', 'DELETE'], [signedIn, checkKnown, pass])
}

function parseMetadata(header: string): Record<string, string | null> {
  try {
    return Metadata.parse(header)
  } catch (cause) {
    throw new AppError('request/invalid', 'Upload-Metadata is not as tus 1.0 has it', { cause })
  }
}
