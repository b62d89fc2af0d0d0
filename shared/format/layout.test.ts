import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, u8, u64 } from './bytes.ts'
import {
  chunkPlainBytes,
  encodeHeader,
  HEADER_BYTES,
  layoutFor,
  layoutOf,
  parseHeader,
  sealedChunk,
  sealedRange,
  sealedSize,
  TAG_BYTES,
} from './layout.ts'
import { padme } from './padme.ts'

const header = (layout = layoutOf(10_000, 12)) => ({
  layout,
  maskedTrueBytes: new Uint8Array(8).fill(1),
  salt: new Uint8Array(16).fill(2),
  commitment: new Uint8Array(32).fill(3),
})
const anyLayout = fc
  .record({ paddedBytes: fc.nat(50_000_000), chunkLog2: fc.integer({ min: 12, max: 22 }) })
  .map(({ paddedBytes, chunkLog2 }) => layoutOf(paddedBytes, chunkLog2))

describe('a layout', () => {
  it('covers the object with its chunks, without gap or overlap', () =>
    fc.assert(
      fc.property(anyLayout, (layout) => {
        let at = HEADER_BYTES
        let plain = 0
        for (let index = 0; index < layout.chunks; index++) {
          const [from, to] = sealedChunk(layout, index)
          expect(from).toBe(at)
          expect(to - from).toBe(chunkPlainBytes(layout, index) + TAG_BYTES)
          plain += chunkPlainBytes(layout, index)
          at = to
        }
        expect(at).toBe(sealedSize(layout))
        expect(plain).toBe(layout.paddedBytes)
      }),
      { numRuns: 50 },
    ))

  it('finds the whole chunks of any interval', () =>
    fc.assert(
      fc.property(anyLayout, fc.nat(), fc.nat(), (layout, a, b) => {
        fc.pre(layout.paddedBytes > 0)
        const start = a % layout.paddedBytes
        const end = start + 1 + (b % (layout.paddedBytes - start))
        const first = Math.floor(start / layout.chunkBytes)
        const last = Math.floor((end - 1) / layout.chunkBytes)
        expect(sealedRange(layout, start, end)).toEqual([sealedChunk(layout, first)[0], sealedChunk(layout, last)[1]])
      }),
    ))

  it('has one chunk also for nothing', () => {
    expect(layoutFor(0)).toMatchObject({ chunks: 1, paddedBytes: 0 })
    expect(sealedSize(layoutFor(0))).toBe(HEADER_BYTES + TAG_BYTES)
  })

  it('is exact beyond 32 bits', () => {
    const layout = layoutFor(5 * 2 ** 40 + 1)
    expect(layout.paddedBytes).toBe(padme(5 * 2 ** 40 + 1))
    expect(sealedChunk(layout, layout.chunks - 1)[1]).toBe(sealedSize(layout))
  })

  it.each([11, 23, 12.5, Number.NaN])('has no chunks of 2^%d bytes', (log2) =>
    expect(() => layoutOf(1, log2)).toThrow(RangeError),
  )
  it('never counts further than the nonce does', () => {
    expect(layoutOf(2 ** 44, 12).chunks).toBe(2 ** 32)
    expect(() => layoutOf(2 ** 44 + 1, 12)).toThrow(RangeError)
  })
})

describe('a header', () => {
  it('is read as it was written', () =>
    fc.assert(
      fc.property(anyLayout, (layout) => {
        expect(parseHeader(encodeHeader(header(layout)), sealedSize(layout))).toEqual(header(layout))
      }),
    ))

  it('has its fields where docs/protocol.md §7 puts them', () => {
    const bytes = encodeHeader(header())
    expect(bytes).toHaveLength(HEADER_BYTES)
    expect(Buffer.from(bytes).toString('hex')).toBe(
      `4b534f31010c00000000000000002710${'01'.repeat(8)}${'02'.repeat(16)}${'03'.repeat(32)}`,
    )
  })

  const honest = encodeHeader(header())
  const size = sealedSize(layoutOf(10_000, 12))
  const put = (at: number, part: Uint8Array) => concat(honest.slice(0, at), part, honest.slice(at + part.length))
  it.each([
    ['a foreign magic', put(3, u8(0x32))],
    ['suite 0', put(4, u8(0))],
    ['suite 2', put(4, u8(2))],
    ['chunks too small', put(5, u8(11))],
    ['chunks too large', put(5, u8(23))],
    ['a reserved byte', put(6, u8(1))],
    ['another reserved byte', put(7, u8(1))],
    ['a length beyond 2^53', put(8, new Uint8Array(8).fill(255))],
    ['a length of 2^53', put(8, new Uint8Array([0, 32, 0, 0, 0, 0, 0, 0]))],
    ['more chunks than can be counted', put(8, u64(2 ** 44 + 1))],
    ['a missing byte', honest.slice(0, -1)],
  ])('with %s is none', (_, bytes) =>
    expect(() => parseHeader(bytes, size)).toThrow(expect.objectContaining({ code: 'object/bad-header' })),
  )

  it.each([size - 1, size + 1, 0, Number.NaN])('does not fit an object of %d bytes', (told) =>
    expect(() => parseHeader(honest, told)).toThrow(expect.objectContaining({ code: 'object/wrong-size' })),
  )

  it('is found in a view of a larger buffer', () =>
    expect(parseHeader(concat(u8(9), honest).subarray(1), size)).toEqual(header()))
})
