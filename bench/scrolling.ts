export type Scrolled = {
  /** ms; 0: no task was long enough to be reported (50 ms). */
  readonly longest: number
  /** ms from one to the next. */
  readonly frames: number[]
}

/** How many frames came each second, from first to last: each one that was dropped makes it less, which a median would hide. */
export function framesEachSecond(frames: readonly number[]): number {
  return (frames.length * 1000) / frames.reduce((sum, ms) => sum + ms, 0)
}

/** In the page: some way further in each frame, up where `stepPx` is below zero. */
export async function scroll(element: Element, [count, stepPx]: readonly [number, number]): Promise<Scrolled> {
  let longest = 0
  const tasks = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longest = Math.max(longest, duration)
  })
  tasks.observe({ type: 'longtask' })
  const frames: number[] = []
  await new Promise<void>((resolve) => {
    let before = 0
    const step = (now: number) => {
      if (before > 0) frames.push(now - before)
      before = now
      if (frames.length === count) return resolve()
      element.scrollBy(0, stepPx)
      requestAnimationFrame(step)
    }
    requestAnimationFrame(step)
  })
  await new Promise((resolve) => setTimeout(resolve, 200))
  tasks.disconnect()
  return { longest, frames }
}
