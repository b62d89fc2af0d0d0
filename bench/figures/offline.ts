import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, type Page } from '@playwright/test'
import { makeVideo } from '../../e2e/support/media.ts'
import type { Person } from '../../e2e/support/person.ts'
import type { World } from '../../e2e/support/world.ts'
import { type Bench, figure, inTurn, median } from '../figure.ts'
import { withPerson } from '../world.ts'

const FILE_MIB = 64
const ROUNDS = 3
const VIDEO_SECONDS = 60
/** Far from each other: nothing of what follows is in the buffer. */
const PLACES = [42, 12, 51, 24, 36, 48, 18]
const KEPT = 'sea'
const AWAY = 'sky'

/** Keeping an item against the bare Cache Storage, and seeking in what is kept against seeking over the network. */
export const bench: Bench = {
  name: 'offline',
  run: (log) =>
    withPerson({ worker: true, args: ['--autoplay-policy=no-user-gesture-required'] }, async (ada, world) => [
      await keeping(ada, world, log),
      await seeking(ada, world, log),
    ]),
}

async function keeping(ada: Person, world: World, log: (line: string) => void) {
  const { page } = ada
  const file = join(world.folder, 'large.bin')
  await writeFile(file, randomBytes(FILE_MIB * 2 ** 20))
  const asked = page.waitForRequest((request) => /\/objects\//.test(request.url()) && request.method() !== 'GET')
  await ada.upload(file)
  await asked.catch(() => undefined)
  await expect(page.getByRole('link', { name: /^large Uploading/ })).toHaveCount(0, { timeout: 120_000 })
  await ada.open('large')
  let objectUrl = ''
  const keep = async (): Promise<number> => {
    await page.getByRole('button', { name: 'Keep offline' }).click()
    const began = performance.now()
    await page.locator('kith-dialog').getByRole('button', { name: 'Keep offline' }).click()
    await expect(page.getByText('It plays without network.')).toBeVisible({ timeout: 120_000 })
    const seconds = (performance.now() - began) / 1000
    objectUrl = await page.evaluate(largestKept)
    await page.getByRole('button', { name: 'Take off this device' }).click()
    return FILE_MIB / seconds
  }
  const plain = async () => FILE_MIB / (await page.evaluate(putPlain, objectUrl))
  log(`first: ${(await keep()).toFixed(0)} MiB/s`)
  const values = await inTurn(ROUNDS, keep, plain)
  return figure(
    'offline: keep an item',
    'MiB/s',
    { ...values, peerName: 'the same bytes by `cache.put`' },
    { atLeast: 0.4 },
  )
}

/** In the page: where the server has what was just kept. */
async function largestKept(): Promise<string> {
  const media = location.pathname.split('/').at(-1)
  const cache = await caches.open(`kith/kept/${media}`)
  const last = (await cache.keys())
    .map(({ url }) => url.split('/'))
    .sort((a, b) => Number(a.at(-1)) - Number(b.at(-1)))
    .at(-1)
  if (!last) throw new Error('nothing is kept')
  return `/api/media/${media}/objects/${last.at(-2)}`
}

/** In the page: fetches the object by the same pieces and puts them into a cache. @returns seconds. */
async function putPlain(url: string): Promise<number> {
  const pieceBytes = 4 * 2 ** 20
  const cache = await caches.open('bench')
  const began = performance.now()
  for (let from = 0, total = 1; from < total; from += pieceBytes) {
    const headers = { range: `bytes=${from}-${from + pieceBytes - 1}` }
    const answer = await fetch(url, { headers, cache: 'no-store' })
    if (answer.status !== 206) throw new Error(`the server answered ${answer.status}`)
    total = Number(answer.headers.get('content-range')?.split('/')[1])
    await cache.put(`/bench/${from}`, new Response(await answer.arrayBuffer()))
  }
  const seconds = (performance.now() - began) / 1000
  await caches.delete('bench')
  return seconds
}

async function seeking(ada: Person, world: World, log: (line: string) => void) {
  const { page } = ada
  await ada.enrolWorker()
  // The same twice, in one quality alone: one of them is kept, and they are sought in by turns.
  for (const title of [KEPT, AWAY]) {
    const video = join(world.folder, `${title}.mp4`)
    await makeVideo(video, { seconds: VIDEO_SECONDS, height: 360, width: 640 })
    await ada.upload(video)
    await ada.finished(title)
  }
  await ada.open(KEPT)
  await page.getByRole('button', { name: 'Keep offline' }).click()
  await page.getByRole('radio', { name: /^360p/ }).check()
  await page.locator('kith-dialog').getByRole('button', { name: 'Keep offline' }).click()
  await expect(page.getByText('It plays without network.')).toBeVisible({ timeout: 60_000 })
  await page.getByRole('button', { name: 'Close' }).click()
  const [online, kept]: [number[], number[]] = [[], []]
  for (const place of PLACES) {
    kept.push(await seek(ada, KEPT, place))
    online.push(await seek(ada, AWAY, place))
  }
  log(
    `online ${online.map((ms) => ms.toFixed(0)).join(', ')} ms; kept ${kept.map((ms) => ms.toFixed(0)).join(', ')} ms`,
  )
  const values = { ours: median(kept), peer: median(online), peerName: 'the same, over the network' }
  return figure('offline: seek in a kept video', 'ms', values, { atMost: 1 })
}

/** Anew each time: what was loaded before is neither in the buffer nor in the browser's own cache. */
async function seek(ada: Person, title: string, place: number): Promise<number> {
  const devtools = await ada.context.newCDPSession(ada.page)
  await devtools.send('Network.clearBrowserCache')
  await devtools.detach()
  await ada.page.goto(ada.world.origin)
  await ada.open(title)
  await ada.plays()
  return seekMs(ada.page, place)
}

/** From the tap to the frame of that place. */
function seekMs(page: Page, to: number): Promise<number> {
  return page.locator('video').evaluate(
    (video: HTMLVideoElement, seconds) =>
      new Promise<number>((resolve) => {
        const began = performance.now()
        video.addEventListener(
          'seeked',
          () => video.requestVideoFrameCallback(() => resolve(performance.now() - began)),
          {
            once: true,
          },
        )
        video.currentTime = seconds
      }),
    to,
  )
}
