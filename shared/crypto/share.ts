import { FormatError } from '../errors.ts'
import type { Bytes } from '../format/bytes.ts'
import { importAesKey } from './aes-gcm.ts'
import { hkdf, labelled } from './hkdf.ts'

const LABEL = 'kith/v1/share'
const PUBLIC_KEY_BYTES = 32

/**
 * For what is shared to this device while it may be locked (docs/protocol.md §8): a fresh key that only the device's
 * share key opens again. By WebCrypto alone, for the Service Worker.
 * @throws the platform's `NotSupportedError` where it knows no X25519.
 */
export async function sealingShareKey(publicKey: Bytes): Promise<{ ephemeral: Bytes; key: CryptoKey }> {
  if (publicKey.length !== PUBLIC_KEY_BYTES) throw new FormatError('share key')
  const pair = (await crypto.subtle.generateKey({ name: 'X25519' }, false, ['deriveBits'])) as unknown as {
    privateKey: CryptoKey
    publicKey: CryptoKey
  }
  const peer = await crypto.subtle.importKey('raw', publicKey, { name: 'X25519' }, false, [])
  const shared = await crypto.subtle.deriveBits({ name: 'X25519', public: peer }, pair.privateKey, 256)
  const ephemeral = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey))
  return { ephemeral, key: await importAesKey(await shareKeyFrom(new Uint8Array(shared), ephemeral, publicKey)) }
}

/** @param shared X25519 of the one's secret and the other's public key. */
export function shareKeyFrom(shared: Bytes, ephemeral: Bytes, publicKey: Bytes): Promise<Bytes> {
  return hkdf(shared, '', labelled(LABEL, ephemeral, publicKey), 32)
}
