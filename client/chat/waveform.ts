export const PEAKS = 64
const LOUDEST = 31

/** 64 peaks of a sound, 0 to 31 each, whatever its length. @param samples −1 to 1. */
export function peaksOf(samples: Float32Array): number[] {
  const peaks = Array.from({ length: PEAKS }, (_, i) => {
    const [from, to] = [Math.floor((i * samples.length) / PEAKS), Math.floor(((i + 1) * samples.length) / PEAKS)]
    let peak = 0
    for (let at = from; at < to; at++) peak = Math.max(peak, Math.abs(samples[at] ?? 0))
    return peak
  })
  // A quiet voice is shown as large as a loud one.
  const loudest = Math.max(...peaks)
  return peaks.map((peak) => (loudest < 0.01 ? 0 : Math.min(LOUDEST, Math.round((peak / loudest) * LOUDEST))))
}
