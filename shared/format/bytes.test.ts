import { describe, expect, it } from 'vitest'
import { concat, equalBytes, fromUtf8, u8, u16, u32, u64, utf8 } from './bytes.ts'

describe('integers', () => {
  it('are big-endian', () => {
    expect([...u8(0xab)]).toEqual([0xab])
    expect([...u16(0x1234)]).toEqual([0x12, 0x34])
    expect([...u32(0xffff_fffe)]).toEqual([255, 255, 255, 254])
    expect([...u64(2 ** 53 - 1)]).toEqual([0, 31, 255, 255, 255, 255, 255, 255])
    expect([...u64(2 ** 32 + 5)]).toEqual([0, 0, 0, 1, 0, 0, 0, 5])
  })

  it.each([
    ['u8', () => u8(256)],
    ['u16', () => u16(65_536)],
    ['u32', () => u32(2 ** 32)],
    ['u64', () => u64(2 ** 53)],
    ['u32', () => u32(-1)],
    ['u32', () => u32(1.5)],
    ['u64', () => u64(Number.NaN)],
  ])('that do not fit %s are refused, never cut', (_, encode) => expect(encode).toThrow(RangeError))
})

it('joins parts in order', () => expect([...concat(u8(1), u16(2), new Uint8Array(0), u8(3))]).toEqual([1, 0, 2, 3]))

it.each([
  ['', '', true],
  ['abc', 'abc', true],
  ['abc', 'abd', false],
  ['abc', 'Abc', false],
  ['abc', 'ab', false],
])('compares %j and %j', (a, b, equal) => expect(equalBytes(utf8(a), utf8(b))).toBe(equal))

it('keeps every character of a text, a byte order mark too', () =>
  expect(fromUtf8(utf8('\u{feff}é𝄞\0'))).toBe('\u{feff}é𝄞\0'))

it.each([[[0xff]], [[0xc0, 0x80]], [[0xed, 0xa0, 0x80]], [[0xe2, 0x82]]])('refuses %j as UTF-8', (raw) =>
  expect(() => fromUtf8(new Uint8Array(raw))).toThrow(TypeError),
)
