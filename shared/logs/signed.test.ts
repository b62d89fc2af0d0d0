import { describe, expect, it } from 'vitest'
import { publicKeyOf, sign } from '../crypto/signing.ts'
import type { Bytes } from '../format/bytes.ts'
import { utf8 } from '../format/bytes.ts'
import { checkSignature, hashEntry, type SignedEntry, signingInput, verifyEd25519 } from './signed.ts'

const LABEL = 'kith/v1/group'
const seed: Bytes = new Uint8Array(32).fill(7)
const key = publicKeyOf(seed)

function signed(text: string): SignedEntry {
  const bytes = utf8(text)
  return { bytes, sig: sign(seed, LABEL, bytes) }
}

const flipped = (bytes: Bytes, at: number): Bytes => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))

describe('an entry whose signature was good once', () => {
  const entry = signed('{"v":1}')
  const code = 'log/bad-signature'

  it('is named by its hash, at first and whenever it is met again', () => {
    for (let again = 0; again < 3; again++) expect(checkSignature(LABEL, entry, key)).toEqual(hashEntry(entry))
  })

  it('is good for nothing that differs from it', () => {
    checkSignature(LABEL, entry, key)
    const { bytes, sig } = entry
    const others: [string, SignedEntry, Bytes][] = [
      ['kith/v1/worker', entry, key],
      [LABEL, entry, publicKeyOf(new Uint8Array(32).fill(8))],
      [LABEL, entry, key.subarray(0, 31)],
      [LABEL, { bytes, sig: sig.subarray(0, 63) }, key],
      // What moves from the one to the other is hashed alike.
      [LABEL, { bytes: Uint8Array.of(...sig.subarray(63), ...bytes), sig: sig.subarray(0, 63) }, key],
      ...Array.from(bytes, (_, at): [string, SignedEntry, Bytes] => [LABEL, { bytes: flipped(bytes, at), sig }, key]),
      ...Array.from(sig, (_, at): [string, SignedEntry, Bytes] => [LABEL, { bytes, sig: flipped(sig, at) }, key]),
    ]
    for (const [label, other, by] of others) {
      expect(() => checkSignature(label, other, by)).toThrow(expect.objectContaining({ code }))
    }
  })

  it('says nothing of a message that is not an entry, nor the other way round', () => {
    checkSignature(LABEL, entry, key)
    expect(verifyEd25519(key, hashEntry(entry), entry.sig)).toBe(false)
    expect(verifyEd25519(key, signingInput(LABEL, hashEntry(entry)), entry.sig)).toBe(false)
    const head = hashEntry(entry)
    const sig = sign(seed, LABEL, head)
    expect(verifyEd25519(key, signingInput(LABEL, head), sig)).toBe(true)
    expect(() => checkSignature(LABEL, { bytes: entry.bytes, sig }, key)).toThrow(expect.objectContaining({ code }))
  })
})
