import type { Bytes } from '../format/bytes.ts'

/** SHA-256 by WebCrypto, 32 bytes. For short input in synchronous code there is `@noble/hashes`. */
export async function sha256(data: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', data))
}
