import { readFileSync } from 'node:fs'
import AxeBuilder from '@axe-core/playwright'
import { expect, test } from './support/test.ts'

const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1'

test('Chromium finds nothing that keeps Kith from being installed, and the button asks', async ({ arrive }) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const devtools = await ada.context.newCDPSession(ada.page)
  const manifest = await devtools.send('Page.getAppManifest')
  expect(manifest.errors).toEqual([])
  expect(manifest.data).toContain('"file_handlers"')
  const { installabilityErrors } = await devtools.send('Page.getInstallabilityErrors')
  // A browser without a profile of its own installs nothing; there is no other complaint.
  expect(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito')).toEqual([])

  await ada.go('Settings')
  const button = ada.page.getByRole('button', { name: 'Install Kith' })
  await expect(button).toHaveCount(0)
  await ada.page.evaluate(() => {
    const event = new Event('beforeinstallprompt', { cancelable: true })
    dispatchEvent(Object.assign(event, { prompt: async () => ({ outcome: 'accepted' }) }))
  })
  await button.click()
  await expect(button).toHaveCount(0)
})

test('on an iPhone: how it gets onto the home screen, before any key is made', async ({ browser, world }) => {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, userAgent: IPHONE })
  const page = await context.newPage()
  await page.goto(world.origin)
  await expect(page.getByRole('heading', { name: 'Put Kith on your home screen first' })).toBeVisible()
  await expect(page.getByText('Choose Add to Home Screen.')).toBeVisible()
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([])
  }
  // Nothing that one types into may be so small that the phone zooms.
  const sizes = await page
    .locator('input')
    .evaluateAll((fields) => fields.map((field) => Number.parseFloat(getComputedStyle(field).fontSize)))
  expect(Math.min(...sizes)).toBeGreaterThanOrEqual(16)
  await context.close()
})

test('a file that the system opens with Kith is uploaded', async ({ arrive }) => {
  const ada = await arrive('ada')
  await ada.context.addInitScript(() => {
    // The browser's queue, as an installed app has it: https://wicg.github.io/web-app-launch/
    Object.defineProperty(window, 'launchQueue', {
      value: {
        setConsumer(consumer: (params: object) => void) {
          addEventListener('test-launch', () => {
            const file = new File(['Kürbis'], 'Kürbis.txt', { type: 'text/plain' })
            consumer({ targetURL: `${location.origin}/`, files: [{ getFile: async () => file }] })
          })
        },
      },
    })
  })
  await ada.makeCircle('Gartenfreunde')
  await ada.go('Settings')
  await ada.page.evaluate(() => dispatchEvent(new Event('test-launch')))
  await expect(ada.page.getByRole('link', { name: /^Kürbis/ })).toBeVisible()
})

test('a new version waits, says what is new, and comes when the person takes it; a broken one changes nothing', async ({
  arrive,
  world,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const look = () =>
    ada.page.evaluate(async () => {
      const registration = await navigator.serviceWorker.getRegistration()
      await registration?.update().catch(() => undefined)
    })
  const serve = (change: (script: string) => string) => {
    world.relay.instead.set('/sw.js', {
      type: 'text/javascript',
      body: change(readFileSync('dist/client/sw.js', 'utf8')),
    })
  }

  serve((script) => `throw new Error('broken');${script}`)
  await look()
  await ada.page.reload()
  await expect(ada.page.getByRole('button', { name: 'Upload' })).toBeVisible()
  await expect(ada.page.getByText('A new version is ready.')).toHaveCount(0)

  serve((script) => `${script}\n;self.isNewer = true`)
  await look()
  await expect(ada.page.getByText('A new version is ready.')).toBeVisible()
  await ada.page.getByText(/^What is new in/).click()
  await expect(ada.page.getByText(/Take along: keep videos/)).toBeVisible()
  expect((await new AxeBuilder({ page: ada.page }).analyze()).violations).toEqual([])
  // It waits for the person.
  const isWaiting = () =>
    ada.page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.waiting !== null)
  expect(await isWaiting()).toBe(true)
  await Promise.all([
    ada.page.waitForEvent('load'),
    ada.page.getByRole('button', { name: 'Update', exact: true }).click(),
  ])
  await expect(ada.page.getByRole('button', { name: 'Upload' })).toBeVisible()
  await expect(ada.page.getByText('A new version is ready.')).toHaveCount(0)
  expect(await isWaiting()).toBe(false)
})
