import fc from 'fast-check'
import { expect, it } from 'vitest'
import { PEAKS, peaksOf } from './waveform.ts'

it('shows where it is loud', () => {
  const peaks = peaksOf(Float32Array.from({ length: 6400 }, (_, i) => (i >= 3200 && i < 3300 ? -0.5 : 0.05)))
  expect(peaks).toHaveLength(PEAKS)
  expect(peaks[32]).toBe(31)
  expect(peaks[10]).toBe(3)
})

it('is what the message schema takes, for any sound', () => {
  fc.assert(
    fc.property(fc.float32Array({ min: -1, max: 1, noNaN: true, maxLength: 500 }), (samples) => {
      const peaks = peaksOf(samples)
      expect(peaks).toHaveLength(PEAKS)
      for (const peak of peaks) expect(Number.isInteger(peak) && peak >= 0 && peak <= 31).toBe(true)
    }),
  )
})
