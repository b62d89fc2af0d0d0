import type { JobRow, MediaRow, ObjectRow } from '../db/rows.ts'
import type { Deps } from '../deps.ts'
import { UNDO_MS } from '../media/media.ts'
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

/** Removes what nobody can reach any more. Rows go first: a crash in between leaves blobs without a row, which the next sweep finds. */
export async function sweepMedia(deps: Deps, uploads: Uploads): Promise<void> {
  const now = deps.clock.now()
  await eraseMedia(deps, now)
  await sweepAttempts(deps, now)
  await sweepStrays(deps, now)
  await deps.blobs.sweepStaged(now - SWEEP_AFTER_MS.stray)
  await uploads.sweep()
}

/** Deleted items after the time for undo, and uploads that never ended. */
async function eraseMedia({ db, blobs }: Deps, now: number): Promise<void> {
  const rows = await db<MediaRow>('media')
    .where('deleted_at', '<=', now - UNDO_MS)
    .orWhere((builder) =>
      builder.where({ state: 'uploading' }).where('created_at', '<=', now - SWEEP_AFTER_MS.unfinished),
    )
  for (const { media_id, state, deleted_at } of rows) {
    const objects = await db<ObjectRow>('objects').where({ media_id })
    await db<ObjectRow>('objects').where({ media_id }).delete()
    for (const { object_id } of objects) await blobs.delete({ mediaId: media_id, objectId: object_id })
    // A deleted item's row stays: devices that were away learn from it that it is gone. Its keys and card do not.
    if (deleted_at === null && state === 'uploading') await db<MediaRow>('media').where({ media_id }).delete()
    else await forget({ db }, media_id)
  }
}

async function forget({ db }: Pick<Deps, 'db'>, mediaId: MediaRow['media_id']): Promise<void> {
  await db<JobRow>('jobs').where({ media_id: mediaId }).delete()
  await db<MediaRow>('media')
    .where({ media_id: mediaId })
    .update({
      document_sealed: null,
      wrapped_content: Buffer.alloc(60),
      wrapped_card: Buffer.alloc(60),
      card_sealed: Buffer.alloc(28),
    })
}

/** Only the attempt that was completed counts, and those that are still going on. */
async function sweepAttempts({ db, blobs }: Deps, now: number): Promise<void> {
  const rows = await db('objects')
    .join('jobs', 'jobs.media_id', 'objects.media_id')
    .whereNotNull('objects.fence')
    .whereNot('jobs.state', 'running')
    .where('objects.created_at', '<=', now - SWEEP_AFTER_MS.attempt)
    .where((any) => any.whereNull('completed_fence').orWhereRaw('objects.fence <> jobs.completed_fence'))
    .select<ObjectRow[]>('objects.media_id', 'objects.object_id')
  for (const { media_id, object_id } of rows) {
    await db<ObjectRow>('objects').where({ media_id, object_id }).delete()
    await blobs.delete({ mediaId: media_id, objectId: object_id })
  }
}

async function sweepStrays({ db, blobs }: Deps, now: number): Promise<void> {
  for await (const { key, storedAtMs } of blobs.list()) {
    const { mediaId, objectId } = key
    if (storedAtMs > now - SWEEP_AFTER_MS.stray) continue
    const row = await db<ObjectRow>('objects').where({ media_id: mediaId, object_id: objectId }).first('object_id')
    if (!row) await blobs.delete(key)
  }
}
