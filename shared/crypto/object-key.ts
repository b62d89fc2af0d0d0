import { type Bytes, concat, u32, utf8 } from '../format/bytes.ts'
import { idBytes, idFromBytes, type MediaId, type ObjectId, parseObjectId } from '../format/ids.ts'
import { COMMITMENT_BYTES, SALT_BYTES } from '../format/layout.ts'
import { importAesKey } from './aes-gcm.ts'
import { hkdf, labelled } from './hkdf.ts'
import { randomBytes } from './random.ts'

const PREFIX_BYTES = 7
const MASK_BYTES = 8

/** Keys of one sealed object (docs/protocol.md §7); the AES key cannot be read out. */
export type ObjectKey = {
  readonly aesKey: CryptoKey
  readonly noncePrefix: Bytes
  readonly mask: Bytes
  readonly commitment: Bytes
}

/** What names an object: whose key, which item, which name inside it. */
export type ObjectName = { readonly contentKey: Bytes; readonly mediaId: MediaId; readonly name: string }

export async function deriveObjectKey({ contentKey, mediaId, name }: ObjectName, salt: Bytes): Promise<ObjectKey> {
  const info = labelled('kith/v1/object', idBytes(mediaId), utf8(name))
  const okm = await hkdf(contentKey, salt, info, 32 + PREFIX_BYTES + MASK_BYTES + COMMITMENT_BYTES)
  return {
    aesKey: await importAesKey(okm.slice(0, 32)),
    noncePrefix: okm.slice(32, 39),
    mask: okm.slice(39, 47),
    commitment: okm.slice(47),
  }
}

/** The id under which the server keeps `name`: unlinkable without the content key. */
export async function objectId(contentKey: Bytes, name: string): Promise<ObjectId> {
  const bytes = await hkdf(contentKey, '', labelled('kith/v1/object-id', utf8(name)), 16)
  return parseObjectId(idFromBytes(bytes))
}

/** Salt of what a client uploads. */
export const uploadSalt = (): Bytes => randomBytes(SALT_BYTES)

/**
 * Salt of what the worker makes: the same plaintext gives the same ciphertext, so that a retried job is idempotent;
 * another plaintext gets another key, so that no nonce is used twice. @param plainHash SHA-256 of the plaintext.
 */
export async function workerSalt(contentKey: Bytes, name: string, plainHash: Bytes): Promise<Bytes> {
  const raw = await hkdf(contentKey, '', 'kith/v1/object-salt', 32)
  const key = await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  const text = utf8(name)
  const mac = await crypto.subtle.sign('HMAC', key, concat(u32(text.length), text, plainHash))
  return new Uint8Array(mac.slice(0, SALT_BYTES))
}

/** `noncePrefix ‖ u32 i ‖ u8 last`. */
export function chunkNonce(key: ObjectKey, index: number, last: boolean): Bytes {
  return concat(key.noncePrefix, u32(index), new Uint8Array([last ? 1 : 0]))
}

export function xorMask(bytes: Uint8Array, mask: Uint8Array): Bytes {
  return new Uint8Array(bytes).map((byte, i) => byte ^ (mask[i] as number))
}
