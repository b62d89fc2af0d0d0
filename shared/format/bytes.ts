/** Bytes over a plain `ArrayBuffer`: what WebCrypto, IndexedDB and `Response` all accept. */
export type Bytes = Uint8Array<ArrayBuffer>

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** UTF-8 bytes of `text`. */
export function utf8(text: string): Bytes {
  return encoder.encode(text)
}

/** Text of strict UTF-8. @throws {TypeError} on any malformed sequence. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}

export function concat(...parts: readonly Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** Big-endian unsigned integers of 1, 2, 4 and 8 bytes. `u64` takes integers up to 2⁵³ − 1. @throws {RangeError} */
export const u8 = (value: number): Bytes => integer(value, 1)
export const u16 = (value: number): Bytes => integer(value, 2)
export const u32 = (value: number): Bytes => integer(value, 4)
export const u64 = (value: number): Bytes => integer(value, 8)

function integer(value: number, length: number): Bytes {
  if (!Number.isSafeInteger(value) || value < 0 || (length < 7 && value >= 2 ** (8 * length))) {
    throw new RangeError(`${value} does not fit ${length} bytes`)
  }
  const out = new Uint8Array(length)
  for (let i = length - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) out[i] = rest % 256
  return out
}

/** Equality in a time that depends on the lengths alone, so that it is safe for secrets. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number)
  return difference === 0
}
