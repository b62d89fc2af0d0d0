import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Bytes } from '../format/bytes.ts'
import { concat } from '../format/bytes.ts'
import { verifyEd25519 } from '../logs/signed.ts'
import { importAesKey, openAes } from './aes-gcm.ts'
import { x25519Shared } from './agreement.ts'
import { hkdf } from './hkdf.ts'
import { xchachaOpen, xchachaSeal } from './secretbox.ts'

const folder = process.env.KITH_VECTORS
type Group<T> = { readonly tests: readonly (T & { tcId: number; comment: string; result: string; flags: string[] })[] }
type Known<T, G> = readonly (Group<T> & G)[]

function read<T, G = object>(name: string): Known<T, G> {
  const text = readFileSync(join(folder ?? '', 'wycheproof', `${name}_test.json`), 'utf8')
  return (JSON.parse(text) as { testGroups: Known<T, G> }).testGroups
}
const hex = (text: string): Bytes => new Uint8Array(Buffer.from(text, 'hex'))
type Aead = { key: string; iv: string; aad: string; msg: string; ct: string; tag: string }

describe.skipIf(folder === undefined)('Wycheproof', () => {
  it('X25519: agrees where it may, refuses an all-zero result', () => {
    let refused = 0
    for (const { tests } of read<{ public: string; private: string; shared: string }>('x25519')) {
      for (const known of tests) {
        if (/^0*$/.test(known.shared)) {
          expect(() => x25519Shared(hex(known.private), hex(known.public)), known.comment).toThrow('not a key')
          refused++
        } else expect(x25519Shared(hex(known.private), hex(known.public)), known.comment).toEqual(hex(known.shared))
      }
    }
    expect(refused).toBeGreaterThan(0)
  })

  it('Ed25519, strict', () => {
    let count = 0
    for (const { tests, publicKey } of read<{ msg: string; sig: string }, { publicKey: { pk: string } }>('ed25519')) {
      for (const { msg, sig, result, comment } of tests) {
        expect(verifyEd25519(hex(publicKey.pk), hex(msg), hex(sig)), comment).toBe(result === 'valid')
        count++
      }
    }
    expect(count).toBeGreaterThan(100)
  })

  it('XChaCha20-Poly1305', async () => {
    let count = 0
    for (const { tests } of read<Aead>('xchacha20_poly1305')) {
      for (const { key, iv, aad, msg, ct, tag, result, comment } of tests) {
        if (iv.length !== 48 || key.length !== 64) continue
        const sealed = concat(hex(ct), hex(tag))
        const opening = xchachaOpen(hex(key), hex(iv), sealed, hex(aad), 'box/tampered')
        if (result === 'valid') {
          expect(await opening, comment).toEqual(hex(msg))
          expect(await xchachaSeal(hex(key), hex(iv), hex(msg), hex(aad)), comment).toEqual(sealed)
        } else await expect(opening, comment).rejects.toMatchObject({ code: 'box/tampered' })
        count++
      }
    }
    expect(count).toBeGreaterThan(100)
  })

  it('AES-256-GCM', async () => {
    let count = 0
    for (const { tests } of read<Aead>('aes_gcm')) {
      for (const { key, iv, aad, msg, ct, tag, result, comment } of tests) {
        // The one form that Kith uses: 256-bit keys, 96-bit nonces, whole tags.
        if (key.length !== 64 || iv.length !== 24 || tag.length !== 32) continue
        const opening = openAes(await importAesKey(hex(key)), concat(hex(iv), hex(ct), hex(tag)), hex(aad))
        if (result === 'valid') expect(await opening, comment).toEqual(hex(msg))
        else await expect(opening, comment).rejects.toThrow()
        count++
      }
    }
    expect(count).toBeGreaterThan(20)
  })

  it('HKDF-SHA-256', async () => {
    let count = 0
    for (const { tests } of read<{ ikm: string; salt: string; info: string; size: number; okm: string }>(
      'hkdf_sha256',
    )) {
      for (const { ikm, salt, info, size, okm, result, comment } of tests) {
        const deriving = hkdf(hex(ikm), hex(salt), hex(info), size)
        if (result === 'valid') expect(await deriving, comment).toEqual(hex(okm))
        else await expect(deriving, comment).rejects.toThrow()
        count++
      }
    }
    expect(count).toBeGreaterThan(50)
  })
})
