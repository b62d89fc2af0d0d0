import { join } from 'node:path'
import { corpusFile, makeVideo } from './support/media.ts'
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
  const photo = corpusFile('landscape.jpg')
  await ada.upload(video, ...(photo ? [photo] : []))
  await ada.finished('sea')
  await keep(ada, 'sea', '360p')

  await world.server.stop('SIGKILL')
  await world.worker?.stop('SIGKILL')
  await ada.context.setOffline(true)
  await page.goto(world.origin)
  await expect(page.getByRole('link', { name: /^sea/ })).toBeVisible()
  await expect(page.getByText('Kept on this device')).toBeAttached()
  await ada.open('sea')
  await ada.plays()
  await ada.seek(11)
  await ada.plays(11)
  // Only what is here is offered.
  await expect(page.getByLabel('Quality').locator('option')).toHaveText([/^Auto/, '360p'])

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
