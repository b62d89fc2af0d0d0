import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isAppError, TamperedError } from '../errors.ts'
import { fromBase64Url, toBase64Url } from '../format/base64url.ts'
import { type Bytes, concat, u32, utf8 } from '../format/bytes.ts'
import { parseMediaId } from '../format/ids.ts'
import { HEADER_BYTES, layoutOf, sealedChunk } from '../format/layout.ts'
import vectors from '../vectors/object.json' with { type: 'json' }
import { sha256 } from './hash.ts'
import { type ObjectName, objectId } from './object-key.ts'
import { openHeader, openObject, openRange, openStream } from './open-object.ts'
import { newKey, newMediaId, randomBytes } from './random.ts'
import { createObjectSealer, plainRange, sealMadeObject, sealObject } from './seal-object.ts'

const LOG2 = 12
const CHUNK = 2 ** LOG2
const object: ObjectName = { contentKey: newKey(), mediaId: newMediaId(), name: 'original' }

async function plaintext(seed: string, length: number): Promise<Bytes> {
  const parts: Bytes[] = []
  for (let i = 0; i * 32 < length; i++) parts.push(await sha256(concat(utf8(`plain ${seed}`), u32(i))))
  return concat(...parts).slice(0, length)
}

const expectedCode: Record<string, string> = {
  header: 'object/bad-header',
  size: 'object/wrong-size',
  commitment: 'object/wrong-key',
  tampered: 'object/tampered',
}

describe('known answers of an independent implementation', () => {
  const contentKey = fromBase64Url(vectors.contentKey)
  const mediaId = parseMediaId(vectors.mediaId)

  it.each(vectors.cases)('$comment: $expect', async (known) => {
    const named = { contentKey, mediaId, name: known.name }
    expect(await objectId(contentKey, known.name)).toBe(known.objectId)
    const sealed = fromBase64Url(known.sealed)
    if (known.expect !== 'ok') {
      await expect(openObject(named, sealed)).rejects.toMatchObject({ code: expectedCode[known.expect] })
      return
    }
    const plain = await plaintext(known.plainSeed ?? '', known.plainLength)
    expect(toBase64Url(await sha256(plain))).toBe(known.plainSha256)
    expect(await openObject(named, sealed)).toEqual(plain)
    expect(await sealObject(named, plain, fromBase64Url(known.salt), known.chunkLog2)).toEqual(sealed)
    if (known.comment === 'deterministic salt')
      expect(await sealMadeObject(named, plain, known.chunkLog2)).toEqual(sealed)
  })
})

async function* split(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    yield bytes.subarray(at, cut)
    at = cut
  }
  yield bytes.subarray(at)
}

async function collect(parts: AsyncIterable<Uint8Array>): Promise<Bytes> {
  const all: Uint8Array[] = []
  for await (const part of parts) all.push(part)
  return concat(...all)
}

describe('any length, any range, any split', () => {
  it.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 100_000])('round-trips %i bytes', async (length) => {
    const plain = await plaintext('edges', length)
    expect(await openObject(object, await sealObject(object, plain, randomBytes(16), LOG2))).toEqual(plain)
  })

  it('opens every interval of every object to the bytes that were sealed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 5 * CHUNK }),
        fc.nat(5 * CHUNK),
        fc.nat(5 * CHUNK),
        async (data, a, b) => {
          const plain = new Uint8Array(data)
          const sealed = await sealObject(object, plain, randomBytes(16), LOG2)
          const opened = await openHeader(object, sealed.slice(0, HEADER_BYTES), sealed.length)
          const [start, end] = a < b ? [a, b] : [b, a]
          const got = await openRange(opened, start, end, async (from, to) => sealed.slice(from, to))
          expect(got).toEqual(plain.slice(start, end))
        },
      ),
      { numRuns: 60 },
    )
  })

  it('opens a stream however it is split', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(4 * CHUNK),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
        async (length, cuts) => {
          const plain = await plaintext('split', length)
          const sealed = await sealObject(object, plain, randomBytes(16), LOG2)
          const parts = split(
            sealed,
            cuts.map((cut) => Math.floor(cut * sealed.length)),
          )
          expect(await collect(openStream(object, sealed.length, parts))).toEqual(plain)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('seals chunks in any order to the same object', async () => {
    const plain = await plaintext('order', 3 * CHUNK + 5)
    const salt = randomBytes(16)
    const sealer = await createObjectSealer({ ...object, salt, trueBytes: plain.length, chunkLog2: LOG2 })
    const whole = await sealObject(object, plain, salt, LOG2)
    for (const index of [3, 0, 2, 1]) {
      const { sealed } = await sealer.sealChunk(
        index,
        plain.subarray(...plainRange(sealer.layout, plain.length, index)),
      )
      expect(sealed).toEqual(whole.slice(...sealedChunk(sealer.layout, index)))
    }
  })
})

