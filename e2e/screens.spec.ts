import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import AxeBuilder from '@axe-core/playwright'
import type { Page } from '@playwright/test'
import { corpusFile, makeVideo } from './support/media.ts'
import { PASSWORD } from './support/person.ts'
import { expect, test } from './support/test.ts'

const SIZES = [
  { width: 390, height: 844 },
  { width: 1280, height: 800 },
]
/** Where to keep pictures of every screen; nothing is kept without it. */
const folder = process.env.KITH_SCREENSHOTS

/** axe finds nothing, in both themes and at both sizes, and nothing that is typed into or chosen from makes a phone zoom; pictures on demand. */
async function look(page: Page, name: string): Promise<void> {
  const small = await page
    .locator('input:visible:not([type=radio], [type=checkbox]), select:visible, textarea:visible')
    .evaluateAll((fields) =>
      fields
        .filter((field) => Number.parseFloat(getComputedStyle(field).fontSize) < 16)
        .map(({ id, localName }) => `${localName} ${id}`),
    )
  expect(small, `${name}, fields below 16 px`).toEqual([])
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    for (const size of SIZES) {
      await page.setViewportSize(size)
      if (folder) {
        await mkdir(folder, { recursive: true })
        await page.screenshot({ path: join(folder, `${name}-${colorScheme}-${size.width}.png`) })
      }
    }
    const { violations } = await new AxeBuilder({ page }).analyze()
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)
    expect(found, `${name}, ${colorScheme}`).toEqual([])
  }
  await page.setViewportSize(SIZES[0] as (typeof SIZES)[number])
}

test('every screen can be used by everybody, in both themes', async ({ world, arrive }) => {
  test.setTimeout(300_000)
  const ada = await arrive('ada')
  const { page } = ada
  await page.goto(world.origin)
  await expect(page.getByRole('heading', { name: 'Make your circle' })).toBeVisible()
  await look(page, '01-welcome')
  await page.getByLabel('Your name').fill('ada')
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await page.getByLabel('Name of your circle').fill('The Lindens')
  await page.getByRole('button', { name: 'Make the circle' }).click()
  await expect(page.getByRole('heading', { name: 'Write down your recovery key' })).toBeVisible({ timeout: 30_000 })
  await look(page, '02-recovery')
  await ada.confirmRecovery()
  await look(page, '03-library-empty')
  await world.startWorker()
  await ada.go('Circle')
  await expect(page.locator('.fingerprint')).toBeVisible()
  await look(page, '04-circle-worker')
  await ada.enrolWorker()
  await page.getByRole('button', { name: 'Invite', exact: true }).click()
  await look(page, '05-invite')
  await page.getByRole('button', { name: 'Make the invite' }).click()
  await expect(page.getByTestId('invite-link')).toBeVisible()
  await look(page, '06-invite-made')
  const link = (await page.getByTestId('invite-link').textContent()) ?? ''
  await page.getByRole('button', { name: 'Close' }).click()

  const video = corpusFile('big-buck-bunny-480p-30s.mp4') ?? join(world.folder, 'sea.mp4')
  const text = join(world.folder, 'Reading list.txt')
  const broken = join(world.folder, 'Broken clip.mp4')
  if (!corpusFile('big-buck-bunny-480p-30s.mp4')) await makeVideo(video, { seconds: 6 })
  await writeFile(text, 'One, two, three')
  await writeFile(broken, Buffer.alloc(9000, 3))
  const photos = ['photo-rotated.jpg', 'photo-gps.jpg', 'animated.webp'].flatMap((name) => corpusFile(name) ?? [])
  await ada.upload(video, text, broken, ...photos)
  await ada.go('Activity')
  await look(page, '07-activity')
  const title = video.includes('bunny') ? 'big-buck-bunny-480p-30s' : 'sea'
  await ada.finished(title)
  await look(page, '08-activity-done')
  await ada.go('Library')
  await expect(page.getByRole('link', { name: new RegExp(`^${title}`) })).toBeVisible()
  await page.waitForFunction(allPicturesShown)
  await look(page, '09-library')
  await ada.open(title)
  await ada.plays()
  await page.locator('video').evaluate((element: HTMLVideoElement) => element.pause())
  await look(page, '10-viewer')
  await page.getByRole('button', { name: 'Edit' }).click()
  await look(page, '11-edit')
  await page.getByRole('button', { name: 'Close' }).click()
  await ada.open('Broken clip')
  await expect(page.getByTestId('not-processed')).toBeVisible({ timeout: 30_000 })
  await look(page, '12-not-processed')

  // Deleting can be taken back.
  await page.getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('button', { name: 'Undo' }).click()
  await expect(page.getByRole('heading', { name: 'Broken clip' })).toBeVisible()
  await ada.go('Settings')
  await look(page, '13-settings')
  await page.getByRole('button', { name: 'Lock now' }).click()
  await expect(page.getByRole('heading', { name: 'Kith is locked' })).toBeVisible()
  await look(page, '14-locked')

  const ben = await arrive('ben')
  await ben.page.goto(`${world.origin}/join`)
  await expect(ben.page.getByRole('heading', { name: 'Join a circle' })).toBeVisible()
  await look(ben.page, '15-join-words')
  await ben.page.goto('about:blank')
  await ben.page.goto(link.trim())
  await expect(ben.page.getByRole('heading', { name: 'Join The Lindens' })).toBeVisible()
  expect(ben.page.url()).not.toContain('#')
  await look(ben.page, '16-join')
  await ben.page.goto(`${world.origin}/`)
  await expect(ben.page.getByRole('heading', { name: 'Welcome back' })).toBeVisible()
  await look(ben.page, '17-sign-in')
  await ben.page.getByRole('button', { name: 'I forgot my password' }).click()
  await look(ben.page, '18-recover')
})

/** In the page: whether the pictures of the grid that are in sight have come. */
function allPicturesShown(): boolean {
  const pictures: HTMLImageElement[] = []
  const visit = (root: Document | ShadowRoot) => {
    for (const element of root.querySelectorAll('*')) {
      if (element instanceof HTMLImageElement) pictures.push(element)
      if (element.shadowRoot) visit(element.shadowRoot)
    }
  }
  visit(document)
  return pictures.every((picture) => picture.complete && picture.naturalWidth > 0)
}
