import { join } from 'node:path'
import type { Upload } from '@tus/server'
import { Server } from '@tus/server'
import { AppError, isAppError } from '../../shared/errors.ts'
import { parseMediaId, parseObjectId } from '../../shared/format/ids.ts'
import { UPLOADS_PATH } from '../../shared/wire/media.ts'
import type { BlobKey } from '../blobs/blob-store.ts'
import type { Deps } from '../deps.ts'
import type { Objects } from '../media/objects.ts'
import { CheckedStore } from './checked-store.ts'

/** Resumable uploads by tus 1.0; a finished one becomes an object. */
export function createUploads(deps: Deps, objects: Objects) {
  const { config } = deps
  const store = new CheckedStore({
    directory: config.folders.uploads,
    expirationPeriodInMilliseconds: config.uploadExpiryMs,
  })
  const tus = new Server({
    path: UPLOADS_PATH,
    datastore: store,
    // Behind a proxy we do not know what people call us.
    relativeLocation: true,
    maxSize: config.objectMaxBytes,
    onUploadFinish: async (_request, upload) => {
      try {
        await adopt(upload)
      } catch (error) {
        const isConflict = isAppError(error, 'object/conflict')
        if (!isConflict) deps.logger.error({ err: error }, 'an upload could not be kept')
        throw { status_code: isConflict ? 409 : 500, body: isConflict ? 'Conflict\n' : 'Internal error\n' }
      }
      return {}
    },
  })

  /** The object that an upload becomes; the rights were checked when it was made. */
  async function adopt(upload: Upload): Promise<void> {
    const staged = await deps.blobs.adopt(join(store.directory, upload.id))
    await objects.settle(keyOf(upload.metadata ?? {}), staged, { fence: null, onlyAgain: false })
    await store.remove(upload.id)
  }

  return {
    tus,
    /** @throws {AppError} `request/invalid` when the metadata does not name an object. */
    keyOf,
    /** @throws {AppError} `request/not-found` */
    async find(id: string): Promise<Upload> {
      try {
        return await store.getUpload(id)
      } catch (cause) {
        throw new AppError('request/not-found', 'there is no such upload', { cause })
      }
    },
    /** All bytes came, but the process died before they became an object. */
    async finishIfWhole(upload: Upload): Promise<void> {
      if (upload.size !== undefined && upload.offset === upload.size) await adopt(upload)
    },
    sweep: async (): Promise<void> => {
      await store.deleteExpired()
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
