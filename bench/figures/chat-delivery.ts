import { chromium } from '@playwright/test'
import { befriended, chatOf } from '../../e2e/support/chat.ts'
import { Person } from '../../e2e/support/person.ts'
import { World } from '../../e2e/support/world.ts'
import { type Bench, figure, median } from '../figure.ts'

const MESSAGES = 60
/** Two programs that have just met still load this and that. */
const WARM_UP = 10

/** From the tap that sends to the moment when the friend's page has it: two browsers and the server on one machine. */
export const bench: Bench = {
  name: 'chat-delivery',
  async run(log) {
    const world = await World.open()
    const browser = await chromium.launch({
      executablePath: process.env.KITH_CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-background-networking'],
    })
    try {
      const { ada, ben } = await befriended((name) => Person.arrive(browser, world, name))
      const [a, b] = [await chatOf(ada), await chatOf(ben)]
      const waits: number[] = []
      for (let index = 0; index < WARM_UP + MESSAGES; index++) {
        const text = `message ${index}`
        const [from, to] = index % 2 === 0 ? [a, b] : [b, a]
        const arrived = to.evaluate((chat, wanted) => chat.until(wanted), text)
        const sent = await from.evaluate(async ({ thread }, said) => {
          const at = performance.timeOrigin + performance.now()
          await thread.sendText(said)
          return at
        }, text)
        const waitMs = (await arrived) - sent
        if (index >= WARM_UP) waits.push(waitMs)
      }
      waits.sort((one, two) => one - two)
      log(`fastest ${waits[0]?.toFixed(0)} ms, slowest ${waits.at(-1)?.toFixed(0)} ms`)
      return [figure('chat-delivery: sent to there, median', 'ms', { ours: median(waits) }, { atMost: 100 })]
    } finally {
      await browser.close()
      await world.close()
    }
  },
}
