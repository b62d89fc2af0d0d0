import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { UsageError } from '../errors.ts'
import { type OpenedMessage, openMessageWith, type ToOpen } from './message-steps.ts'

/**
 * What a message says, for an announcement by the Service Worker, which has no room for signatures. The seal is what
 * keeps the server out: its key is with the two people alone. The page checks the signature before it keeps anything.
 * @throws as `openMessageWith`
 */
export function openForPreview(message: Omit<ToOpen, 'identityKey'>): OpenedMessage {
  const primitives = {
    seal: refuse,
    open: (key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array) =>
      new Uint8Array(xchacha20poly1305(key, nonce, aad).decrypt(sealed)),
    sign: refuse,
    verify: () => true,
  }
  return openMessageWith(primitives, { ...message, identityKey: new Uint8Array(0) })
}

function refuse(): never {
  throw new UsageError('nothing is sealed or signed for a preview')
}
