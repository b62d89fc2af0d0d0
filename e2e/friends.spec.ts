import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { chromium } from '@playwright/test'
import type { QrCode } from '../client/friends/qr-code.ts'
import config from '../playwright.config.ts'
import { Person } from './support/person.ts'
import { expect, test } from './support/test.ts'

const run = promisify(execFile)

test('two people find each other by name, connect, block and come back', async ({ arrive }) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const link = await ada.invite()
  const ben = await arrive('ben')
  await ben.joinBy(link)

  await ben.go('Friends')
  await ada.go('Friends')
  await ada.page.getByLabel('Name or link').fill('be')
  await ada.page.getByRole('list', { name: 'Found' }).getByRole('button', { name: 'Ask' }).click()
  await ada.page.getByLabel(/^Note/).fill('Wir kennen uns vom Chor')
  await ada.page.locator('kith-dialog').getByRole('button', { name: 'Ask' }).click()
  await expect(ada.page.getByText('no answer yet')).toBeVisible()
  // It comes by itself, note and all.
  await expect(ben.page.getByText('Wir kennen uns vom Chor')).toBeVisible()
  await expect(ben.page.getByRole('link', { name: /1 new Friends/ })).toBeVisible()

  // He declines: she is not told, takes it back herself, and asks anew by his link, pasted or opened.
  await ben.page.getByRole('button', { name: 'Decline' }).click()
  await expect(ben.page.getByRole('heading', { name: 'Asked you' })).toHaveCount(0)
  await expect(ada.page.getByText('no answer yet')).toBeVisible()
  await ada.page.getByRole('button', { name: 'Withdraw' }).click()
  await expect(ada.page.getByText('no answer yet')).toHaveCount(0)
  await ben.page.getByRole('button', { name: 'My link' }).click()
  const bens = (await ben.page.getByTestId('person-link').textContent()) ?? ''
  await ben.page.getByRole('button', { name: 'Close' }).click()
  await ben.page.getByLabel('Name or link').fill(bens)
  await expect(ben.page.getByText('That is your own link.')).toBeVisible()
  await ada.page.getByLabel('Name or link').fill(bens)
  await expect(ada.page.getByText(/came by ben’s own link/)).toBeVisible()
  await ada.page.getByRole('button', { name: 'Close' }).click()
  await ada.page.goto(bens)
  await expect(ada.page.getByText(/came by ben’s own link/)).toBeVisible()
  expect(ada.page.url()).not.toContain('#')
  await ada.page.locator('kith-dialog').getByRole('button', { name: 'Ask' }).click()
  await ben.page.getByRole('button', { name: 'Accept' }).click()
  for (const { page } of [ada, ben]) await expect(page.getByRole('heading', { name: 'Your friends' })).toBeVisible()

  await ben.page.getByRole('button', { name: 'More about ada' }).click()
  await ben.page.getByRole('button', { name: 'Block' }).click()
  await ben.page.locator('confirm-dialog').getByRole('button', { name: 'Block' }).click()
  await expect(ben.page.getByRole('heading', { name: 'Blocked' })).toBeVisible()
  // She is not told, and finds him no more.
  await expect(ada.page.getByRole('heading', { name: 'Your friends' })).toBeVisible()
  await ada.page.getByLabel('Name or link').fill('ben')
  await expect(ada.page.getByText('Nobody of that name.')).toBeVisible()
  await ben.page.getByRole('button', { name: 'Unblock' }).click()
  await expect(ben.page.getByRole('heading', { name: 'Your friends' })).toBeVisible()
  await expect(ben.page.getByRole('heading', { name: 'Blocked' })).toHaveCount(0)

  // She removes him. A block that he sets now would have no friendship to stand beside: it is listed all the same.
  await ben.page.getByRole('button', { name: 'More about ada' }).click()
  await ben.page.getByRole('button', { name: 'Block' }).click()
  await ben.page.locator('confirm-dialog').getByRole('button', { name: 'Block' }).click()
  await expect(ben.page.getByRole('heading', { name: 'Blocked' })).toBeVisible()
  await ada.page.getByRole('button', { name: 'More about ben' }).click()
  await ada.page.getByRole('button', { name: 'Remove from friends' }).click()
  await ada.page.locator('confirm-dialog').getByRole('button', { name: 'Remove' }).click()
  for (const { page } of [ada, ben]) await expect(page.getByRole('heading', { name: 'Your friends' })).toHaveCount(0)
  await ben.page.reload()
  await ben.page.getByRole('button', { name: 'Unblock' }).click()
  await expect(ben.page.getByText('Nobody yet.')).toBeVisible()
})

