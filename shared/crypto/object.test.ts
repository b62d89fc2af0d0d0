import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, utf8 } from '../format/bytes.ts'
import { HEADER_BYTES, sealedChunk } from '../format/layout.ts'
import { faultWith, knownObjects } from '../testing/known-objects.ts'
import { CHUNK, LOG2, newObject, plaintext } from '../testing/objects.ts'
import { objectId } from './object-key.ts'
import { openChunk, openHeader, openObject, openParts, openRange } from './open-object.ts'
import { randomBytes } from './random.ts'
import { createObjectSealer, plainRange, sealMadeObject, sealObject } from './seal-object.ts'

const object = newObject()

describe('known answers of an independent implementation', () => {
  it.each(knownObjects)('$comment: $expect', async (known) => {
    expect(await faultWith(known)).toBeNull()
  })
})

describe('any length and any range', () => {
  it.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 100_000])('round-trips %i bytes', async (length) => {
    const plain = await plaintext('edges', length)
    expect(await openObject(object, await sealObject(object, plain, randomBytes(16), LOG2))).toEqual(plain)
  })

  it.each([12, 15, 18, 22])('round-trips chunks of 2^%i bytes', async (chunkLog2) => {
    const plain = randomBytes(60_001)
    expect(await openObject(object, await sealObject(object, plain, randomBytes(16), chunkLog2))).toEqual(plain)
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

  it('gives parts that are whole, in order and not empty', async () => {
    const plain = await plaintext('parts', 3 * CHUNK)
    const sealed = await sealObject(object, plain, randomBytes(16), LOG2)
    const opened = await openHeader(object, sealed.slice(0, HEADER_BYTES), sealed.length)
    const parts = await openParts(opened, 5, 3 * CHUNK - 5, async (from, to) => sealed.slice(from, to))
    expect(parts.map((part) => part.length)).toEqual([CHUNK - 5, CHUNK, CHUNK - 5])
    expect(concat(...parts)).toEqual(plain.slice(5, -5))
  })

  it('reads no more of an object than the chunks of the interval', async () => {
    const sealed = await sealObject(object, await plaintext('reads', 4 * CHUNK), randomBytes(16), LOG2)
    const opened = await openHeader(object, sealed.slice(0, HEADER_BYTES), sealed.length)
    const reads: [number, number][] = []
    await openRange(opened, CHUNK, 2 * CHUNK + 1, async (from, to) => {
      reads.push([from, to])
      return sealed.slice(from, to)
    })
    expect(reads).toEqual([[sealedChunk(opened.layout, 1)[0], sealedChunk(opened.layout, 2)[1]]])
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
  const options = { ...object, trueBytes: 10, chunkLog2: LOG2 }
  const filled = (byte: number) => new Uint8Array(10).fill(byte)
  const changed = { code: 'upload/source-changed' }

  it('never seals other bytes under a nonce that was used', async () => {
    const salt = randomBytes(16)
    const first = await createObjectSealer({ ...options, salt })
    const { plainHash } = await first.sealChunk(0, filled(1))
    await expect(first.sealChunk(0, filled(2))).rejects.toMatchObject(changed)
    const resumed = await createObjectSealer({ ...options, salt, sealedBefore: new Map([[0, plainHash]]) })
    await expect(resumed.sealChunk(0, filled(2))).rejects.toMatchObject(changed)
    await expect(resumed.sealChunk(0, filled(1))).resolves.toBeDefined()
  })

  it('lets one of two win that seal the same chunk at once', async () => {
    const sealer = await createObjectSealer({ ...options, salt: randomBytes(16) })
    const results = await Promise.allSettled([sealer.sealChunk(0, filled(1)), sealer.sealChunk(0, filled(2))])
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })

  it('seals what it hashed, also when the caller fills its buffer anew meanwhile', async () => {
    const salt = randomBytes(16)
    const expected = await sealObject(object, new Uint8Array(CHUNK).fill(1), salt, LOG2)
    const sealer = await createObjectSealer({ ...options, trueBytes: CHUNK, salt })
    const buffer = new Uint8Array(CHUNK).fill(1)
    const sealing = sealer.sealChunk(0, buffer)
    buffer.fill(2)
    expect((await sealing).sealed).toEqual(expected.slice(HEADER_BYTES))
  })

  it('seals on when the caller has given its copy of the header and the hash away', async () => {
    const sealer = await createObjectSealer({ ...options, salt: randomBytes(16) })
    const { header } = sealer
    const kept = header.slice()
    const { sealed, plainHash } = await sealer.sealChunk(0, filled(1))
    structuredClone([header, plainHash], { transfer: [header.buffer, plainHash.buffer] })
    expect((await sealer.sealChunk(0, filled(1))).sealed).toEqual(sealed)
    expect(kept).toHaveLength(HEADER_BYTES)
  })

  it.each([
    ['an index past the end', 1, 10],
    ['a negative index', -1, 10],
    ['half an index', 0.5, 10],
    ['a length too short', 0, 9],
    ['a length too long', 0, 11],
  ])('refuses %s', async (_, index, length) => {
    const sealer = await createObjectSealer({ ...options, salt: randomBytes(16) })
    await expect(sealer.sealChunk(index, new Uint8Array(length))).rejects.toMatchObject({ code: 'usage' })
  })

  it.each([0, 15, 17])('refuses a salt of %i bytes', (length) =>
    expect(createObjectSealer({ ...options, salt: randomBytes(length) })).rejects.toMatchObject({ code: 'usage' }),
  )

  it.each([
    [-1, 5],
    [5, 4],
    [0.5, 5],
    [0, Number.NaN],
  ])('refuses the interval %d to %d, and chunks that are none', async (start, end) => {
    const sealed = await sealObject(object, filled(1), randomBytes(16), LOG2)
    const opened = await openHeader(object, sealed.slice(0, HEADER_BYTES), sealed.length)
    const reading = openRange(opened, start, end, async (from, to) => sealed.slice(from, to))
    await expect(reading).rejects.toMatchObject({ code: 'usage' })
    await expect(openChunk(opened, 1, sealed)).rejects.toMatchObject({ code: 'usage' })
  })
})

describe('salts', () => {
  it('give the same worker’s segment the same ciphertext, and another one another key', async () => {
    const [a, b] = [utf8('segment'), utf8('segmenu')]
    expect(await sealMadeObject(object, a)).toEqual(await sealMadeObject(object, a))
    const [sealedA, sealedB] = [await sealMadeObject(object, a), await sealMadeObject(object, b)]
    expect(sealedA.slice(24, HEADER_BYTES)).not.toEqual(sealedB.slice(24, HEADER_BYTES))
  })

  it('give two objects of the same bytes different names, keys and ciphertext', async () => {
    const plain = utf8('the same')
    const [a, b] = await Promise.all(['thumb', 'original'].map((name) => sealMadeObject({ ...object, name }, plain)))
    expect(a).not.toEqual(b)
    expect(await objectId(object.contentKey, 'thumb')).not.toBe(await objectId(object.contentKey, 'original'))
  })
})
