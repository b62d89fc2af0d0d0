import { FormatError } from '../errors.ts'
import type { Bytes } from './bytes.ts'

/** ISO/IEC 7816-4: `0x80`, then zeros. @param lengthOf the padded length for at least so many bytes. */
export function pad(plain: Uint8Array, lengthOf: (length: number) => number): Bytes {
  const out = new Uint8Array(lengthOf(plain.length + 1))
  out.set(plain)
  out[plain.length] = 0x80
  return out
}

/** @throws {FormatError} where there is no padding. */
export function unpad(padded: Bytes): Bytes {
  let end = padded.length - 1
  while (end >= 0 && padded[end] === 0) end--
  if (padded[end] !== 0x80) throw new FormatError('padding')
  return padded.subarray(0, end)
}
