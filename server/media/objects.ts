import { AppError } from '../../shared/errors.ts'
import type { MediaId, ObjectId } from '../../shared/format/ids.ts'
import type { Actor } from '../actor.ts'
import type { BlobKey, StagedBlob } from '../blobs/blob-store.ts'
import type { ObjectRow } from '../db/rows.ts'
import type { Deps } from '../deps.ts'
import type { Jobs } from '../jobs/jobs.ts'
import { requireLiveMedia } from './store.ts'

/** Who writes an object: the author while uploading (`fence` null), or a worker under its lease. */
export type WriteRight = {
  readonly fence: number | null /** The item is complete: only what is there already may be sent again. */
  readonly onlyAgain: boolean
}

/** Sealed objects: written once, never changed. */
export function createObjects(deps: Deps, jobs: Jobs) {
  const { db, blobs, clock, config } = deps
  const locks = new Map<string, Promise<unknown>>()

  return {
    /** @throws {AppError} `media/not-found`, `group/forbidden`, `job/lease-lost` */
    async requireWrite(actor: Actor, mediaId: MediaId, leaseHeader: string): Promise<WriteRight> {
      const media = await requireLiveMedia(db, mediaId, actor)
      if (actor.kind === 'worker') {
        const { fence } = await jobs.requireLease(db, actor, mediaId, leaseHeader)
        return { fence, onlyAgain: false }
      }
      if (media.author_id !== actor.userId) throw new AppError('group/forbidden', 'only the author uploads')
      return { fence: null, onlyAgain: media.state === 'ready' }
    },

    /** @throws {AppError} `storage/full` where the instance's own limit would be passed. */
    async requireRoom(bytes: number): Promise<void> {
      if (config.storageMaxBytes === null) return
      const row = await db<ObjectRow>('objects').sum({ used: 'size_bytes' }).first()
      if (Number(row?.used ?? 0) + bytes > config.storageMaxBytes) throw new AppError('storage/full', 'no room left')
    },

    /**
     * Makes what was staged an object. The same bytes again change nothing; other bytes under an id are refused.
     * @returns whether it is new. @throws {AppError} `object/conflict`, `group/forbidden`, `storage/full`
     */
    async settle(key: BlobKey, staged: StagedBlob, right: WriteRight): Promise<boolean> {
      // Two requests for one id must not both find it free.
      return exclusively(`${key.mediaId}/${key.objectId}`, async () => {
        const place = { media_id: key.mediaId, object_id: key.objectId }
        const known = await db<ObjectRow>('objects').where(place).first()
        if (known) {
          await blobs.discard(staged)
          if (!known.sha256.equals(Buffer.from(staged.sha256)))
            throw new AppError('object/conflict', 'another object has this id')
          return false
        }
        if (right.onlyAgain) {
          await blobs.discard(staged)
          throw new AppError('group/forbidden', 'the item is complete')
        }
        await this.requireRoom(staged.sizeBytes).catch(async (error: unknown) => {
          await blobs.discard(staged)
          throw error
        })
        await blobs.commit(staged, key)
        const { sizeBytes: size_bytes } = staged
        const sha256 = Buffer.from(staged.sha256)
        await db<ObjectRow>('objects').insert({
          ...place,
          size_bytes,
          sha256,
          fence: right.fence,
          created_at: clock.now(),
        })
        return true
      })
    },

    /** @throws {AppError} `media/not-found`, `object/not-found` */
    async find(actor: Actor, mediaId: MediaId, objectId: ObjectId): Promise<ObjectRow> {
      await requireLiveMedia(db, mediaId, actor)
      const row = await db<ObjectRow>('objects').where({ media_id: mediaId, object_id: objectId }).first()
      if (!row) throw new AppError('object/not-found', 'there is no such object')
      return row
    },

    open: blobs.open,
  }

  async function exclusively<T>(name: string, action: () => Promise<T>): Promise<T> {
    const before = locks.get(name) ?? Promise.resolve()
    const mine = before.then(action, action)
    const settled = mine.catch(() => undefined)
    locks.set(name, settled)
    try {
      return await mine
    } finally {
      if (locks.get(name) === settled) locks.delete(name)
    }
  }
}
export type Objects = ReturnType<typeof createObjects>
