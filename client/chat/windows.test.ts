import fc from 'fast-check'
import { expect, it } from 'vitest'
import { newDeviceId, newUserId } from '../../shared/crypto/random.ts'
import { NEVER_MAX } from '../../shared/wire/message-body.ts'
import { advance, mayFollow, missingOf, skip, type Window, windowOf } from './windows.ts'

const hash = (counter: number) => new Uint8Array(32).fill(counter % 251)
const fresh = () => windowOf([], newUserId(), newDeviceId())
const isIn = (ranges: readonly (readonly [number, number])[], counter: number) =>
  ranges.some(([from, to]) => from <= counter && counter <= to)

it('never says of what did not come that it came, however much was skipped', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 60 }), (came) => {
      const window = fresh()
      for (const [index, isHere] of came.entries()) {
        const counter = index + 1
        if (isHere) advance(window, { counter, hash: hash(counter), prev: null }, null)
        else skip(window, counter)
      }
      expect(missingOf(window)).toBe(0)
      expect(window.low.counter).toBe(came.length)
      expect(window.never.length).toBeLessThanOrEqual(NEVER_MAX)
      for (const [index, isHere] of came.entries()) if (!isHere) expect(isIn(window.never, index + 1)).toBe(true)
      // What came last is told apart from what did not.
      if (came.at(-1)) expect(isIn(window.never, came.length)).toBe(false)
    }),
  )
})

it('tells of a hole that was given up for what came after it', () => {
  const window = fresh()
  for (let counter = 4; counter < 1100; counter++) advance(window, { counter, hash: hash(counter), prev: null }, null)
  expect(window).toMatchObject({ low: { counter: 1099 }, lost: 3, never: [[1, 3]] })
})

it('follows 512 devices of one person, and half as many by the server’s word alone', () => {
  const [anna, ben] = [newUserId(), newUserId()]
  const windows: Window[] = []
  const follow = (count: number) => {
    while (windows.length < count) windowOf(windows, anna, newDeviceId())
  }
  follow(255)
  expect(mayFollow(windows, anna, newDeviceId(), false)).toBe(true)
  follow(256)
  expect(mayFollow(windows, anna, newDeviceId(), false)).toBe(false)
  follow(511)
  expect(mayFollow(windows, anna, newDeviceId())).toBe(true)
  follow(512)
  expect(mayFollow(windows, anna, newDeviceId())).toBe(false)
  // Who is followed goes on being followed, and nobody takes the other's room.
  expect(windows.every(({ deviceId }) => mayFollow(windows, anna, deviceId, false))).toBe(true)
  expect(mayFollow(windows, ben, newDeviceId(), false)).toBe(true)
})
