import { createPrivateKey, decapsulate } from 'node:crypto'
import { x25519 } from '@noble/curves/ed25519.js'
import { sha3_256, shake256 } from '@noble/hashes/sha3.js'
import { expect, it } from 'vitest'
import { concat, utf8 } from '../format/bytes.ts'
import { boxKeysFrom, KEM_CIPHERTEXT_BYTES } from './box.ts'
import { randomBytes } from './random.ts'
import { sodium } from './sodium.ts'

const MLKEM_CIPHERTEXT_BYTES = 1088
const MLKEM_PUBLIC_KEY_BYTES = 1184

/** draft-connolly-cfrg-xwing-kem §5.4, put together from OpenSSL's ML-KEM-768 and noble's X25519, SHAKE256 and SHA3-256. */
function decapsulateByOthers(seed: Uint8Array, ciphertext: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const expanded = shake256(seed, { dkLen: 96 })
  const [lattice, curve] = [expanded.subarray(0, 64), expanded.subarray(64)]
  const key = createPrivateKey({ key: Buffer.from(lattice), format: 'raw-seed', asymmetricKeyType: 'ml-kem-768' })
  const fromLattice = decapsulate(key, ciphertext.subarray(0, MLKEM_CIPHERTEXT_BYTES))
  const fromPeer = ciphertext.subarray(MLKEM_CIPHERTEXT_BYTES)
  const ownCurve = publicKey.subarray(MLKEM_PUBLIC_KEY_BYTES)
  expect(new Uint8Array(x25519.getPublicKey(curve))).toEqual(new Uint8Array(ownCurve))
  const fromCurve = x25519.getSharedSecret(curve, fromPeer)
  return sha3_256(concat(fromLattice, fromCurve, fromPeer, ownCurve, utf8('\\.//^\\')))
}

it('agrees on the same X-Wing secrets as other implementations of its parts', async () => {
  const s = await sodium()
  for (let round = 0; round < 4; round++) {
    const seed = randomBytes(32)
    const { publicKey } = await boxKeysFrom(seed)
    const { ciphertext, sharedSecret } = s.crypto_kem_xwing_enc(publicKey)
    expect(ciphertext).toHaveLength(KEM_CIPHERTEXT_BYTES)
    expect(new Uint8Array(decapsulateByOthers(seed, ciphertext, publicKey))).toEqual(new Uint8Array(sharedSecret))
  }
})
