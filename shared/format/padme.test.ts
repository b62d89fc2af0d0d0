import fc from 'fast-check'
import { expect, it } from 'vitest'
import vectors from '../vectors/padme.json' with { type: 'json' }
import { padme } from './padme.ts'

/** The definition of docs/protocol.md §7, word for word, in integers without a limit. */
function padmeByDefinition(length: bigint): bigint {
  if (length < 2n) return length
  const exponent = BigInt(length.toString(2).length - 1)
  const bits = BigInt(exponent.toString(2).length)
  const mask = exponent > bits ? (1n << (exponent - bits)) - 1n : 0n
  return (length + mask) & ~mask
}

it.each(vectors.cases)('pads %d to %d', (length, padded) => expect(padme(length as number)).toBe(padded))

it('is the definition for any length, also around every power of two', () => {
  const near = (exponent: number) => [-1, 0, 1].map((by) => 2 ** exponent + by)
  const edges = Array.from({ length: 53 }, (_, exponent) => near(exponent)).flat()
  for (const length of edges) expect(padme(length)).toBe(Number(padmeByDefinition(BigInt(length))))
  fc.assert(
    fc.property(fc.maxSafeNat(), (length) => {
      const padded = padme(length)
      expect(padded).toBe(Number(padmeByDefinition(BigInt(length))))
      expect(padded).toBeGreaterThanOrEqual(length)
      expect(padded).toBeLessThanOrEqual(length * 1.12)
      if (padded < 2 ** 53) expect(padme(padded)).toBe(padded)
    }),
    { numRuns: 1000 },
  )
  expect(padme(Number.MAX_SAFE_INTEGER)).toBe(2 ** 53)
})

it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('refuses %d', (length) =>
  expect(() => padme(length)).toThrow(RangeError),
)
