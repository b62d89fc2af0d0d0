import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { corpusFile, makePhoto, makeVideo } from './support/media.ts'
import type { Person } from './support/person.ts'
import { expect, test } from './support/test.ts'

async function keep(person: Person, title: string, quality?: string): Promise<void> {
  const { page } = person
  await person.open(title)
  await page.getByRole('button', { name: 'Keep offline' }).click()
  if (quality) await page.getByRole('radio', { name: new RegExp(`^${quality}`) }).check()
  await page.locator('kith-dialog').getByRole('button', { name: 'Keep offline' }).click()
  await expect(page.getByText('It plays without network.')).toBeVisible({ timeout: 60_000 })
  await page.getByRole('button', { name: 'Close' }).click()
}

test('what is kept plays and seeks in flight mode, from a cold start, with the server gone', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  const { page } = ada
  await ada.makeCircle('Gartenfreunde')
  await ada.enrolWorker()
  const video = join(world.folder, 'sea.mp4')
  await makeVideo(video, { seconds: 16 })
  const photo = corpusFile('photo-rotated.jpg') ?? (await makePhoto(join(world.folder, 'photo-rotated.jpg')))
  await ada.upload(video, photo)
  await ada.finished('sea')
  await keep(ada, 'sea', '360p')
  await keep(ada, 'photo-rotated')

  await world.server.stop('SIGKILL')
  await world.worker?.stop('SIGKILL')
  await ada.context.setOffline(true)
  await page.goto(world.origin)
  await expect(page.getByRole('link', { name: /^sea/ })).toBeVisible()
  await expect(page.getByText('Kept on this device')).toHaveCount(2)
  await ada.open('sea')
  await ada.plays()
  await ada.seek(11)
  await ada.plays(11)
  // Only what is here is offered.
  await expect(page.getByLabel('Quality').locator('option')).toHaveText([/^Auto/, '360p'])

  await ada.open('photo-rotated')
  await expect(page.locator('photo-view img')).toHaveJSProperty('complete', true)
  expect(
    await page.locator('photo-view img').evaluate((image: HTMLImageElement) => image.naturalWidth),
  ).toBeGreaterThan(0)

  // Locked in the air, it opens with the password alone.
  await page.goto(`${world.origin}/settings`)
  await page.getByRole('button', { name: 'Lock now' }).click()
  await ada.unlock()
  await ada.open('sea')
  await ada.plays()
})

test('keeping goes on after the app was closed in the middle, can be paused, and gives its room back', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const file = join(world.folder, 'large.mp4')
  await makeVideo(file, {
    seconds: 60,
    codec: [
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
      '-b:v',
      '6M',
      '-minrate',
      '6M',
      '-maxrate',
      '6M',
      '-bufsize',
      '6M',
      '-x264-params',
      'nal-hrd=cbr',
    ],
  })
  await ada.upload(file)
  await expect(ada.page.getByRole('link', { name: /^large Uploading/ })).toHaveCount(0, { timeout: 60_000 })
  await ada.open('large')

  const asked: string[] = []
  const held = Promise.withResolvers<void>()
  world.relay.gate = async (method, path) => {
    if (method !== 'GET' || !/\/objects\//.test(path)) return
    asked.push(path)
    if (asked.length < 8) return
    held.resolve()
    await new Promise(() => undefined)
  }
  await ada.page.getByRole('button', { name: 'Keep offline' }).click()
  await ada.page.locator('kith-dialog').getByRole('button', { name: 'Keep offline' }).click()
  await held.promise
  await ada.page.close()
  world.relay.gate = undefined
  world.relay.cut()

  const page = await ada.newPage()
  await page.goto(`${world.origin}/offline`)
  const row = page.getByRole('listitem').filter({ hasText: 'large' })
  await expect(row).toHaveAttribute('data-state', 'kept', { timeout: 60_000 })
  await expect(page.getByText(/One item takes [\d.]+ MB/)).toBeVisible()

  await row.getByRole('button', { name: /off this device/ }).click()
  await expect(page.getByText('Nothing is kept here yet.')).toBeVisible()
  expect(
    await page.evaluate(() => caches.keys().then((names) => names.filter((name) => name.startsWith('kith/kept')))),
  ).toEqual([])
})

test('what was deleted elsewhere leaves the device when it is online again', async ({ world, arrive }) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const link = await ada.invite()
  const photo = join(world.folder, 'sea.mp4')
  await makeVideo(photo, { seconds: 3 })
  await ada.upload(photo)
  const ben = await arrive('ben')
  await ben.joinBy(link)
  await keep(ben, 'sea')
  await ben.context.setOffline(true)
  await ada.open('sea')
  await ada.page.getByRole('button', { name: 'Delete' }).click()
  await expect(ada.page.getByText('Deleted')).toBeVisible()
  await ben.context.setOffline(false)
  await ben.page.goto(`${world.origin}/`)
  await expect(ben.page.getByRole('link', { name: /^sea/ })).toHaveCount(0)
  await expect
    .poll(() =>
      ben.page.evaluate(() => caches.keys().then((names) => names.filter((name) => name.startsWith('kith/kept')))),
    )
    .toEqual([])
})

