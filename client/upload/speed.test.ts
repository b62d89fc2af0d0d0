import { expect, test } from 'vitest'
import { Speed } from './speed.ts'

const MB = 1e6

/** One mark each second, `perSecond` apart. @returns what the last of them says. */
function send(speed: Speed, fromMs: number, seconds: number, fromBytes: number, perSecond: number): number {
  let said = 0
  for (let s = 0; s <= seconds; s++) said = speed.take(fromBytes + s * perSecond, fromMs + s * 1000)
  return said
}

test('unknown at first, then what is sent each second', () => {
  const speed = new Speed()
  expect(speed.take(0, 0)).toBe(0)
  expect(speed.take(MB, 999)).toBe(0)
  expect(speed.take(2 * MB, 2000)).toBe(MB)
})

test('what was sent before a reload, or while it waited its turn, does not count', () => {
  expect(send(new Speed(), 3_600_000, 5, 900 * MB, MB)).toBe(MB)
})

test('a network that becomes slow is slow within seconds, however long it was fast', () => {
  const speed = new Speed()
  expect(send(speed, 0, 600, 0, 10 * MB)).toBe(10 * MB)
  expect(send(speed, 600_000, 25, 6000 * MB, MB)).toBe(MB)
})

test('a pause in between is no part of it', () => {
  const speed = new Speed()
  send(speed, 0, 10, 0, MB)
  expect(speed.take(10 * MB, 300_000)).toBe(0)
  expect(speed.take(12 * MB, 302_000)).toBe(MB)
})

test('what has to be sent once more makes no speed below nothing', () => {
  const speed = new Speed()
  send(speed, 0, 10, 0, MB)
  expect(speed.take(4 * MB, 11_000)).toBe(0)
  expect(speed.take(6 * MB, 13_000)).toBe(MB)
})
