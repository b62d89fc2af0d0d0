import { UsageError } from '../errors.ts'
import { type Bytes, concat } from '../format/bytes.ts'
import { randomBytes } from './random.ts'

const KEY_BYTES = 32
const NONCE_BYTES = 12

/** A non-extractable AES-256-GCM key. @throws {UsageError} on another length, from which WebCrypto would make a weaker key. */
export async function importAesKey(
  raw: Bytes,
  usages: ('encrypt' | 'decrypt')[] = ['encrypt', 'decrypt'],
): Promise<CryptoKey> {
  if (raw.length !== KEY_BYTES) throw new UsageError(`a key has ${KEY_BYTES} bytes`)
  return crypto.subtle.importKey('raw', raw, 'AES-GCM', false, usages)
}

/** nonce(12, random) ‖ ciphertext ‖ tag(16), NIST SP 800-38D. */
export async function sealAes(key: CryptoKey, plain: Bytes, aad: Bytes): Promise<Bytes> {
  const nonce = randomBytes(NONCE_BYTES)
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce, additionalData: aad }, key, plain)
  return concat(nonce, new Uint8Array(sealed))
}

/** @throws the platform's `OperationError` when it does not authenticate; callers give it a name. */
export async function openAes(key: CryptoKey, sealed: Bytes, aad: Bytes): Promise<Bytes> {
  const iv = sealed.subarray(0, NONCE_BYTES)
  const params = { name: 'AES-GCM', iv, additionalData: aad }
  return new Uint8Array(await crypto.subtle.decrypt(params, key, sealed.subarray(NONCE_BYTES)))
}
