import type { MediaId } from '../../shared/format/ids.ts'
import { type Item, takenAtOf } from '../media/items.ts'

/** The items before and after one, in the library's order: newest first. */
export type Neighbours = { readonly previous: MediaId | null; readonly next: MediaId | null }

export function neighboursOf(items: readonly Item[], mediaId: MediaId): Neighbours {
  const ids = items.toSorted((a, b) => takenAtOf(b) - takenAtOf(a)).map(({ record }) => record.mediaId)
  const at = ids.indexOf(mediaId)
  if (at < 0) return { previous: null, next: null }
  return { previous: ids[at - 1] ?? null, next: ids[at + 1] ?? null }
}
