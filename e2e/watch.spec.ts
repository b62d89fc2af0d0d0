import { join } from 'node:path'
import { corpusFile, makeVideo } from './support/media.ts'
import { expect, test } from './support/test.ts'

test('a video goes from one person, past a blind server, to another, who seeks and changes the quality', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const link = await ada.invite()

  const generated = join(world.folder, 'sea.mp4')
  const unplayable = join(world.folder, 'mpeg4-part2.mp4')
  await makeVideo(generated, { seconds: 16 })
  await makeVideo(unplayable, { seconds: 6, width: 640, height: 360, codec: ['-c:v', 'mpeg4'] })
  const first = corpusFile('big-buck-bunny-480p-30s.mp4') ?? generated
  const second = corpusFile('mpeg4-part2.mp4') ?? unplayable
  const title = first === generated ? 'sea' : 'big-buck-bunny-480p-30s'
  await ada.upload(first, second)
  await expect(ada.page.getByRole('link', { name: new RegExp(`^${title}`) })).toBeVisible()

  // Nobody has converted anything yet: the original plays at once, also far behind what one answer brings.
  await ada.open(title)
  await ada.plays()
  const video = ada.page.locator('video')
  expect(await video.evaluate((element: HTMLVideoElement) => element.currentSrc)).toMatch(/\/original$/)
  await ada.seek(12)
  await ada.plays(12)
  // The browser stops a Service Worker that has nothing to do.
  await video.evaluate((element: HTMLVideoElement) => element.pause())
  const devtools = await ada.context.newCDPSession(ada.page)
  await devtools.send('ServiceWorker.enable')
  await devtools.send('ServiceWorker.stopAllWorkers')
  await ada.plays(await video.evaluate((element: HTMLVideoElement) => element.currentTime))
  await ada.seek(2)
  await ada.plays(2)
  expect(await video.evaluate((element: HTMLVideoElement) => element.currentSrc)).toMatch(/\/original$/)
  await ada.enrolWorker()

  const ben = await arrive('ben')
  await ben.joinBy(link)
  await ben.open(title)
  await ben.plays()

  // The smallest quality comes first; when all are there, the person is offered the better ones.
  await ben.finished(title)
  // Whoever begins at the beginning says so, and the Service Worker has the first segment on its way.
  const fromStart = ben.page.waitForRequest(/\/master-\d+\.m3u8\?from-start$/)
  await ben.open(title)
  await fromStart
  await ben.plays()
  await ben.seek(10)
  await ben.plays(10)
  const quality = ben.page.getByLabel('Quality')
  const fixed = (await quality.locator('option').allTextContents()).filter((label) => /^\d+p$/.test(label))
  expect(fixed.length).toBeGreaterThan(1)
  for (const label of [fixed[0], fixed.at(-1)]) {
    // Far enough from the end that something is still to come.
    await ben.seek(1)
    await quality.selectOption({ label: label ?? '' })
    await expect
      .poll(() =>
        ben.page
          .locator('video')
          .evaluate((video: HTMLVideoElement) => `${Math.min(video.videoHeight, video.videoWidth)}p`),
      )
      .toBe(label)
  }

  // No browser plays MPEG-4 part 2: that it plays at all shows that it was converted.
  await ben.finished('mpeg4-part2')
  await ben.open('mpeg4-part2')
  await ben.plays()
})

test('what is no video is kept, said to be unprocessable where it should be one, and holds up nothing', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  await ada.enrolWorker()
  const { writeFile } = await import('node:fs/promises')
  const broken = join(world.folder, 'broken.mp4')
  const good = join(world.folder, 'good.mp4')
  await writeFile(broken, Buffer.alloc(50_000, 7))
  await makeVideo(good, { seconds: 3, width: 320, height: 240 })
  await ada.upload(broken)
  await ada.upload(good)
  await ada.finished('good')
  await ada.open('broken')
  await expect(ada.page.getByTestId('not-processed')).toContainText('could not be processed')
  const downloading = ada.page.waitForEvent('download')
  await ada.page.getByTestId('not-processed').getByRole('link', { name: 'Download the original' }).click()
  const download = await downloading
  expect(download.suggestedFilename()).toBe('broken.mp4')
  const { readFile } = await import('node:fs/promises')
  expect((await readFile(await download.path())).equals(Buffer.alloc(50_000, 7))).toBe(true)

  // Out again, the worker asks to be let in anew.
  await ada.go('Circle')
  await ada.page.getByRole('button', { name: /^Remove Worker/ }).click()
  await ada.page.getByRole('button', { name: 'Remove the worker' }).click()
  await expect(ada.page.getByText('A worker waits to be let in.')).toBeVisible()
  await expect(ada.page.getByRole('button', { name: /^Remove Worker/ })).toHaveCount(0)
})
