import { Server, type Upload } from '@tus/server'
import { AppError } from '../../shared/errors.ts'
import { parseMediaId, parseObjectId, type UserId } from '../../shared/format/ids.ts'
import { UPLOADS_PATH } from '../../shared/wire/media.ts'
import { PROBLEM_TYPE } from '../../shared/wire/problem.ts'
import type { BlobKey } from '../blobs/blob-store.ts'
import type { MediaRow } from '../db/rows.ts'
import type { Deps } from '../deps.ts'
import type { Objects, Pending } from '../media/objects.ts'
import { appErrorOf, problemOf } from '../middleware/problems.ts'
import { UploadStore } from './upload-store.ts'

/** tus calls every error plain text; ours are to be read by programs, which else could not tell one 409 from another. */
class TusServer extends Server {
  override write(...[context, headers, status, body]: Parameters<Server['write']>): ReturnType<Server['write']> {
    if (status >= 400 && body?.startsWith('{')) headers.set('Content-Type', PROBLEM_TYPE)
    return super.write(context, headers, status, body)
  }
}

/** What one account may have under way: each keeps its room until it ends or expires, and so keeps others out. */
const PENDING_MAX = 32
const PENDING_MAX_BYTES = 128 * 2 ** 30

/** Resumable uploads by tus 1.0; a finished one becomes an object. */
export function createUploads(deps: Deps, objects: Objects) {
  const { config } = deps
  const store = new UploadStore(config.folders.uploads, config.uploadExpiryMs)
  const finishing = new Map<string, Promise<void>>()
  const tus = new TusServer({
    path: UPLOADS_PATH,
    datastore: store,
    // Behind a proxy we do not know what people call us.
    relativeLocation: true,
    maxSize: config.objectMaxBytes,
    // Only our own page may read an answer.
    allowedOrigins: () => false,
    onUploadFinish: async (_request, upload) => {
      await finish(upload)
      return {}
    },
    onResponseError: (_request, error) => {
      if ('status_code' in error) return error
      const known = appErrorOf(error)
      if (known.code === 'internal') deps.logger.error({ err: error }, 'an upload could not be kept')
      const body = problemOf(known)
      return { status_code: body.status, body: JSON.stringify(body) }
    },
  })

  /** Once at a time: the last piece and a question for the offset may come together. */
  async function finish(upload: Upload): Promise<void> {
    const running = finishing.get(upload.id) ?? adopt(upload).finally(() => finishing.delete(upload.id))
    finishing.set(upload.id, running)
    await running
  }

  /** Object first, then the mark, then the bytes go: whenever the process dies, this does the rest another time. */
  async function adopt({ id, metadata, offset }: Upload): Promise<void> {
    if (await store.isFinished(id)) return
    try {
      const staged = await deps.blobs.adopt(store.pathOf(id))
      // Who may write was checked with every request of the upload.
      await objects.settle(keyOf(metadata ?? {}), staged, null)
      await store.finished(id, offset)
    } catch (error) {
      // The sweeper, or the request that it came in between with, may have been faster.
      if (!(await store.isFinished(id))) throw error
    }
  }

  async function underWay(): Promise<Upload[]> {
    const uploads = await Promise.all((await store.ids()).map((id) => store.getUpload(id).catch(() => null)))
    return uploads.filter((upload) => upload !== null)
  }

  const isWhole = ({ size, offset }: Upload) => size !== undefined && offset === size
  return {
    tus,
    /** @throws {AppError} `request/invalid` when the metadata does not name an object. */
    keyOf,
    /** @throws {AppError} `request/not-found` */
    async find(id: string): Promise<Upload> {
      try {
        if (!/^[0-9a-f]{32}$/.test(id)) throw new Error('not an upload id')
        return await store.getUpload(id)
      } catch (cause) {
        throw new AppError('request/not-found', 'there is no such upload', { cause })
      }
    },
    /** All bytes came, but the process died before they became an object. */
    async finishIfWhole(upload: Upload): Promise<void> {
      if (isWhole(upload)) await finish(upload)
    },
    /** Finishes what a crash left whole, and removes what nobody went on with. */
    async sweep(nowMs: number): Promise<void> {
      for (const id of await store.ids()) {
        try {
          const upload = await store.getUpload(id)
          if (isWhole(upload)) await finish(upload)
        } catch (err) {
          deps.logger.debug({ err }, 'an upload cannot be finished')
        }
      }
      await store.sweep(nowMs - config.uploadExpiryMs)
    },
    /** The items that still have an upload under way. */
    async mediaIds(): Promise<Set<string>> {
      return new Set((await underWay()).map(({ metadata }) => metadata?.mediaId ?? ''))
    },
    /**
     * Whether an account may begin one more. The object's upload that never got a byte gives way: its device did not
     * hear of it. @throws {AppError} `upload/too-many`
     */
    async requireFew(userId: UserId, key: BlobKey, bytes: number): Promise<void> {
      const all = (await underWay()).map((upload) => ({ upload, ...keyOf(upload.metadata ?? {}) }))
      const authored = await deps
        .db<MediaRow>('media')
        .where({ author_id: userId })
        .whereIn(
          'media_id',
          all.map(({ mediaId }) => mediaId),
        )
        .pluck('media_id')
      let count = 0
      let missingBytes = bytes
      for (const { upload, mediaId, objectId } of all) {
        if (!authored.includes(mediaId)) continue
        const { id, size = 0, offset } = upload
        if (offset === 0 && mediaId === key.mediaId && objectId === key.objectId) await store.remove(id)
        else {
          count++
          missingBytes += size - offset
        }
      }
      if (count >= PENDING_MAX || missingBytes > PENDING_MAX_BYTES)
        throw new AppError('upload/too-many', 'this account has too much under way')
    },
    async pending(): Promise<Pending> {
      const uploads = await underWay()
      const storedBytes = uploads.reduce((sum, { offset }) => sum + offset, 0)
      const missingBytes = uploads.reduce((sum, { size, offset }) => sum + (size ?? offset) - offset, 0)
      return { storedBytes, missingBytes }
    },
  }
}
export type Uploads = ReturnType<typeof createUploads>

function keyOf(metadata: Record<string, string | null>): BlobKey {
  try {
    return { mediaId: parseMediaId(metadata.mediaId ?? ''), objectId: parseObjectId(metadata.objectId ?? '') }
  } catch (cause) {
    throw new AppError('request/invalid', 'Upload-Metadata has to name mediaId and objectId', { cause })
  }
}
