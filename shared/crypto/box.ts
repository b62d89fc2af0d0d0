import { AppError, isAppError } from '../errors.ts'
import { type Bytes, concat, utf8 } from '../format/bytes.ts'
import { hashOf } from '../logs/signed.ts'
import { hkdf, labelled } from './hkdf.ts'
import { xchachaOpen, xchachaSeal } from './secretbox.ts'
import { sodium } from './sodium.ts'

/** X-Wing ciphertext, draft-connolly-cfrg-xwing-kem. */
export const KEM_CIPHERTEXT_BYTES = 1120
const ZERO_NONCE: Bytes = new Uint8Array(24)

/** X-Wing (X25519 + ML-KEM-768). The secret key is the 32-byte seed. */
export type BoxKeys = { readonly publicKey: Bytes; readonly secretKey: Bytes }

export async function boxKeysFrom(seed: Bytes): Promise<BoxKeys> {
  const pair = (await sodium()).crypto_kem_xwing_seed_keypair(seed)
  return { publicKey: new Uint8Array(pair.publicKey), secretKey: new Uint8Array(pair.privateKey) }
}

/** Sealed box of docs/protocol.md §2. The key is used once, so the nonce is zero. @param context label and place, as bytes. */
export async function sealTo(publicKey: Bytes, plain: Bytes, context: Bytes): Promise<Bytes> {
  const s = await sodium()
  let encapsulated: { ciphertext: Uint8Array; sharedSecret: Uint8Array }
  try {
    encapsulated = s.crypto_kem_xwing_enc(publicKey)
  } catch (cause) {
    throw new AppError('key/unavailable', 'not a key that can be sealed to', { cause })
  }
  const { ciphertext, sharedSecret } = encapsulated
  const key = await boxKey(sharedSecret, ciphertext, publicKey, context)
  return concat(ciphertext, await xchachaSeal(key, ZERO_NONCE, plain, context))
}

/** @throws {AppError} `box/tampered` when it was not sealed to these keys for this place. */
export async function openBox(keys: BoxKeys, sealed: Bytes, context: Bytes): Promise<Bytes> {
  try {
    const ciphertext = sealed.subarray(0, KEM_CIPHERTEXT_BYTES)
    const sharedSecret = (await sodium()).crypto_kem_xwing_dec(ciphertext, keys.secretKey)
    const key = await boxKey(sharedSecret, ciphertext, keys.publicKey, context)
    return await xchachaOpen(key, ZERO_NONCE, sealed.subarray(KEM_CIPHERTEXT_BYTES), context, 'box/tampered')
  } catch (cause) {
    if (isAppError(cause, 'box/tampered')) throw cause
    throw new AppError('box/tampered', 'a box does not open', { cause })
  }
}

/** A context: the label, then what names the place. */
export function boxContext(label: string, ...place: Uint8Array[]): Bytes {
  return concat(utf8(label), ...place)
}

async function boxKey(secret: Uint8Array, ciphertext: Uint8Array, publicKey: Bytes, context: Bytes): Promise<Bytes> {
  return hkdf(new Uint8Array(secret), hashOf(ciphertext, publicKey), labelled('kith/v1/seal', context), 32)
}
