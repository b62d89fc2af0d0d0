/** What a `Range` header asks of a body of known length (RFC 9110 §14). */
export type RangeAnswer =
  /** No range, or a unit or form that is to be ignored (§14.2): the whole body, 200. */
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly start: number; readonly end: number; readonly open: boolean }
  | { readonly kind: 'unsatisfiable' }

const SPEC = /^bytes=(?:(\d{1,15})-(\d{1,15})?|-(\d{1,15}))$/i

/**
 * `a-b`, `a-` and `-n` as the plaintext interval `[start, end)`; `open` when the asker named no end.
 * Several ranges at once are answered with the whole body, as RFC 9110 allows and media elements never ask.
 */
export function parseRange(header: string | null, totalBytes: number): RangeAnswer {
  const match = header === null ? null : SPEC.exec(header.trim())
  if (!match) return { kind: 'whole' }
  const [, first, last, suffix] = match
  if (suffix !== undefined) {
    const length = Math.min(Number(suffix), totalBytes)
    return length === 0 ? { kind: 'unsatisfiable' } : part(totalBytes - length, totalBytes, false)
  }
  const start = Number(first)
  if (last !== undefined && Number(last) < start) return { kind: 'whole' }
  if (start >= totalBytes) return { kind: 'unsatisfiable' }
  return part(start, last === undefined ? totalBytes : Math.min(Number(last) + 1, totalBytes), last === undefined)
}

function part(start: number, end: number, open: boolean): RangeAnswer {
  return { kind: 'part', start, end, open }
}

/**
 * Shortens an interval to about `capBytes`, ending where a chunk ends when it can, so that the next one does not open
 * that chunk again.
 */
export function capRange(start: number, end: number, capBytes: number, chunkBytes: number): number {
  if (end - start <= capBytes) return end
  const aligned = Math.floor((start + capBytes) / chunkBytes) * chunkBytes
  return aligned > start ? aligned : start + capBytes
}
