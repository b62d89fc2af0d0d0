import type { CDPSession, Page } from '@playwright/test'
import type { KithApp } from '../../client/app/kith-app.ts'
import type { Services } from '../../client/app/services.ts'
import { noteTaps, shownAt, tappedAt } from '../chat-screen.ts'
import { fillConversation, withDatabase, writingOf } from '../conversations.ts'
import { type Bench, figure, median } from '../figure.ts'
import { framesEachSecond, scroll } from '../scrolling.ts'
import { goTo, withFriends } from '../world.ts'

const MESSAGES = 10_000
const ROUNDS = 5
const FRAMES = 1200
/** A fast fling on a phone: some 5,000 px a second. */
const STEP_PX = 80

/** A conversation of ten thousand messages in the app itself: taken from the server, opened, and scrolled through. */
export const bench: Bench = {
  name: 'chat',
  run: (log) =>
    withFriends(async (ada, ben, world) => {
      const { page } = ada
      const [hers, his] = [await writingOf(ada), await writingOf(ben)]
      const [between] = hers.all
      if (!between) throw new Error('no conversation')
      await page.goto('about:blank')
      await withDatabase(world, (db) => fillConversation(db, between, [hers.me, his.me], MESSAGES))
      log(`${MESSAGES} messages are at the server`)
      await goTo(page, `${world.origin}/chats`)
      const takeSeconds = await page.evaluate(take)
      log(`taken in ${takeSeconds.toFixed(1)} s`)
      await readAll(page)
      const devtools = await ada.context.newCDPSession(page)
      const opened: number[] = []
      const memory: number[] = []
      for (let round = 0; round < ROUNDS; round++) {
        await page.goto(`${world.origin}/chats`)
        await page.getByRole('link', { name: /^ben/ }).waitFor()
        const before = await heapMiB(devtools)
        await page.evaluate(noteTaps)
        const shown = page.evaluate(shownAt, `${MESSAGES}.`)
        await page.getByRole('link', { name: /^ben/ }).click()
        opened.push(((await shown) - (await tappedAt(page))) / 1000)
        memory.push((await heapMiB(devtools)) - before)
        log(`painted after ${opened.at(-1)?.toFixed(3)} s, ${memory.at(-1)?.toFixed(1)} MiB`)
      }
      const { longest, frames } = await page.locator('.log').evaluate(scroll, [FRAMES, -STEP_PX] as const)
      const rows = page.locator('message-row')
      const first = await rows.first().evaluate((row) => row.shadowRoot?.textContent?.match(/\d+\./)?.[0])
      log(`scrolled to message ${first} with ${await rows.count()} in the page`)
      return [
        figure(
          'chat-open: from the tap to the first paint of 10,000 messages',
          's',
          { ours: median(opened) },
          { atMost: 1 },
        ),
        figure('chat-open: memory of it', 'MiB', { ours: median(memory) }, { atMost: 32 }),
        figure('chat-open: verified and kept each second', '/s', { ours: MESSAGES / takeSeconds }, { atLeast: 500 }),
        figure('chat-scroll: longest task while scrolling 10,000', 'ms', { ours: longest }, { atMost: 50 }),
        figure('chat-scroll: frames a second', '/s', { ours: framesEachSecond(frames) }, { atLeast: 58 }),
      ]
    }),
}

/** In the page: seconds until all that the server has is verified and kept. */
async function take(): Promise<number> {
  const { services } = document.querySelector('kith-app') as KithApp & { services: Services }
  await services.session.state.until(({ kind }) => kind === 'unlocked')
  const from = performance.now()
  const { chat } = await services.openTalk()
  await chat.catchUp()
  await chat.settled()
  return (performance.now() - from) / 1000
}

/** By looking at the newest. */
async function readAll(page: Page): Promise<void> {
  await page.getByRole('link', { name: /^ben/ }).click()
  await page.getByRole('button', { name: 'To the newest' }).click()
  await page.evaluate(async () => {
    const { services } = document.querySelector('kith-app') as KithApp & { services: Services }
    const { chat } = await services.openTalk()
    await chat.unread.until((unread) => unread === 0)
  })
}

/** What is alive in the page, once what is not was thrown away. */
async function heapMiB(devtools: CDPSession): Promise<number> {
  await devtools.send('Performance.enable')
  await devtools.send('HeapProfiler.collectGarbage')
  const { metrics } = await devtools.send('Performance.getMetrics')
  return (metrics.find(({ name }) => name === 'JSHeapUsedSize')?.value ?? Number.NaN) / 2 ** 20
}
