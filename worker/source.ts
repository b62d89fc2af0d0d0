import type { Bytes } from '../shared/format/bytes.ts'

/** The plaintext of a source, wherever it comes from. */
export type Source = {
  readonly sizeBytes: number
  /** Plaintext `[start, end)`, never empty, within the size. Views into shared memory: read only. */
  read(start: number, end: number): Promise<Bytes>
}

export type CacheOptions = { readonly blockBytes: number; readonly blocks: number; readonly readAhead: number }

/** 2 MiB are eight chunks of a sealed object: a request costs little for each byte, and the cache stays small. */
export const DEFAULT_CACHE: CacheOptions = { blockBytes: 2 * 1024 * 1024, blocks: 6, readAhead: 1 }

/**
 * A source read in aligned blocks, the newest of which are kept; while they are read in order, the next are asked for
 * ahead of time. Holds at most `blocks` blocks.
 */
export function createCachedSource(
  sizeBytes: number,
  fetchPlain: (start: number, end: number) => Promise<Bytes>,
  { blockBytes, blocks, readAhead }: CacheOptions = DEFAULT_CACHE,
): Source {
  const kept = new Map<number, Promise<Bytes>>()
  const count = Math.ceil(sizeBytes / blockBytes)

  function block(index: number): Promise<Bytes> {
    const known = kept.get(index)
    if (known !== undefined) {
      kept.delete(index)
      kept.set(index, known)
      return known
    }
    const fetched = fetchPlain(index * blockBytes, Math.min(sizeBytes, (index + 1) * blockBytes))
    kept.set(index, fetched)
    // What failed is asked for again by the next reader; a read-ahead that nobody waits for fails silently.
    fetched.catch(() => kept.get(index) === fetched && kept.delete(index))
    for (const oldest of kept.keys()) {
      if (kept.size <= blocks) break
      kept.delete(oldest)
    }
    return fetched
  }

  return {
    sizeBytes,
    async read(start, end) {
      const first = Math.floor(start / blockBytes)
      const last = Math.floor((end - 1) / blockBytes)
      const inOrder = kept.has(first) || kept.has(first - 1)
      const wanted = Array.from({ length: last - first + 1 }, (_, i) => block(first + i))
      if (inOrder) for (let i = last + 1; i <= Math.min(last + readAhead, count - 1); i++) if (!kept.has(i)) block(i)
      const parts = await Promise.all(wanted)
      const slices = parts.map((part, i) => {
        const base = (first + i) * blockBytes
        return part.subarray(Math.max(start, base) - base, Math.min(end, base + part.length) - base)
      })
      const only = slices[0]
      return slices.length === 1 && only !== undefined ? only : joined(slices, end - start)
    },
  }
}

function joined(slices: readonly Bytes[], size: number): Bytes {
  const out = new Uint8Array(size)
  let at = 0
  for (const slice of slices) {
    out.set(slice, at)
    at += slice.length
  }
  return out
}
