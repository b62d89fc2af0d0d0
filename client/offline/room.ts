import type { KeptRow } from '../../shared/device/db.ts'
import { bytesHere } from '../../shared/device/kept-pieces.ts'
import type { MediaId } from '../../shared/format/ids.ts'

/** Never filled to the brim: the browser would begin to throw things away by itself. */
const SPARE_BYTES = 50 * 2 ** 20

export type Room = { readonly usedBytes: number; readonly freeBytes: number }
/** What each item takes on this device. */
export type Taken = ReadonlyMap<MediaId, number>

/** `null` where the browser does not tell (WebKitGTK has no `navigator.storage`). */
export async function readRoom(): Promise<Room | null> {
  const estimate = await navigator.storage?.estimate?.().catch(() => null)
  if (estimate?.quota === undefined || estimate.usage === undefined) return null
  return { usedBytes: estimate.usage, freeBytes: Math.max(0, estimate.quota - estimate.usage) }
}

export async function hasRoomFor(bytes: number): Promise<boolean> {
  const room = await readRoom()
  return room === null || bytes <= 0 || room.freeBytes >= bytes + SPARE_BYTES
}

/** What the whole objects of an item take here. */
export function keptBytes({ objects }: Pick<KeptRow, 'objects'>): number {
  return objects.reduce((sum, { sealedBytes }) => sum + (sealedBytes ?? 0), 0)
}

/** Of what is still coming the pieces count, too: a paused film may be here but for its last one. */
export async function readTaken(rows: readonly KeptRow[]): Promise<Taken> {
  const bytesOf = (row: KeptRow) => (row.state === 'kept' ? keptBytes(row) : bytesHere(row.mediaId))
  return new Map(await Promise.all(rows.map(async (row) => [row.mediaId, await bytesOf(row)] as const)))
}

/** What to take off for `bytes` more: least recently watched first, never what is being watched. */
export function toMakeRoom(
  rows: readonly KeptRow[],
  taken: Taken,
  bytes: number,
  watched: ReadonlySet<MediaId>,
): KeptRow[] {
  const bytesOf = ({ mediaId }: KeptRow) => taken.get(mediaId) ?? 0
  const chosen: KeptRow[] = []
  let freed = 0
  const candidates = rows.filter((row) => !watched.has(row.mediaId) && bytesOf(row) > 0)
  for (const row of candidates.toSorted((a, b) => a.watchedAt - b.watchedAt)) {
    if (freed >= bytes) break
    chosen.push(row)
    freed += bytesOf(row)
  }
  return chosen
}
