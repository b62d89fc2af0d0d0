import { fillLibrary } from '../../e2e/support/library.ts'
import { type Bench, figure, median } from '../figure.ts'
import { framesEachSecond, scroll } from '../scrolling.ts'
import { libraryIsOpen, markFirstTile, startMs, withPerson } from '../world.ts'

const ITEMS = 10_000
const FRAMES = 600
/** px in each frame: a fast fling on a phone, some 5,000 px a second; and as fast as somebody can look. */
const FLING_PX = 80
const LOOK_PX = 16

/** Ten thousand photos: starting with them, and scrolling through them fast. */
export const bench: Bench = {
  name: 'library',
  run: (log) =>
    withPerson({ worker: false }, async (ada, world) => {
      await fillLibrary(world, ada, ITEMS)
      const { page } = ada
      await markFirstTile(ada.context)
      await page.reload()
      const began = performance.now()
      const count = await libraryIsOpen(page)
      log(`${count} items verified for the first time in ${((performance.now() - began) / 1000).toFixed(1)} s`)
      const starts: number[] = []
      for (let round = 0; round < 3; round++) {
        starts.push(await startMs(page, world.origin))
        await libraryIsOpen(page)
      }
      log(`starts: ${starts.map((ms) => ms.toFixed(0)).join(', ')} ms`)
      await page.waitForFunction(() => document.documentElement.scrollHeight > 400_000)
      const fling = await page.locator('html').evaluate(scroll, [FRAMES, FLING_PX] as const)
      const look = await page.locator('html').evaluate(scroll, [FRAMES, LOOK_PX] as const)
      const longest = Math.max(fling.longest, look.longest)
      return [
        figure('library: start with 10,000 items, not slowed down', 'ms', { ours: median(starts) }, { atMost: 1000 }),
        figure('library: longest task while scrolling 10,000', 'ms', { ours: longest }, { atMost: 50 }),
        figure('library: frames a second, flung', '/s', { ours: framesEachSecond(fling.frames) }, { atLeast: 58 }),
        figure('library: frames a second, slow', '/s', { ours: framesEachSecond(look.frames) }, { atLeast: 58 }),
      ]
    }),
}
