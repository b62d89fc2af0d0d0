import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Bytes, concat } from '../format/bytes.ts'
import { importAesKey, openAes } from './aes-gcm.ts'
import { x25519Shared } from './agreement.ts'
import { hkdf } from './hkdf.ts'
import { sodiumPrimitives } from './message.ts'
import { noblePrimitives } from './message-noble.ts'
import { xchachaOpen, xchachaSeal } from './secretbox.ts'
import { sodium } from './sodium.ts'

/** Google's known answers, by the very functions that Kith calls. `bin/vitest-note.ts` says so when they are left out. */
const folder = process.env.KITH_VECTORS ?? ''

type Case<Fields extends string> = Record<Fields, string> & {
  readonly tcId: number
  readonly comment: string
  readonly flags: string[]
  readonly result: 'valid' | 'invalid' | 'acceptable'
}
type Group<Fields extends string> = {
  readonly tests: Case<Fields>[]
  readonly ivSize: number
  readonly keySize: number
}

function groups<Fields extends string, More = object>(file: string): (Group<Fields> & More)[] {
  return JSON.parse(readFileSync(join(folder, 'wycheproof', file), 'utf8')).testGroups
}
const hex = (text: string): Bytes => new Uint8Array(Buffer.from(text, 'hex'))
const isAes256 = ({ keySize, ivSize }: { keySize: number; ivSize: number }) => keySize === 256 && ivSize === 96
/** All that failed, so that one run shows every number; and how many there were, so that none is not success. */
async function failures<C extends { tcId: number }>(cases: C[], passes: (known: C) => Promise<boolean>) {
  expect(cases.length).toBeGreaterThan(50)
  const failed: number[] = []
  for (const known of cases) if (!(await passes(known))) failed.push(known.tcId)
  return failed
}
const fails = (run: Promise<unknown>) =>
  run.then(
    () => false,
    () => true,
  )
const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

/** A signature of another length throws in libsodium; messages take that for the same answer. */
function isSigned(verify: () => boolean): boolean {
  try {
    return verify()
  } catch {
    return false
  }
}

describe.skipIf(folder === '')('Wycheproof', () => {
  it('AES-256-GCM, 96-bit nonces', async () => {
    const cases = groups<'key' | 'iv' | 'aad' | 'msg' | 'ct' | 'tag'>('aes_gcm_test.json')
      .filter(isAes256)
      .flatMap(({ tests }) => tests)
    const failed = await failures(cases, async ({ key, iv, aad, msg, ct, tag, result }) => {
      const aes = await importAesKey(hex(key))
      const opening = openAes(aes, concat(hex(iv), hex(ct), hex(tag)), hex(aad))
      if (result === 'invalid') return fails(opening)
      const params = { name: 'AES-GCM', iv: hex(iv), additionalData: hex(aad) }
      const sealed = new Uint8Array(await crypto.subtle.encrypt(params, aes, hex(msg)))
      return same(await opening, hex(msg)) && same(sealed, hex(ct + tag))
    })
    expect(failed).toEqual([])
  })

  it('HKDF-SHA-256', async () => {
    const cases = groups<'ikm' | 'salt' | 'info' | 'okm'>('hkdf_sha256_test.json').flatMap(({ tests }) => tests)
    const failed = await failures(cases, async ({ ikm, salt, info, okm, result, ...known }) => {
      const { size } = known as unknown as { size: number }
      const deriving = hkdf(hex(ikm), salt === '' ? '' : hex(salt), hex(info), size)
      return result === 'invalid' ? fails(deriving) : same(await deriving, hex(okm))
    })
    expect(failed).toEqual([])
  })

  it('X25519: an all-zero result is refused', async () => {
    const cases = groups<'public' | 'private' | 'shared'>('x25519_test.json').flatMap(({ tests }) => tests)
    const failed = await failures(cases, async ({ flags, ...known }) => {
      const agreeing = (async () => x25519Shared(hex(known.private), hex(known.public)))()
      return flags.includes('ZeroSharedSecret') ? fails(agreeing) : same(await agreeing, hex(known.shared))
    })
    expect(failed).toEqual([])
  })

  it.each(['noble', 'libsodium'])('Ed25519 by %s, strict', async (name) => {
    const { verify } = name === 'noble' ? noblePrimitives : sodiumPrimitives(await sodium())
    const cases = groups<'msg' | 'sig', { publicKey: { pk: string } }>('ed25519_test.json').flatMap((group) =>
      group.tests.map((known) => ({ ...known, pk: group.publicKey.pk })),
    )
    const failed = await failures(
      cases,
      async ({ pk, msg, sig, result }) => isSigned(() => verify(hex(pk), hex(msg), hex(sig))) === (result === 'valid'),
    )
    expect(failed).toEqual([])
  })

  it('XChaCha20-Poly1305 of messages, by noble and libsodium', async () => {
    const cases = groups<'key' | 'iv' | 'aad' | 'msg' | 'ct' | 'tag'>('xchacha20_poly1305_test.json')
      .filter(({ ivSize }) => ivSize === 192)
      .flatMap(({ tests }) => tests)
    for (const p of [noblePrimitives, sodiumPrimitives(await sodium())]) {
      const failed = await failures(cases, async ({ key, iv, aad, msg, ct, tag, result }) => {
        const opening = (async () => p.open(hex(key), hex(iv), hex(ct + tag), hex(aad)))()
        if (result === 'invalid') return fails(opening)
        const sealed = p.seal(hex(key), hex(iv), hex(msg), hex(aad))
        return same(await opening, hex(msg)) && same(sealed, hex(ct + tag))
      })
      expect(failed).toEqual([])
    }
  })

  it('XChaCha20-Poly1305', async () => {
    const cases = groups<'key' | 'iv' | 'aad' | 'msg' | 'ct' | 'tag'>('xchacha20_poly1305_test.json').flatMap(
      ({ tests }) => tests,
    )
    const failed = await failures(cases, async ({ key, iv, aad, msg, ct, tag, result }) => {
      const opening = xchachaOpen(hex(key), hex(iv), hex(ct + tag), hex(aad), 'vault/tampered')
      if (result === 'invalid') return fails(opening)
      const sealed = await xchachaSeal(hex(key), hex(iv), hex(msg), hex(aad))
      return same(await opening, hex(msg)) && same(sealed, hex(ct + tag))
    })
    expect(failed).toEqual([])
  })
})