describe('misuse', () => {
  it('never seals other bytes under a nonce that was used', async () => {
    const salt = randomBytes(16)
    const options = { ...object, salt, trueBytes: 10, chunkLog2: LOG2 }
    const first = await createObjectSealer(options)
    const { plainHash } = await first.sealChunk(0, new Uint8Array(10).fill(1))
    await expect(first.sealChunk(0, new Uint8Array(10).fill(2))).rejects.toMatchObject({
      code: 'upload/source-changed',
    })
    const resumed = await createObjectSealer({ ...options, sealedBefore: new Map([[0, plainHash]]) })
    await expect(resumed.sealChunk(0, new Uint8Array(10).fill(2))).rejects.toMatchObject({
      code: 'upload/source-changed',
    })
    await expect(resumed.sealChunk(0, new Uint8Array(10).fill(1))).resolves.toBeDefined()
  })

  it.each([
    ['an index past the end', 1, 10],
    ['a negative index', -1, 10],
    ['a wrong length', 0, 9],
  ])('refuses %s', async (_, index, length) => {
    const sealer = await createObjectSealer({ ...object, salt: randomBytes(16), trueBytes: 10, chunkLog2: LOG2 })
    await expect(sealer.sealChunk(index, new Uint8Array(length))).rejects.toMatchObject({ code: 'usage' })
  })
})

const flip = (bytes: Bytes, at: number): Bytes => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))
const layout = layoutOf(3 * CHUNK, LOG2)
const chunkOf = (sealed: Bytes, index: number) => sealed.slice(...sealedChunk(layout, index))
const swapChunks = (sealed: Bytes): Bytes =>
  concat(sealed.slice(0, HEADER_BYTES), chunkOf(sealed, 1), chunkOf(sealed, 0), chunkOf(sealed, 2))

type Attack = [attack: string, code: string, (sealed: Bytes, sibling: Bytes) => Bytes]
const attacks: Attack[] = [
  ['flipped in its first chunk', 'object/tampered', (s) => flip(s, HEADER_BYTES)],
  ['flipped in its last tag', 'object/tampered', (s) => flip(s, s.length - 1)],
  ['truncated by a byte', 'object/wrong-size', (s) => s.slice(0, -1)],
  ['truncated by a chunk', 'object/wrong-size', (s) => s.slice(0, sealedChunk(layout, 2)[0])],
  ['truncated to its header', 'object/wrong-size', (s) => s.slice(0, HEADER_BYTES)],
  ['truncated inside its header', 'object/bad-header', (s) => s.slice(0, 40)],
  ['emptied', 'object/bad-header', () => new Uint8Array(0)],
  ['extended', 'object/wrong-size', (s) => concat(s, new Uint8Array(1))],
  ['reordered', 'object/tampered', swapChunks],
  [
    'given the chunks of another object',
    'object/tampered',
    (s, o) => concat(s.slice(0, HEADER_BYTES), o.slice(HEADER_BYTES)),
  ],
  [
    'given the header of another object',
    'object/tampered',
    (s, o) => concat(o.slice(0, HEADER_BYTES), s.slice(HEADER_BYTES)),
  ],
  ['given another salt', 'object/wrong-key', (s) => flip(s, 24)],
  ['given another commitment', 'object/wrong-key', (s) => flip(s, 40)],
  ['lying about its magic', 'object/bad-header', (s) => flip(s, 0)],
  ['lying about its suite', 'object/bad-header', (s) => flip(s, 4)],
  ['lying about its chunk size', 'object/wrong-size', (s) => flip(s, 5)],
  ['lying with an impossible chunk size', 'object/bad-header', (s) => s.map((byte, i) => (i === 5 ? 60 : byte))],
  ['lying in its reserved field', 'object/bad-header', (s) => flip(s, 7)],
  ['lying about its padded length', 'object/wrong-size', (s) => flip(s, 15)],
  ['lying with an absurd padded length', 'object/bad-header', (s) => s.map((byte, i) => (i === 8 ? 255 : byte))],
  ['lying about its true length, by a little', 'object/tampered', (s) => flip(s, 23)],
  ['lying about its true length, by much', 'object/tampered', (s) => flip(s, 16)],
]

