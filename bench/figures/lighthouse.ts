import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from '@playwright/test'
import { fillLibrary } from '../../e2e/support/library.ts'
import { Person } from '../../e2e/support/person.ts'
import { World } from '../../e2e/support/world.ts'
import { type Bench, type Figure, figure, median } from '../figure.ts'
import { type Audit, loadLighthouse } from '../lighthouse.ts'
import { libraryIsOpen } from '../world.ts'

const ROUNDS = 5
const ITEMS = 60

/** Lighthouse as on a mid-range phone on a slow network, its own default: the first visit, and the library of somebody who is in. */
export const bench: Bench = {
  name: 'lighthouse',
  async run(log) {
    const audit = await loadLighthouse()
    const world = await World.open({ worker: false, isDirect: true })
    const profile = mkdtempSync(join(tmpdir(), 'kith-lighthouse-'))
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: process.env.KITH_CHROMIUM ?? '/usr/bin/chromium',
      viewport: { width: 390, height: 844 },
      args: ['--no-sandbox', '--disable-background-networking', '--remote-debugging-port=0'],
    })
    const port = Number(readFileSync(join(profile, 'DevToolsActivePort'), 'utf8').split('\n')[0])
    const measure = async (name: string, keepsStorage: boolean): Promise<Figure[]> => {
      const runs: Audit[] = []
      for (let round = 0; round < ROUNDS; round++) runs.push(await audit(world.origin, port, keepsStorage))
      log(`${name}: ${runs.map(({ performance, lcpMs }) => `${performance} (${lcpMs.toFixed(0)} ms)`).join(', ')}`)
      log(`to mend: ${runs.at(-1)?.faults.join('; ') || 'nothing'}`)
      const row = (what: string, unit: string, pick: (run: Audit) => number, goal: Parameters<typeof figure>[3]) =>
        figure(`lighthouse: ${name}, ${what}`, unit, { ours: median(runs.map(pick)) }, goal)
      return [
        row('performance', '', (run) => run.performance, { atLeast: 95 }),
        row('accessibility', '', (run) => run.accessibility, { atLeast: 100 }),
        row('best practices', '', (run) => run.bestPractices, { atLeast: 100 }),
        row('largest contentful paint', 'ms', (run) => run.lcpMs, { atMost: 1800 }),
      ]
    }
    try {
      const first = await measure('first visit', false)
      const ada = await Person.in(context, world, 'ada')
      await ada.makeCircle('Gartenfreunde')
      await fillLibrary(world, ada, ITEMS)
      await ada.page.reload()
      await libraryIsOpen(ada.page)
      await ada.page.close()
      return [...first, ...(await measure('library', true))]
    } finally {
      await context.close()
      await world.close()
      rmSync(profile, { recursive: true, force: true })
    }
  },
}
