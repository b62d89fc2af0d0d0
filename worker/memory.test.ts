import { expect, it } from 'vitest'
import { createCollector } from './memory.ts'

it('collects after every few megabytes, whether they come in large parts or small ones', () => {
  let times = 0
  const handled = createCollector(() => times++)
  for (let i = 0; i < 64; i++) handled(256 * 1024)
  expect(times).toBe(8)
  handled(30 * 2 ** 20)
  expect(times).toBe(9)
})

it('does nothing where the program may not collect', () =>
  expect(() => createCollector(undefined)(2 ** 30)).not.toThrow())
