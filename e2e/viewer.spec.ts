import { join } from 'node:path'
import { corpusFile, makeVideo } from './support/media.ts'
import { expect, test } from './support/test.ts'

test('a video goes on where it was after a lock and after the server was away; keys, back and forward lead through it', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  await ada.enrolWorker()
  const sea = join(world.folder, 'sea.mp4')
  const hills = join(world.folder, 'hills.mp4')
  await makeVideo(hills, { seconds: 3, width: 320, height: 240 })
  await makeVideo(sea, { seconds: 40, width: 640, height: 360 })
  await ada.upload(hills)
  await ada.finished('hills')
  await ada.upload(sea)
  await ada.finished('sea')
  await ada.open('sea')
  await ada.plays()
  const { page } = ada
  const video = page.locator('video')
  const time = () => video.evaluate((element: HTMLVideoElement) => element.currentTime)

  // Turned, it plays on, the same one.
  await video.evaluate((element) => element.setAttribute('data-test', 'same'))
  await page.setViewportSize({ width: 844, height: 390 })
  await ada.plays(await time())
  await expect(video).toHaveAttribute('data-test', 'same')
  await page.setViewportSize({ width: 390, height: 844 })

  // The phone's back closes what lies over the video before it leaves it; forward leads to it again.
  await page.getByRole('button', { name: 'Edit' }).click()
  await expect(page.getByLabel('Title')).toBeVisible()
  await page.goBack()
  await expect(page.getByLabel('Title')).toHaveCount(0)
  await expect(video).toHaveAttribute('data-test', 'same')
  await page.goBack()
  await expect(page.getByRole('button', { name: 'Upload' })).toBeVisible()
  await page.goForward()
  await expect(page.getByRole('heading', { name: 'sea' })).toBeVisible()
  await ada.plays()

  await page.getByRole('heading', { name: 'sea' }).click()
  await page.keyboard.press('5')
  await ada.plays(20)
  await page.keyboard.press('k')
  await expect.poll(() => video.evaluate((element: HTMLVideoElement) => element.paused)).toBe(true)
  await page.keyboard.press('ArrowLeft')
  await expect.poll(time).toBeLessThan(20)
  await page.keyboard.press('>')
  expect(await video.evaluate((element: HTMLVideoElement) => element.playbackRate)).toBe(1.25)

  // The other page stands ready, so that little of the film goes by.
  await page.keyboard.press('<')
  const second = await ada.newPage()
  await second.goto(`${world.origin}/settings`)
  await expect(second.getByRole('button', { name: 'Lock now' })).toBeVisible()
  ada.page = page
  await page.keyboard.press('6')
  await ada.plays(24)
  await second.getByRole('button', { name: 'Lock now' }).click()
  await expect(second.getByRole('heading', { name: 'Kith is locked' })).toBeVisible()
  await second.close()
  const goesOn = page.waitForRequest(/\/master-\d+\.m3u8$/)
  await ada.unlock()
  await expect(page.getByRole('heading', { name: 'sea' })).toBeVisible()
  await goesOn
  await ada.plays(24)
  expect(await time()).toBeLessThan(35)

  // Far enough ahead that nothing of it is here yet.
  await world.server.stop('SIGKILL')
  await ada.seek(3)
  await page.waitForTimeout(1500)
  await world.startServer()
  await ada.plays(3)

  await page.keyboard.press('Shift+N')
  await expect(page.getByRole('heading', { name: 'hills' })).toBeVisible()
  await ada.plays()
  await page.setViewportSize({ width: 1280, height: 800 })
  await page.getByRole('button', { name: 'Newer item' }).click()
  await expect(page.getByRole('heading', { name: 'sea' })).toBeVisible()
})

test('a photo fits the screen, and is enlarged by a tap', async ({ arrive }) => {
  const photo = corpusFile('photo-rotated.jpg')
  const heic = corpusFile('photo-iphone.heic')
  test.skip(!photo || !heic, 'KITH_CORPUS is not set')
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  await ada.upload(photo as string)
  await ada.open('photo-rotated')
  const { page } = ada
  const large = page.getByRole('button', { name: /^Enlarge/ })
  await expect(large).toBeVisible()
  await large.click()
  await expect(large).toHaveAttribute('aria-pressed', 'true')
  expect(await large.evaluate((element) => element.scrollLeft)).toBeGreaterThan(0)

  // No browser on this machine shows HEIC.
  await ada.upload(heic as string)
  await ada.open('photo-iphone')
  await expect(page.getByText('This browser cannot show pictures of this kind')).toBeVisible()
  await expect(page.getByRole('link', { name: 'Download the original' }).last()).toBeVisible()
})