test('two people connect and verify by what their cameras see', async ({ world, arrive }) => {
  const ben = await arrive('ben')
  await ben.makeCircle('Gartenfreunde')
  const link = await ben.invite()
  await ben.go('Friends')
  await ben.page.getByRole('button', { name: 'My link' }).click()
  const seen = join(world.folder, 'seen.mjpeg')
  await film(ben.page.locator('qr-code'), seen)
  await ben.page.getByRole('button', { name: 'Close' }).click()

  // Her camera shows a file: it can be changed while she looks.
  const { args = [], ...launch } = config.use?.launchOptions ?? {}
  const camera = [
    '--use-fake-device-for-media-stream',
    '--use-fake-ui-for-media-stream',
    `--use-file-for-fake-video-capture=${seen}`,
  ]
  const browser = await chromium.launch({ ...launch, args: [...args, ...camera] })
  const ada = await Person.arrive(browser, world, 'ada')
  await ada.joinBy(link)
  await ada.go('Friends')
  await ada.page.getByRole('button', { name: 'Scan code' }).click()
  await expect(ada.page.getByText(/came by ben’s own link/)).toBeVisible()
  await ada.page.locator('kith-dialog').getByRole('button', { name: 'Ask' }).click()
  await ben.page.getByRole('button', { name: 'Accept' }).click()

  await ben.page.getByRole('button', { name: 'More about ada' }).click()
  await ben.page.getByRole('button', { name: 'Verify' }).click()
  const code = ben.page.locator('qr-code')
  const digits = await ben.page.getByRole('list', { name: 'Safety number' }).getByRole('listitem').allTextContents()
  expect(digits.join('')).toMatch(/^\d{60}$/)

  await ada.page.getByRole('button', { name: 'More about ben' }).click()
  await ada.page.getByRole('button', { name: 'Verify' }).click()
  expect(await ada.page.getByRole('list', { name: 'Safety number' }).getByRole('listitem').allTextContents()).toEqual(
    digits,
  )
  // Her camera still sees his link.
  const said = ada.page.getByRole('alert')
  await ada.page.getByRole('button', { name: 'Scan their code' }).click()
  await expect(said).toContainText('That code is no safety number. Ask ben to open “Verify” at your name.')
  const right = await code.evaluate((element) => (element as QrCode).text)
  const showCode = async (text: string) => {
    await code.evaluate(async (element, other) => {
      Object.assign(element, { text: other })
      await (element as QrCode).updateComplete
    }, text)
    await film(code, seen)
  }
  // As it would be with somebody between the two.
  const prefix = right.slice(0, 'kith-safety:1:'.length)
  const wrong = prefix + [...right.slice(prefix.length)].reverse().join('')
  await showCode(wrong)
  await ada.page.getByRole('button', { name: 'Scan their code' }).click()
  await expect(said).toContainText('This is another number. Somebody may sit between you and ben')
  await expect(ada.page.getByText('Verified.')).toHaveCount(0)
  await showCode(right)
  await ada.page.getByRole('button', { name: 'Scan their code' }).click()
  await expect(ada.page.getByText('Verified.')).toBeVisible()
  await expect(said).toHaveCount(0)

  // What she has seen with her own eyes counts as much.
  await ada.page.getByRole('button', { name: 'Take the mark back' }).click()
  await expect(ada.page.getByText('Verified.')).toHaveCount(0)
  await expect(ada.page.getByText('verified', { exact: true })).toHaveCount(0)
  await ada.page.getByRole('button', { name: 'They are the same' }).click()
  await expect(ada.page.getByText('Verified.')).toBeVisible()
  // Another number later takes the mark away.
  await showCode(wrong)
  await ada.page.getByRole('button', { name: 'Scan their code' }).click()
  await expect(said).toContainText('This is another number.')
  await expect(ada.page.getByText('verified', { exact: true })).toHaveCount(0)
  await ada.page.getByRole('button', { name: 'They are the same' }).click()
  await ada.page.getByRole('button', { name: 'Close' }).click()
  await expect(ada.page.getByText('verified', { exact: true })).toBeAttached()
  await browser.close()
})

/** What a camera in front of the screen would see. */
async function film(code: import('@playwright/test').Locator, path: string): Promise<void> {
  const picture = `${path}.png`
  await code.screenshot({ path: picture })
  const fit = 'scale=400:400:force_original_aspect_ratio=decrease,pad=640:480:(ow-iw)/2:(oh-ih)/2:color=gray,setsar=1'
  // Plain Huffman tables and square pixels: Chromium's fake camera takes no others.
  const form = ['-pix_fmt', 'yuvj420p', '-huffman', 'default', '-q:v', '2', '-f', 'mjpeg']
  await run('ffmpeg', [
    '-v',
    'error',
    '-y',
    '-loop',
    '1',
    '-i',
    picture,
    '-t',
    '1',
    '-r',
    '10',
    '-vf',
    fit,
    ...form,
    path,
  ])
}
