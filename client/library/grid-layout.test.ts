import fc from 'fast-check'
import { expect, it } from 'vitest'
import { anchorAt, layOut, type Row, rowsWithin, topFor } from './grid-layout.ts'

const DAY_MS = 86_400_000
const NOON = new Date(2026, 5, 15, 12).getTime()
const times = fc
  .array(fc.integer({ min: 0, max: 40 * DAY_MS }), { maxLength: 300 })
  .map((ages) => ages.map((age) => NOON - age).sort((a, b) => b - a))
const width = fc.integer({ min: 200, max: 2000 })

it('has every item once, in order, each under its own day, and no gap between rows', () => {
  fc.assert(
    fc.property(times, width, (takenAt, widthPx) => {
      const { rows, heightPx, columns } = layOut(takenAt, widthPx, 3)
      let next = 0
      let top = 0
      let day: Row | undefined
      for (const row of rows) {
        expect(row.top).toBeCloseTo(top, 6)
        top += row.height
        if (row.kind === 'day') {
          expect(row.day).not.toBe(day?.day)
          day = row
          continue
        }
        expect(row.from).toBe(next)
        expect(row.to - row.from).toBeLessThanOrEqual(columns)
        expect(row.to).toBeGreaterThan(row.from)
        expect(row.day).toBe(day?.day)
        for (const at of takenAt.slice(row.from, row.to)) expect(new Date(at).setHours(0, 0, 0, 0)).toBe(row.day)
        next = row.to
      }
      expect(next).toBe(takenAt.length)
      expect(heightPx).toBeCloseTo(top, 6)
    }),
  )
})

it('finds just the rows that touch what is seen', () => {
  fc.assert(
    fc.property(times, width, fc.integer({ min: -500, max: 20_000 }), fc.nat(3000), (takenAt, widthPx, from, seen) => {
      const layout = layOut(takenAt, widthPx, 3)
      const { first, end } = rowsWithin(layout, from, from + seen)
      const touching = layout.rows.filter((row) => row.top + row.height > from && row.top < from + seen)
      expect(layout.rows.slice(first, end)).toEqual(touching)
    }),
  )
})

it('an item that somebody looks at stands at the same height when the width changes', () => {
  fc.assert(
    fc.property(times, width, width, fc.nat(20_000), (takenAt, before, after, top) => {
      const [narrow, wide] = [layOut(takenAt, before, 3), layOut(takenAt, after, 6)]
      const anchor = anchorAt(narrow, top, 80)
      // Nothing lies below the line.
      if (!anchor) {
        expect(narrow.heightPx).toBeLessThanOrEqual(top + 80)
        return
      }
      expect(topFor(narrow, anchor)).toBeCloseTo(top, 6)
      const begins = topFor(wide, anchor) as number
      const row = wide.rows.find((one) => one.kind === 'tiles' && one.from <= anchor.index && anchor.index < one.to)
      expect((row?.top ?? 0) - begins).toBeCloseTo(anchor.offsetPx, 6)
      expect(topFor(wide, { ...anchor, index: takenAt.length })).toBe(null)
    }),
  )
})

it('fills the width of a phone with three tiles, and of a desk with tiles of at most 180 px', () => {
  expect(layOut([NOON], 384, 3)).toMatchObject({ columns: 3, tilePx: 126 })
  const desk = layOut([NOON], 1180, 6)
  expect(desk.tilePx).toBeGreaterThanOrEqual(180)
  expect(desk.tilePx).toBeLessThan(230)
})
