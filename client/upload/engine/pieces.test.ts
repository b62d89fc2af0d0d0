import fc from 'fast-check'
import { expect, it } from 'vitest'
import { layoutFor, sealedSize } from '../../../shared/format/layout.ts'
import { pieceAt, pieceCount, piecesBefore, piecesOf } from './pieces.ts'

it('tiles every object exactly, and finds the pieces of any part', () => {
  fc.assert(
    fc.property(
      fc.nat(400_000),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (bytes, a, b) => {
        const layout = layoutFor(bytes, 12)
        const size = sealedSize(layout)
        const all = Array.from({ length: pieceCount(layout) }, (_, index) => pieceAt(layout, index))
        expect(all[0]?.from).toBe(0)
        expect(all.at(-1)?.to).toBe(size)
        for (const [i, piece] of all.entries()) expect(piece.to).toBe(all[i + 1]?.from ?? size)
        const [start, end] = [Math.floor(Math.min(a, b) * size), Math.ceil(Math.max(a, b) * size)]
        const found = piecesOf(layout, start, end)
        if (end > start) {
          expect(found[0]?.from).toBeLessThanOrEqual(start)
          expect(found.at(-1)?.to).toBeGreaterThanOrEqual(end)
        }
        const done = piecesBefore(layout, start)
        if (done > 0) expect(pieceAt(layout, done - 1).to).toBeLessThanOrEqual(start)
        expect(piecesBefore(layout, size)).toBe(all.length)
      },
    ),
  )
})
