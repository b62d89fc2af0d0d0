import { expect, it, onTestFinished, vi } from 'vitest'
import { Pulse, STALLED_MS } from './pulse.ts'

it('is on for as long as beats come, and goes off by itself, or at once when told', () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  let isOn = false
  const pulse = new Pulse((now) => {
    isOn = now
  })
  for (let beats = 0; beats < 3; beats++) {
    pulse.beat()
    vi.advanceTimersByTime(STALLED_MS - 1)
    expect(isOn).toBe(true)
  }
  vi.advanceTimersByTime(1)
  expect(isOn).toBe(false)
  pulse.beat()
  pulse.rest()
  expect(isOn).toBe(false)
  expect(vi.getTimerCount()).toBe(0)
})
