import { ed25519 } from '@noble/curves/ed25519.js'
import type * as z from 'zod/mini'
import type { Bytes } from '../format/bytes.ts'
import { encodeStatement, type SignedEntry, signingInput } from '../logs/signed.ts'

/** Ed25519 public key of a 32-byte seed, RFC 8032 §5.1.5. */
export function publicKeyOf(seed: Bytes): Bytes {
  return new Uint8Array(ed25519.getPublicKey(seed))
}

/** Ed25519 over `label ‖ 0x00 ‖ bytes`, 64 bytes (docs/protocol.md §2). */
export function sign(seed: Bytes, label: string, bytes: Uint8Array): Bytes {
  return new Uint8Array(ed25519.sign(signingInput(label, bytes), seed))
}

/** Encodes a statement once and signs those bytes. */
export function signStatement<T extends z.ZodMiniType>(
  seed: Bytes,
  label: string,
  schema: T,
  statement: z.output<T>,
): SignedEntry {
  const bytes = encodeStatement(schema, statement)
  return { bytes, sig: sign(seed, label, bytes) }
}
