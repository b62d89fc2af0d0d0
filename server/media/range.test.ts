import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseRange } from './range.ts'

it.each([
  ['bytes=0-0', { kind: 'part', range: { start: 0, end: 1 } }],
  ['bytes=90-', { kind: 'part', range: { start: 90, end: 100 } }],
  ['bytes=90-500', { kind: 'part', range: { start: 90, end: 100 } }],
  ['bytes=-10', { kind: 'part', range: { start: 90, end: 100 } }],
  ['bytes=-500', { kind: 'part', range: { start: 0, end: 100 } }],
  ['bytes=-0', { kind: 'unsatisfiable' }],
  ['bytes=100-', { kind: 'unsatisfiable' }],
  ['bytes=5-4', { kind: 'whole' }],
  ['bytes=0-1,3-4', { kind: 'whole' }],
  ['bytes=-', { kind: 'whole' }],
  ['', { kind: 'whole' }],
])('%s of 100 bytes', (header, answer) => expect(parseRange(header, 100)).toEqual(answer))

it('never reaches outside', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^bytes=\d{0,4}-\d{0,4}$/), fc.nat(2000), (header, size) => {
      const answer = parseRange(header, size)
      if (answer.kind !== 'part') return
      expect(answer.range.start).toBeLessThan(answer.range.end)
      expect(answer.range.end).toBeLessThanOrEqual(size)
    }),
  )
})
