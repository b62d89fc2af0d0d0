import type Sodium from 'libsodium-wrappers'
import type { ErrorCode } from '../errors.ts'
import type { Bytes } from '../format/bytes.ts'
import { MESSAGE_NONCE_BYTES } from '../format/message-layout.ts'
import {
  codeOfRefusal,
  type MessagePrimitives,
  type OpenedMessage,
  openMessageWith,
  type SealedMessage,
  sealMessageWith,
  type ToOpen,
  type ToSeal,
} from './message-steps.ts'
import { randomBytes } from './random.ts'
import { sodium } from './sodium.ts'

/** A message that was refused says why; the others of its batch stay good. */
export type OpenResult = { readonly message: OpenedMessage } | { readonly code: ErrorCode }

/** By libsodium: some ten times the speed of JavaScript. */
export function sodiumPrimitives(s: typeof Sodium): MessagePrimitives {
  const bytes = (made: Uint8Array): Bytes => new Uint8Array(made)
  return {
    seal: (key, nonce, plain, aad) => bytes(s.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, aad, null, nonce, key)),
    open: (key, nonce, sealed, aad) =>
      bytes(s.crypto_aead_xchacha20poly1305_ietf_decrypt(null, sealed, aad, nonce, key)),
    sign: (seed, message) => bytes(s.crypto_sign_detached(message, s.crypto_sign_seed_keypair(seed).privateKey)),
    verify: (publicKey, message, sig) => s.crypto_sign_verify_detached(sig, message, publicKey),
  }
}

/** In order; each under its own random nonce. */
export async function sealMessages(messages: readonly ToSeal[]): Promise<SealedMessage[]> {
  const primitives = sodiumPrimitives(await sodium())
  return messages.map((message) => sealMessageWith(primitives, randomBytes(MESSAGE_NONCE_BYTES), message))
}

/** Never rejects for a message: each has its own result. */
export async function openMessages(messages: readonly ToOpen[]): Promise<OpenResult[]> {
  const primitives = sodiumPrimitives(await sodium())
  return messages.map((message) => {
    try {
      return { message: openMessageWith(primitives, message) }
    } catch (error) {
      return { code: codeOfRefusal(error) }
    }
  })
}
