import { AppError, type ErrorCode } from '../errors.ts'
import { type Bytes, concat } from '../format/bytes.ts'
import { randomBytes } from './random.ts'
import { sodium } from './sodium.ts'

const NONCE_BYTES = 24

/** XChaCha20-Poly1305-IETF: nonce(24, random) ‖ ciphertext ‖ tag(16). */
export async function sealSecret(key: Bytes, plain: Bytes, aad: Bytes): Promise<Bytes> {
  const nonce = randomBytes(NONCE_BYTES)
  return concat(nonce, await xchachaSeal(key, nonce, plain, aad))
}

/** @throws {AppError} `code` when it was not sealed by this key for this place. */
export async function openSecret(key: Bytes, sealed: Bytes, aad: Bytes, code: ErrorCode): Promise<Bytes> {
  const nonce = sealed.subarray(0, NONCE_BYTES)
  return xchachaOpen(key, nonce, sealed.subarray(NONCE_BYTES), aad, code)
}

/** For callers that have a key for one message only, or a nonce of their own. */
export async function xchachaSeal(key: Bytes, nonce: Bytes, plain: Bytes, aad: Bytes): Promise<Bytes> {
  const s = await sodium()
  return new Uint8Array(s.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, aad, null, nonce, key))
}

/** @throws {AppError} `code` */
export async function xchachaOpen(
  key: Bytes,
  nonce: Bytes,
  sealed: Bytes,
  aad: Bytes,
  code: ErrorCode,
): Promise<Bytes> {
  const s = await sodium()
  try {
    return new Uint8Array(s.crypto_aead_xchacha20poly1305_ietf_decrypt(null, sealed, aad, nonce, key))
  } catch (cause) {
    throw new AppError(code, 'a sealed value does not authenticate', { cause })
  }
}
