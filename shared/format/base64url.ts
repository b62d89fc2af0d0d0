import { FormatError } from '../errors.ts'
import type { Bytes } from './bytes.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const VALUES = new Int16Array(128).fill(-1)
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i

/** Unpadded base64url, RFC 4648 §5. */
export function toBase64Url(bytes: Uint8Array): string {
  let out = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const a = bytes[i] as number
    const b = bytes[i + 1]
    const c = bytes[i + 2]
    out += ALPHABET.charAt(a >> 2) + ALPHABET.charAt(((a & 3) << 4) | ((b ?? 0) >> 4))
    if (b !== undefined) out += ALPHABET.charAt(((b & 15) << 2) | ((c ?? 0) >> 6))
    if (c !== undefined) out += ALPHABET.charAt(c & 63)
  }
  return out
}

/**
 * Bytes of unpadded, canonical base64url: one text for each byte string.
 * @throws {FormatError} on padding, foreign characters, an impossible length or stray bits at the end.
 */
export function fromBase64Url(text: string): Bytes {
  const rest = text.length % 4
  if (rest === 1) throw new FormatError('base64url')
  const out = new Uint8Array(Math.floor((text.length * 3) / 4))
  let at = 0
  let buffer = 0
  let bits = 0
  for (let i = 0; i < text.length; i++) {
    const value = VALUES[text.charCodeAt(i)] ?? -1
    if (value < 0) throw new FormatError('base64url')
    buffer = ((buffer << 6) | value) & 0xffff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      out[at++] = (buffer >> bits) & 0xff
    }
  }
  if ((buffer & ((1 << bits) - 1)) !== 0) throw new FormatError('base64url')
  return out
}
