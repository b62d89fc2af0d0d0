import fc from 'fast-check'
import { expect, it } from 'vitest'
import { follow, MOST, newer, older, STEP, windowAround } from './view-window.ts'

it('begins at the newest, or around the first unread', () => {
  expect(windowAround(10_000, null)).toEqual({ from: 9960, to: 10_000 })
  expect(windowAround(10_000, 9000)).toEqual({ from: 8980, to: 9060 })
  expect(windowAround(10_000, 9999)).toEqual({ from: 9960, to: 10_000 })
  expect(windowAround(3, 1)).toEqual({ from: 0, to: 3 })
  expect(windowAround(0, null)).toEqual({ from: 0, to: 0 })
})

it('reaches every message by scrolling, and never holds many', () => {
  fc.assert(
    fc.property(
      fc.nat(2000),
      fc.nat(2000),
      fc.array(fc.constantFrom('older', 'newer', 'grow', 'shrink')),
      (total, at, moves) => {
        let all = total
        let view = windowAround(all, all === 0 ? null : at % all)
        const check = () => {
          expect(view.from).toBeGreaterThanOrEqual(0)
          expect(view.from).toBeLessThanOrEqual(view.to)
          expect(view.to).toBeLessThanOrEqual(all)
          expect(view.to - view.from).toBeLessThanOrEqual(MOST)
          if (all > 0) expect(view.to - view.from).toBeGreaterThan(0)
        }
        check()
        for (const move of moves) {
          const before = all
          const { from, to } = view
          if (move === 'older') view = older(view)
          if (move === 'newer') view = newer(view, all)
          if (move === 'grow') all += 3
          if (move === 'shrink') all = Math.max(0, all - 2)
          if (all !== before) view = follow(view, before, all)
          check()
          if (move === 'older') expect(view.from).toBe(Math.max(0, from - STEP))
          if (move === 'newer') expect(view.to).toBe(Math.min(all, to + STEP))
          if (move === 'grow' && to === before) expect(view.to).toBe(all)
        }
      },
    ),
  )
})
