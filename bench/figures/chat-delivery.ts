import type { Page } from '@playwright/test'
import { noteTaps, shownAt, tappedAt } from '../chat-screen.ts'
import { type Bench, figure, median } from '../figure.ts'
import { withFriends } from '../world.ts'

const MESSAGES = 60
/** Two programs that have just met still load this and that. */
const WARM_UP = 10
/** Between two keys: somebody who types fast. */
const KEY_MS = 40

/** From the tap on Send to the frame that shows the message on the friend's screen: two browsers and the server on one machine. */
export const bench: Bench = {
  name: 'chat-delivery',
  run: (log) =>
    withFriends(async (ada, ben) => {
      await ada.page.getByRole('link', { name: 'Write to ben' }).click()
      await ben.page.getByRole('link', { name: 'Write to ada' }).click()
      for (const { page } of [ada, ben]) {
        await page.getByRole('textbox', { name: 'Message' }).waitFor()
        await page.evaluate(noteTaps)
      }
      const waits: number[] = []
      for (let index = 0; index < WARM_UP + MESSAGES; index++) {
        const text = `Message ${index}.`
        const [from, to] = index % 2 === 0 ? [ada.page, ben.page] : [ben.page, ada.page]
        const shown = to.evaluate(shownAt, text)
        const tapped = await send(from, text)
        const waitMs = (await shown) - tapped
        if (index >= WARM_UP) waits.push(waitMs)
        // Nobody answers before the message has been read; whoever wrote it hears of that first.
        await from.locator('message-row').filter({ hasText: text }).locator('[data-state=read]').waitFor()
      }
      log(`fastest ${Math.min(...waits).toFixed(0)} ms, slowest ${Math.max(...waits).toFixed(0)} ms`)
      return [
        figure('chat-delivery: from the tap to the frame, median', 'ms', { ours: median(waits) }, { atMost: 100 }),
      ]
    }),
}

/** @returns when the tap was, in ms since 1970. */
async function send(page: Page, text: string): Promise<number> {
  await page.getByRole('textbox', { name: 'Message' }).pressSequentially(text, { delay: KEY_MS })
  await page.getByRole('button', { name: 'Send' }).click()
  return tappedAt(page)
}
