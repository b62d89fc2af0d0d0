import type { MediaId, ObjectId } from '../../shared/format/ids.ts'
import { withBlob } from '../blobs/keyed-lock.ts'
import type { GrantRow } from '../db/chat-rows.ts'
import type { JobRow, MediaRow, ObjectRow } from '../db/rows.ts'
import type { Deps } from '../deps.ts'
import { UNDO_MS } from '../media/media.ts'
import { changeMedia } from '../media/store.ts'
import type { Uploads } from '../uploads/uploads.ts'

const HOUR_MS = 3600_000

/** What is too young to be swept may still be under way. */
export const SWEEP_AFTER_MS = {
  /** Items whose upload never ended; devices resume within that time. */
  unfinished: 7 * 24 * HOUR_MS,
  /** Blobs without a row, and bytes that were staged. */
  stray: 24 * HOUR_MS,
  /** Objects of attempts that came to nothing. */
  attempt: 24 * HOUR_MS,
} as const

const NO_KEY = Buffer.alloc(60)

/**
 * Removes what nobody can reach any more. Rows go first: a crash in between leaves blobs without a row, which the next
 * sweep finds.
 */
export async function sweepMedia(deps: Deps, uploads: Uploads): Promise<void> {
  const now = deps.clock.now()
  await uploads.sweep(now)
  await dropUnfinished(deps, now, await uploads.mediaIds())
  await eraseDeleted(deps, now)
  await sweepAttempts(deps, now)
  await sweepStrays(deps, now)
  await deps.blobs.sweepStaged(now - SWEEP_AFTER_MS.stray)
}

/** Uploads that nobody went on with: from here on they are as deleted. */
async function dropUnfinished({ db }: Deps, now: number, underWay: ReadonlySet<string>): Promise<void> {
  const before = now - SWEEP_AFTER_MS.unfinished
  const young = db<ObjectRow>('objects').where('created_at', '>', before).select('media_id')
  const rows = await db<MediaRow>('media')
    .where({ state: 'uploading', deleted_at: null })
    .where('created_at', '<=', before)
    .whereNotIn('media_id', young)
  for (const { media_id } of rows) {
    if (underWay.has(media_id)) continue
    await db.transaction(async (trx) => {
      // Asked again: it may have been completed meanwhile.
      const row = await trx<MediaRow>('media').where({ media_id, state: 'uploading', deleted_at: null }).first()
      if (row) await changeMedia(trx, row, { deleted_at: now })
    })
  }
}

/** Deleted items after the time for undo. The row stays, without keys and card: devices that were away learn from it. */
async function eraseDeleted({ db, blobs }: Deps, now: number): Promise<void> {
  const rows = await db<MediaRow>('media')
    .where('deleted_at', '<=', now - UNDO_MS)
    .whereNot({ wrapped_content: NO_KEY })
    .select('media_id')
  for (const { media_id } of rows) {
    const objects = await db.transaction(async (trx) => {
      const gone = await trx<ObjectRow>('objects').where({ media_id })
      await trx<ObjectRow>('objects').where({ media_id }).delete()
      await trx<JobRow>('jobs').where({ media_id }).delete()
      await trx<GrantRow>('media_grants').where({ media_id }).delete()
      await trx<MediaRow>('media')
        .where({ media_id })
        .update({
          document_sealed: null,
          wrapped_content: NO_KEY,
          wrapped_card: NO_KEY,
          card_sealed: Buffer.alloc(28),
        })
      return gone
    })
    for (const { object_id } of objects) await blobs.delete({ mediaId: media_id, objectId: object_id })
  }
}

/** What counts is the attempt that was completed, the one under way, and the one that the item's document speaks of. */
async function sweepAttempts({ db, blobs }: Deps, now: number): Promise<void> {
  const rows = await db('objects')
    .join('jobs', 'jobs.media_id', 'objects.media_id')
    .join('media', 'media.media_id', 'objects.media_id')
    .whereNotNull('objects.fence')
    .where('objects.created_at', '<=', now - SWEEP_AFTER_MS.attempt)
    .whereRaw("not (jobs.state = 'running' and objects.fence = jobs.fence)")
    .whereRaw('objects.fence <> coalesce(jobs.completed_fence, -1)')
    .whereRaw('objects.fence <> coalesce(media.document_fence, -1)')
    .select<ObjectRow[]>('objects.media_id', 'objects.object_id')
  for (const { media_id, object_id } of rows) {
    await db<ObjectRow>('objects').where({ media_id, object_id }).delete()
    await blobs.delete({ mediaId: media_id, objectId: object_id })
  }
}

async function sweepStrays({ db, blobs, stopping }: Deps, now: number): Promise<void> {
  let mediaId: MediaId | null = null
  let known = new Set<ObjectId>()
  for await (const { key, storedAtMs } of blobs.list()) {
    if (stopping.aborted) return
    if (storedAtMs > now - SWEEP_AFTER_MS.stray) continue
    // One question for all objects of an item: stores list them together.
    if (key.mediaId !== mediaId) {
      mediaId = key.mediaId
      known = new Set(await db<ObjectRow>('objects').where({ media_id: mediaId }).pluck('object_id'))
    }
    if (known.has(key.objectId)) continue
    await withBlob(blobs, key, async () => {
      // Asked again, alone with the blob: its row may have come meanwhile.
      const { mediaId: media_id, objectId: object_id } = key
      const row = await db<ObjectRow>('objects').where({ media_id, object_id }).first('object_id')
      if (!row) await blobs.delete(key)
    })
  }
}
