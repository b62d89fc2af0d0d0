import { fillLibrary } from '../../e2e/support/library.ts'
import { type Bench, figure, median } from '../figure.ts'
import { libraryIsOpen, markFirstTile, PHONE_SLOWDOWN, slowDown, startMs, withPerson } from '../world.ts'

const ITEMS = 200
const ROUNDS = 7

/** From the tap on the icon to the library, with the server there and with nothing there; at this machine's own speed, and as on a phone. */
export const bench: Bench = {
  name: 'start',
  run: (log) =>
    withPerson({ worker: false }, async (ada, world) => {
      await fillLibrary(world, ada, ITEMS)
      const { page } = ada
      await markFirstTile(ada.context)
      await page.reload()
      await libraryIsOpen(page)
      const [online, offline]: [number[], number[]] = [[], []]
      for (let round = 0; round <= ROUNDS; round++) {
        await ada.context.setOffline(false)
        const withServer = await startMs(page, world.origin)
        await libraryIsOpen(page)
        await ada.context.setOffline(true)
        const without = await startMs(page, world.origin)
        log(`online ${withServer.toFixed(0)} ms, offline ${without.toFixed(0)} ms`)
        if (round === 0) continue
        online.push(withServer)
        offline.push(without)
      }
      const slow: number[] = []
      await ada.context.setOffline(false)
      const quicken = await slowDown(page, PHONE_SLOWDOWN)
      for (let round = 0; round < ROUNDS; round++) {
        slow.push(await startMs(page, world.origin))
        await libraryIsOpen(page)
      }
      await quicken()
      log(`${PHONE_SLOWDOWN} times slower: ${slow.map((ms) => ms.toFixed(0)).join(', ')} ms`)
      return [
        figure('start: warm, to the library, not slowed down', 'ms', { ours: median(online) }, { atMost: 600 }),
        figure(
          'start: without network, not slowed down',
          'ms',
          { ours: median(offline), peer: median(online), peerName: 'with the server' },
          { atMost: 1 },
        ),
        figure(`start: warm, to the library, processor ${PHONE_SLOWDOWN} times slower`, 'ms', { ours: median(slow) }),
      ]
    }),
}
