import { x25519 } from '@noble/curves/ed25519.js'
import { AppError } from '../errors.ts'
import type { Bytes } from '../format/bytes.ts'

/**
 * X25519, RFC 7748 §6.1.
 * @throws {AppError} `key/unavailable` when the result is all zero: the other side sent a point of small order.
 */
export function x25519Shared(secretKey: Bytes, publicKey: Bytes): Bytes {
  try {
    return new Uint8Array(x25519.getSharedSecret(secretKey, publicKey))
  } catch (cause) {
    throw new AppError('key/unavailable', 'not a key that can be agreed with', { cause })
  }
}

/** X25519 public key, RFC 7748 §5. */
export function x25519PublicKey(secretKey: Bytes): Bytes {
  return new Uint8Array(x25519.getPublicKey(secretKey))
}
