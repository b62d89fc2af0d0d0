import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import { verifyEd25519 } from '../logs/signed.ts'
import { type MessagePrimitives, type OpenedMessage, openMessageWith, type ToOpen } from './message-steps.ts'

/** In JavaScript alone: for the Service Worker, which may not carry half a megabyte of libsodium. */
export const noblePrimitives: MessagePrimitives = {
  seal: (key, nonce, plain, aad) => new Uint8Array(xchacha20poly1305(key, nonce, aad).encrypt(plain)),
  open: (key, nonce, sealed, aad) => new Uint8Array(xchacha20poly1305(key, nonce, aad).decrypt(sealed)),
  sign: (seed, message) => new Uint8Array(ed25519.sign(message, seed)),
  verify: verifyEd25519,
}

/** One message, for a notification. @throws as `openMessageWith` */
export function openMessageSlowly(message: ToOpen): OpenedMessage {
  return openMessageWith(noblePrimitives, message)
}
