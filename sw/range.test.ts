import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { capRange, parseRange } from './range.ts'

describe('parseRange', () => {
  it.each([
    [null, 100, { kind: 'whole' }],
    ['bytes=0-0', 100, { kind: 'part', start: 0, end: 1, open: false }],
    ['bytes=0-1', 100, { kind: 'part', start: 0, end: 2, open: false }],
    ['bytes=10-', 100, { kind: 'part', start: 10, end: 100, open: true }],
    ['bytes=90-200', 100, { kind: 'part', start: 90, end: 100, open: false }],
    ['bytes=-10', 100, { kind: 'part', start: 90, end: 100, open: false }],
    ['bytes=-1000', 100, { kind: 'part', start: 0, end: 100, open: false }],
    ['bytes=100-', 100, { kind: 'unsatisfiable' }],
    ['bytes=-0', 100, { kind: 'unsatisfiable' }],
    ['bytes=0-', 0, { kind: 'unsatisfiable' }],
    ['bytes=5-4', 100, { kind: 'whole' }],
    ['bytes=0-1,5-6', 100, { kind: 'whole' }],
    ['lines=0-1', 100, { kind: 'whole' }],
    ['bytes=a-b', 100, { kind: 'whole' }],
    ['bytes=', 100, { kind: 'whole' }],
    ['bytes=99999999999999999-', 100, { kind: 'whole' }],
  ])('%s of %i bytes', (header, total, expected) => {
    expect(parseRange(header, total)).toEqual(expected)
  })

  it('never leaves the body, whatever it is asked', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^bytes=\d{0,6}-\d{0,6}$/)),
        fc.nat(100_000),
        (header, total) => {
          const answer = parseRange(header, total)
          if (answer.kind !== 'part') return
          expect(answer.start).toBeGreaterThanOrEqual(0)
          expect(answer.start).toBeLessThan(answer.end)
          expect(answer.end).toBeLessThanOrEqual(total)
        },
      ),
    )
  })
})

describe('capRange', () => {
  it('gives something, never more than asked, and ends on a chunk where it was cut', () => {
    fc.assert(
      fc.property(
        fc.nat(1e7),
        fc.integer({ min: 1, max: 1e7 }),
        fc.constantFrom(4096, 262_144),
        (start, length, chunk) => {
          const end = capRange(start, start + length, 2 ** 20, chunk)
          expect(end).toBeGreaterThan(start)
          expect(end).toBeLessThanOrEqual(start + length)
          expect(end - start).toBeLessThanOrEqual(2 ** 20)
          if (end < start + length) expect(end % chunk).toBe(0)
        },
      ),
    )
  })
})