describe('a hostile store', () => {
  it.each(attacks)('is refused an object that was %s (%s)', async (_, code, attack) => {
    const plain = await plaintext('attacked', 3 * CHUNK - 7)
    const sealed = await sealObject(object, plain, randomBytes(16), LOG2)
    const sibling = await sealObject(object, await plaintext('sibling', 3 * CHUNK - 7), randomBytes(16), LOG2)
    const bad = attack(sealed, sibling)
    await expect(openObject(object, bad)).rejects.toMatchObject({ code })

    let leaked = 0
    const reading = (async () => {
      for await (const part of openStream(object, bad.length, split(bad, []))) {
        expect(part).toEqual(plain.subarray(leaked, leaked + part.length))
        leaked += part.length
      }
    })()
    await expect(reading).rejects.toMatchObject({ code })
  })

  it('is refused a stream that ends early or goes on, whatever size it told', async () => {
    const sealed = await sealObject(object, await plaintext('stream', 2 * CHUNK), randomBytes(16), LOG2)
    const reads = (bytes: Bytes) => collect(openStream(object, sealed.length, split(bytes, [])))
    await expect(reads(sealed.slice(0, -1))).rejects.toMatchObject({ code: 'object/wrong-size' })
    await expect(reads(concat(sealed, new Uint8Array(9)))).rejects.toMatchObject({ code: 'object/wrong-size' })
  })

  it('is refused another object of the item, and the same object of another item', async () => {
    const sealed = await sealObject(object, utf8('hello'), randomBytes(16), LOG2)
    const wrongKey = { code: 'object/wrong-key' }
    await expect(openObject({ ...object, name: 'thumb' }, sealed)).rejects.toMatchObject(wrongKey)
    await expect(openObject({ ...object, mediaId: newMediaId() }, sealed)).rejects.toMatchObject(wrongKey)
    await expect(openObject({ ...object, contentKey: newKey() }, sealed)).rejects.toMatchObject(wrongKey)
  })

  it('learns from the error which chunk it was', async () => {
    const sealed = await sealObject(object, await plaintext('which', 3 * CHUNK), randomBytes(16), LOG2)
    const error = await openObject(object, flip(sealed, sealedChunk(layout, 1)[0])).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(TamperedError)
    expect((error as TamperedError).chunk).toBe(1)
    expect(isAppError(error, 'object/tampered')).toBe(true)
  })

  it('gets no byte past a short answer to a range', async () => {
    const sealed = await sealObject(object, await plaintext('short', 2 * CHUNK), randomBytes(16), LOG2)
    const opened = await openHeader(object, sealed.slice(0, HEADER_BYTES), sealed.length)
    const short = openRange(opened, 0, CHUNK, async (from, to) => sealed.slice(from, to - 1))
    await expect(short).rejects.toMatchObject({ code: 'object/wrong-size' })
  })
})

describe('salts', () => {
  it('give the same worker’s segment the same ciphertext, and another one another key', async () => {
    const [a, b] = [utf8('segment'), utf8('segmenu')]
    expect(await sealMadeObject(object, a)).toEqual(await sealMadeObject(object, a))
    const [sealedA, sealedB] = [await sealMadeObject(object, a), await sealMadeObject(object, b)]
    expect(sealedA.slice(24, HEADER_BYTES)).not.toEqual(sealedB.slice(24, HEADER_BYTES))
  })
})
