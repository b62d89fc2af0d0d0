import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { beforeAll, expect, it } from 'vitest'
import { type Bytes, concat, utf8 } from '../format/bytes.ts'
import { sodiumPrimitives } from './message.ts'
import { noblePrimitives } from './message-noble.ts'
import type { MessagePrimitives } from './message-steps.ts'
import { newKey } from './random.ts'
import { sodium } from './sodium.ts'

/*
 * Logs are verified by noble, messages by libsodium alone: were both used for the same bytes, whoever holds a key could
 * write something that is there on one screen and missing on the other. What matters: libsodium takes nothing that
 * noble's strict rules refuse, and both take what honest signers write.
 */
const { Point } = ed25519
const ORDER = Point.Fn.ORDER
const FIELD = Point.Fp.ORDER
type Point = InstanceType<typeof Point>

let libsodium: MessagePrimitives
beforeAll(async () => {
  libsodium = sodiumPrimitives(await sodium())
})

const little = (value: bigint): Bytes =>
  Uint8Array.from({ length: 32 }, (_, at) => Number((value >> BigInt(8 * at)) & 255n))
const number = (bytes: Uint8Array): bigint => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
const bytesOf = (point: Point): Bytes => new Uint8Array(point.toBytes())
const scalar = (): bigint => number(newKey()) % ORDER
const challenge = (r: Bytes, a: Bytes, message: Bytes): bigint => number(sha512(concat(r, a, message))) % ORDER

/** The eight points of small order. */
const torsion: Point[] = [Point.ZERO]
const generator = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')
while (torsion.length < 8) torsion.push((torsion.at(-1) as Point).add(generator))

/** Each in its own encoding, then in those with a coordinate beyond the field, or a sign that zero does not have. */
const encodings: Bytes[] = [
  ...torsion.map(bytesOf),
  ...[0n, 1n].flatMap((y) => [little(FIELD + y), withSign(little(FIELD + y))]),
  ...[1n, FIELD - 1n].map((y) => withSign(little(y))),
]
function withSign(bytes: Bytes): Bytes {
  return bytes.with(31, (bytes[31] as number) | 0x80)
}

const both = (publicKey: Bytes, message: Bytes, sig: Bytes): [boolean, boolean] => [
  noblePrimitives.verify(publicKey, message, sig),
  libsodium.verify(publicKey, message, sig),
]

it('takes what is signed as it should be', () => {
  const seed = newKey()
  const message = utf8('a')
  for (const sign of [noblePrimitives.sign, libsodium.sign])
    expect(both(new Uint8Array(ed25519.getPublicKey(seed)), message, sign(seed, message))).toEqual([true, true])
})

it('refuses keys of small order, in every encoding and with every commitment', () => {
  let tried = 0
  for (const a of encodings) {
    for (const r of [...encodings, bytesOf(Point.BASE)]) {
      for (const s of [0n, 1n, ORDER]) {
        for (let round = 0; round < 4; round++, tried++)
          expect(both(a, Uint8Array.of(round), concat(r, little(s)))).toEqual([false, false])
      }
    }
  }
  expect(tried).toBeGreaterThan(2000)
})

it('refuses a second encoding of the scalar', () => {
  const seed = newKey()
  const message = utf8('b')
  const sig = noblePrimitives.sign(seed, message)
  const again = concat(sig.subarray(0, 32), little(number(sig.subarray(32)) + ORDER))
  expect(both(new Uint8Array(ed25519.getPublicKey(seed)), message, again)).toEqual([false, false])
})

it('takes no commitment of small order in libsodium, and none in a second encoding anywhere', () => {
  for (const [at, r] of encodings.entries()) {
    const secret = scalar()
    const a = bytesOf(Point.BASE.multiply(secret))
    const message = newKey()
    const answers = both(a, message, concat(r, little((challenge(r, a, message) * secret) % ORDER)))
    // Noble leaves out the factor of small order: it takes these where they are written as they should be.
    expect(answers, `commitment ${at}`).toEqual([at < torsion.length, false])
  }
})

it('takes nothing by libsodium that noble refuses, whatever small order is mixed in', () => {
  let taken = 0
  for (let round = 0; round < 4; round++) {
    for (const inKey of torsion) {
      for (const inCommitment of torsion) {
        const [secret, nonce, message] = [scalar(), scalar(), newKey()]
        const a = bytesOf(Point.BASE.multiply(secret).add(inKey))
        const r = bytesOf(Point.BASE.multiply(nonce).add(inCommitment))
        const s = (nonce + challenge(r, a, message) * secret) % ORDER
        const [byNoble, byLibsodium] = both(a, message, concat(r, little(s)))
        expect(byNoble || !byLibsodium).toBe(true)
        if (byLibsodium) taken++
      }
    }
  }
  expect(taken).toBeGreaterThanOrEqual(4)
})
