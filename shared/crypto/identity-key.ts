import type { Bytes } from '../format/bytes.ts'
import { sodium } from './sodium.ts'

/**
 * Ed25519 public key of a 32-byte seed, RFC 8032 §5.1.5, by libsodium. In JavaScript the first one holds up a page for
 * tens of milliseconds.
 */
export async function identityKeyOf(seed: Bytes): Promise<Bytes> {
  return new Uint8Array((await sodium()).crypto_sign_seed_keypair(seed).publicKey)
}
