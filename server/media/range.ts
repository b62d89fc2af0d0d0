/** Bytes `[start, end)`. */
export type ByteRange = { readonly start: number; readonly end: number }

/** What a request for bytes is answered with: all, a part, or 416 (RFC 9110 §14). */
export type RangeAnswer = { kind: 'whole' } | { kind: 'part'; range: ByteRange } | { kind: 'unsatisfiable' }

/** One range of bytes; several, other units and nonsense are ignored, as the RFC allows. */
export function parseRange(header: string, sizeBytes: number): RangeAnswer {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim())
  const [first, last] = [match?.[1] ?? '', match?.[2] ?? '']
  if (!match || (first === '' && last === '')) return { kind: 'whole' }
  if (first === '') {
    const from = Math.max(0, sizeBytes - Number(last))
    return from < sizeBytes ? { kind: 'part', range: { start: from, end: sizeBytes } } : { kind: 'unsatisfiable' }
  }
  const from = Number(first)
  const to = last === '' ? sizeBytes : Math.min(sizeBytes, Number(last) + 1)
  if (last !== '' && Number(last) < from) return { kind: 'whole' }
  return from < sizeBytes ? { kind: 'part', range: { start: from, end: to } } : { kind: 'unsatisfiable' }
}
