import { AppError } from '../../shared/errors.ts'
import type { Actor } from '../actor.ts'
import type { BlobKey, StagedBlob } from '../blobs/blob-store.ts'
import { withBlob } from '../blobs/keyed-lock.ts'
import type { MediaRow, ObjectRow } from '../db/rows.ts'
import type { Db, Deps } from '../deps.ts'
import type { Jobs } from '../jobs/jobs.ts'
import { requireLiveMedia, requireReadableMedia } from './store.ts'

/** Left free for the database and for what is on its way already. */
const RESERVE_BYTES = 64 * 2 ** 20

/** What resumable uploads hold and will still bring. */
export interface Pending {
  readonly storedBytes: number
  readonly missingBytes: number
}
const NOTHING_PENDING: Pending = { storedBytes: 0, missingBytes: 0 }

/** Who wants to write: a person, or a worker under the lease that its header names. */
export interface Writer {
  readonly actor: Actor
  readonly lease: string
}

/** Sealed objects: written once, never changed. */
export function createObjects(deps: Deps, jobs: Jobs) {
  const { db, blobs, clock, config } = deps

  const findRow = (trx: Db, { mediaId, objectId }: BlobKey): Promise<ObjectRow | undefined> =>
    trx<ObjectRow>('objects').where({ media_id: mediaId, object_id: objectId }).first()

  /** The fence it is written under, `null` for the author. */
  async function requireRight(trx: Db, key: BlobKey, writer: Writer | null): Promise<number | null> {
    const media = writer
      ? await requireLiveMedia(trx, key.mediaId, writer.actor)
      : await trx<MediaRow>('media').where({ media_id: key.mediaId, deleted_at: null }).first()
    if (!media) throw new AppError('media/not-found', 'there is no such item')
    if (writer?.actor.kind === 'worker')
      return (await jobs.requireLease(trx, writer.actor, key.mediaId, writer.lease)).fence
    if (writer && media.author_id !== writer.actor.userId)
      throw new AppError('group/forbidden', 'only the author uploads')
    // What others see already stays as it is; the same bytes may come again, when the answer was lost.
    if (media.state === 'ready' && !(await findRow(trx, key))) {
      throw new AppError('object/conflict', 'the item is complete')
    }
    return null
  }

  async function keep(key: BlobKey, staged: StagedBlob, writer: Writer | null): Promise<boolean> {
    await requireRight(db, key, writer)
    const known = await findRow(db, key)
    if (known) {
      const isSame = known.size_bytes === staged.sizeBytes && known.sha256.equals(staged.sha256)
      if (!isSame) throw new AppError('object/conflict', 'another object has this id')
      return false
    }
    // Of the disk it has its part already.
    await requireQuota(staged.sizeBytes)
    await blobs.commit(staged, key)
    // The row comes last: whoever sees it finds the blob. Asked again, as much may happen while a disk writes.
    await db.transaction(async (trx) => {
      const fence = await requireRight(trx, key, writer)
      await trx<ObjectRow>('objects').insert({
        media_id: key.mediaId,
        object_id: key.objectId,
        size_bytes: staged.sizeBytes,
        sha256: Buffer.from(staged.sha256),
        fence,
        created_at: clock.now(),
      })
    })
    return true
  }

  const full = () => new AppError('storage/full', 'the server has no room left')

  /** The instance's own limit. */
  async function requireQuota(bytes: number): Promise<void> {
    if (config.storageMaxBytes === null) return
    const row = await db<ObjectRow>('objects').sum({ used: 'size_bytes' }).first()
    if (Number(row?.used ?? 0) + bytes > config.storageMaxBytes) throw full()
  }

  /** Of the instance's own limit, and of the disk. */
  async function requireRoom(bytes: number, { storedBytes, missingBytes } = NOTHING_PENDING): Promise<void> {
    await requireQuota(bytes + storedBytes + missingBytes)
    const free = await blobs.freeBytes()
    if (free !== null && free - bytes - missingBytes < RESERVE_BYTES) throw full()
  }

  return {
    /** Before any byte is taken. @throws {AppError} `media/not-found`, `group/forbidden`, `object/conflict`, `job/lease-lost` */
    async requireWrite(key: BlobKey, writer: Writer): Promise<void> {
      await requireRight(db, key, writer)
    },

    /** @throws {AppError} `storage/full` */
    requireRoom,

    /**
     * Makes what was staged an object, or discards it. The same bytes again change nothing; other bytes are refused.
     * `writer` null: the author, whose right was checked before. @returns whether it is new. @throws {AppError} as `requireWrite`, `storage/full`
     */
    settle(key: BlobKey, staged: StagedBlob, writer: Writer | null): Promise<boolean> {
      return withBlob(blobs, key, async () => {
        try {
          return await keep(key, staged, writer)
        } finally {
          // Does nothing to what was committed.
          await blobs.discard(staged)
        }
      })
    },

    /** @throws {AppError} `media/not-found`, `object/not-found` */
    async find(actor: Actor, key: BlobKey): Promise<ObjectRow> {
      await requireReadableMedia(db, key.mediaId, actor)
      const row = await findRow(db, key)
      if (!row) throw new AppError('object/not-found', 'there is no such object')
      return row
    },

    open: blobs.open,
  }
}
export type Objects = ReturnType<typeof createObjects>
