import { afterEach, expect, it, vi } from 'vitest'

afterEach(() => vi.resetModules())

it('forgets what was met longest ago, not what is met again and again', async () => {
  const { isKnownGood, knownGood, noteGood } = await import('./known-good.ts')
  noteGood('log')
  for (let other = 0; other < 10_000; other++) {
    noteGood(`card ${other}`)
    if (other % 1000 === 0) expect(isKnownGood('log')).toBe(true)
  }
  expect(isKnownGood('log')).toBe(true)
  expect(isKnownGood('card 0')).toBe(false)
  expect(knownGood(2)).toEqual(['card 9999', 'log'])
})
