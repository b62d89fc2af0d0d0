import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HEADER_BYTES } from '../format/layout.ts'
import { CHUNK, collect, flip, LOG2, newObject, plaintext, split } from '../testing/objects.ts'
import { openStream } from './object-stream.ts'
import { randomBytes } from './random.ts'
import { sealObject } from './seal-object.ts'

const object = newObject()
const cutsOf = (parts: readonly number[], length: number) => parts.map((part) => Math.floor(part * length))

/** A source in small parts that counts what was taken, and knows when it was let go. */
function countingSource(bytes: Uint8Array, partBytes: number) {
  const seen = { taken: 0, closed: false }
  async function* parts() {
    try {
      for (let at = 0; at < bytes.length; at += partBytes) {
        seen.taken = Math.min(bytes.length, at + partBytes)
        yield bytes.subarray(at, seen.taken)
      }
    } finally {
      seen.closed = true
    }
  }
  return { seen, parts: parts() }
}

describe('a stream', () => {
  it('opens the same however it is split', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(4 * CHUNK),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
        async (length, cuts) => {
          const plain = await plaintext('split', length)
          const sealed = await sealObject(object, plain, randomBytes(16), LOG2)
          const parts = split(sealed, cutsOf(cuts, sealed.length))
          expect(await collect(openStream(object, sealed.length, parts))).toEqual(plain)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('opens byte by byte', async () => {
    const sealed = await sealObject(object, await plaintext('bytes', 300), randomBytes(16), LOG2)
    const everywhere = Array.from({ length: sealed.length }, (_, i) => i)
    expect(await collect(openStream(object, sealed.length, split(sealed, everywhere)))).toHaveLength(300)
  })

  it('holds a few chunks, however long it is', async () => {
    const plain = new Uint8Array(6 * 2 ** 20)
    const sealed = await sealObject(object, plain, randomBytes(16))
    const { seen, parts } = countingSource(sealed, 50_000)
    let given = 0
    let most = 0
    for await (const part of openStream(object, sealed.length, parts)) {
      given += part.length
      most = Math.max(most, seen.taken - given)
    }
    expect(given).toBe(plain.length)
    expect(most).toBeLessThan(2.5 * 2 ** 20)
  })

  it('gives what came before the fault, and no byte of the chunk with the fault', async () => {
    const plain = await plaintext('until', 4 * CHUNK)
    const sealed = await sealObject(object, plain, randomBytes(16), LOG2)
    const bad = flip(sealed, HEADER_BYTES + 2 * (CHUNK + 16))
    const got: Uint8Array[] = []
    const reading = (async () => {
      for await (const part of openStream(object, bad.length, split(bad))) got.push(part)
    })()
    await expect(reading).rejects.toMatchObject({ code: 'object/tampered', chunk: 2 })
    expect(got).toEqual([plain.slice(0, CHUNK), plain.slice(CHUNK, 2 * CHUNK)])
  })

  it.each(['taken no further', 'faulty'])('lets go of its source when it is %s', async (why) => {
    const sealed = await sealObject(object, new Uint8Array(2 ** 22), randomBytes(16), LOG2)
    const { seen, parts } = countingSource(why === 'faulty' ? flip(sealed, HEADER_BYTES) : sealed, CHUNK)
    const taking = (async () => {
      for await (const part of openStream(object, sealed.length, parts)) if (part.length > 0) break
    })()
    await taking.catch(() => {})
    await expect.poll(() => seen.closed).toBe(true)
    expect(seen.taken).toBeLessThan(sealed.length)
  })

  it('ends with the fault of its source', async () => {
    const sealed = await sealObject(object, new Uint8Array(4 * CHUNK), randomBytes(16), LOG2)
    async function* broken() {
      yield sealed.subarray(0, HEADER_BYTES + CHUNK)
      throw new Error('the line is dead')
    }
    await expect(collect(openStream(object, sealed.length, broken()))).rejects.toThrow('the line is dead')
  })
})
