import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { createOnce } from './once.ts'
import { TestClock } from './testing/test-server.ts'

const random = (length: number) => new Uint8Array(randomBytes(length))

it('gives a value once, and not when it is late', () => {
  const clock = new TestClock()
  const once = createOnce<string>({ clock, random }, 1000)
  const [first, second] = [once.put('a'), once.put('b')]
  expect(once.take(first)).toBe('a')
  expect(once.take(first)).toBe(null)
  clock.advance(1000)
  expect(once.take(second)).toBe(null)
  expect(once.take('never')).toBe(null)
})

it('keeps no more than it may: whoever floods it loses their own oldest', () => {
  const once = createOnce<number>({ clock: new TestClock(), random }, 1000, 3)
  const ids = [0, 1, 2, 3, 4].map((value) => once.put(value))
  expect(ids.map((id) => once.take(id))).toEqual([null, null, 2, 3, 4])
})