test('what is being fetched comes also while no page of Kith is open, and is there without network', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const file = join(world.folder, 'large.bin')
  await writeFile(file, randomBytes(24 * 2 ** 20))
  await ada.upload(file)
  await expect(ada.page.getByRole('link', { name: /^large Uploading/ })).toHaveCount(0, { timeout: 60_000 })
  await ada.open('large')

  const asked = Promise.withResolvers<void>()
  const isClosed = Promise.withResolvers<void>()
  let bytes = 0
  world.relay.gate = async (method, path) => {
    if (method !== 'GET' || !/\/objects\//.test(path)) return
    asked.resolve()
    await isClosed.promise
  }
  const isFetched = Promise.withResolvers<void>()
  world.relay.onExchange = ({ method, path, body }) => {
    if (method === 'GET' && /\/objects\//.test(path)) bytes += body.length
    if (bytes > 24 * 2 ** 20) isFetched.resolve()
  }
  await ada.page.getByRole('button', { name: 'Keep offline' }).click()
  await ada.page.locator('kith-dialog').getByRole('button', { name: 'Keep offline' }).click()
  await asked.promise
  await ada.page.close()
  isClosed.resolve()
  await isFetched.promise
  await world.server.stop('SIGKILL')

  const page = await ada.newPage()
  await page.goto(`${world.origin}/offline`)
  const row = page.getByRole('listitem').filter({ hasText: 'large' })
  await expect(row).toHaveAttribute('data-state', 'kept', { timeout: 60_000 })
})

test('killed at every step of keeping, app and Service Worker, it goes on until all of it is here', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const video = join(world.folder, 'sea.mp4')
  await makeVideo(video, { seconds: 10 })
  await ada.enrolWorker()
  await ada.upload(video)
  await ada.finished('sea')
  await ada.open('sea')
  await world.worker?.stop('SIGKILL')

  // Each time one request more is answered before everything is killed.
  let answered = 0
  let allowed = 0
  let stopped = Promise.withResolvers<void>()
  world.relay.gate = async (method, path) => {
    if (method !== 'GET' || !/\/objects\//.test(path)) return
    if (answered < allowed) {
      answered += 1
      return
    }
    stopped.resolve()
    await new Promise(() => undefined)
  }
  await ada.page.getByRole('button', { name: 'Keep offline' }).click()
  await ada.page.getByRole('radio', { name: /^360p/ }).check()
  await ada.page.locator('kith-dialog').getByRole('button', { name: 'Keep offline' }).click()
  const row = () => ada.page.getByRole('listitem').filter({ hasText: 'sea' })
  for (;;) {
    const isKept = await Promise.race([
      stopped.promise.then(() => false),
      expect(ada.page.locator('[data-state=kept]').or(ada.page.getByText('It plays without network.')))
        .toBeVisible({ timeout: 60_000 })
        .then(() => true),
    ])
    if (isKept) break
    const devtools = await ada.context.newCDPSession(ada.page)
    await devtools.send('ServiceWorker.enable')
    await devtools.send('ServiceWorker.stopAllWorkers')
    await ada.page.close()
    world.relay.cut()
    ;[answered, allowed, stopped] = [0, allowed + 1, Promise.withResolvers<void>()]
    await ada.newPage()
    await ada.page.goto(`${world.origin}/offline`)
    await expect(row()).toBeVisible()
  }
  expect(allowed).toBeGreaterThan(3)

  await world.server.stop('SIGKILL')
  await ada.page.goto(world.origin)
  await ada.open('sea')
  await ada.plays()
  await ada.seek(7)
  await ada.plays(7)
})

test('a device that fills up in the middle keeps nothing half, says so, and goes on once there is room', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  const { page } = ada
  await ada.makeCircle('Gartenfreunde')
  const file = join(world.folder, 'large.bin')
  await writeFile(file, randomBytes(24 * 2 ** 20))
  await ada.upload(file)
  await expect(page.getByRole('link', { name: /^large Uploading/ })).toHaveCount(0, { timeout: 60_000 })
  await expect(page.getByRole('link', { name: /^large/ })).toBeVisible()
  await ada.open('large')

  const devtools = await ada.context.newCDPSession(page)
  const origin = world.origin
  let asked = 0
  world.relay.gate = async (method, path) => {
    if (method !== 'GET' || !/\/objects\//.test(path)) return
    // There was room when it began.
    if (++asked === 3) await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1 })
  }
  await page.getByRole('button', { name: 'Keep offline' }).click()
  await page.locator('kith-dialog').getByRole('button', { name: 'Keep offline' }).click()
  const dialog = page.locator('kith-dialog')
  await expect(dialog.locator('[data-code="offline/no-room"]')).toBeVisible()
  await expect(dialog.getByRole('link', { name: 'Make room' })).toBeVisible()
  expect(asked).toBeGreaterThanOrEqual(3)
  const keptCaches = () =>
    page.evaluate(() => caches.keys().then((names) => names.filter((name) => name.startsWith('kith/kept'))))
  expect(await keptCaches()).toEqual([])

  await devtools.send('Storage.overrideQuotaForOrigin', { origin })
  await dialog.getByRole('button', { name: 'Try again' }).click()
  await expect(page.getByText('It plays without network.')).toBeVisible({ timeout: 60_000 })
  expect(await keptCaches()).toHaveLength(1)
})
