import { expect, it } from 'vitest'
import { createForecast } from './forecast.ts'
import type { Gate, WaitReason } from './resources.ts'

const open: Gate = { open: true }
const closed = (reason: WaitReason, estimateMs = 60_000): Gate => ({ open: false, reason, detail: '', estimateMs })

function watch() {
  let at = 0
  const forecast = createForecast(() => at)
  return (seconds: number, gate: Gate) => {
    at = seconds * 1000
    return forecast(gate)
  }
}

it('counts down from what the reading suggests, and says as long again once that has passed', () => {
  const say = watch()
  const said = [0, 20, 59, 60, 200].map((seconds) => say(seconds, closed('memory')))
  expect(said).toEqual([60_000, 40_000, 5000, 60_000, 200_000])
  expect(say(201, open)).toBeNull()
})

it('goes by how long it took the last times, for each reason by itself', () => {
  const say = watch()
  say(0, closed('memory'))
  say(10, open)
  say(100, closed('memory'))
  say(130, open)
  expect(say(200, closed('memory'))).toBe(20_000)
  expect(say(212, closed('memory'))).toBe(8000)
  expect(say(215, closed('disk', 300_000))).toBe(300_000)
  // The wait for memory was over at 215 s: it counts as the third.
  expect(say(216, closed('memory'))).toBe(18_333)
})

it('forgets what was long ago', () => {
  const say = watch()
  for (const [at, lasted] of [1000, 8, 8, 8, 8, 8].entries()) {
    say(at * 2000, closed('load', 15_000))
    say(at * 2000 + lasted, open)
  }
  expect(say(20_000, closed('load', 15_000))).toBe(8000)
})
