import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import AxeBuilder from '@axe-core/playwright'
import { appManifest } from '../bin/build/manifest.ts'
import type { KithApp } from '../client/app/kith-app.ts'
import type { Services } from '../client/app/services.ts'
import { makeVideo } from './support/media.ts'
import { expect, test } from './support/test.ts'

const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1'

test('Chromium finds nothing that keeps Kith from being installed, and the button asks', async ({ arrive }) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const devtools = await ada.context.newCDPSession(ada.page)
  const manifest = await devtools.send('Page.getAppManifest')
  expect(manifest.errors).toEqual([])
  expect(JSON.parse(manifest.data ?? '{}')).toMatchObject(appManifest)
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

test('on an iPhone: how it gets onto the home screen, before any key is made; the invite is taken along', async ({
  arrive,
  browser,
  world,
}) => {
  const iphone = { viewport: { width: 390, height: 844 }, userAgent: IPHONE }
  const safari = await browser.newContext(iphone)
  const page = await safari.newPage()
  const guide = page.getByRole('heading', { name: 'Put Kith on your home screen first' })
  await page.goto(world.origin)
  await expect(guide).toBeVisible()
  await expect(page.getByText('Choose Add to Home Screen.')).toBeVisible()
  await expect(page.getByRole('button', { name: 'Copy the invite' })).toHaveCount(0)
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([])
  }

  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  await safari.grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.goto(await ada.invite())
  await expect(page.getByRole('heading', { name: 'Join Gartenfreunde' })).toBeVisible()
  await expect(guide).toBeVisible()
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([])
  await page.getByRole('button', { name: 'Copy the invite' }).click()
  await expect(page.getByText('Copied.')).toBeVisible()
  const link = await page.evaluate(() => navigator.clipboard.readText())
  await safari.close()

  // Inside of an app that shows pages nothing can be put there: the link is taken along to Safari.
  const userAgent = IPHONE.replace(/Version.*/, 'Mobile/22F76 Instagram 390.0.0.28.85')
  const inApp = await browser.newContext({ ...iphone, userAgent, permissions: ['clipboard-read', 'clipboard-write'] })
  const shown = await inApp.newPage()
  await shown.goto(link)
  await expect(shown.getByText('Open this page in Safari first')).toBeVisible()
  await expect(shown.getByText('Choose Add to Home Screen.')).toHaveCount(0)
  await shown.getByRole('button', { name: 'Copy the link' }).click()
  await expect(shown.getByText('Copied.')).toBeVisible()
  expect(await shown.evaluate(() => navigator.clipboard.readText())).toBe(link)
  await inApp.close()

  // The app on the home screen: a storage of its own, and no address bar.
  const home = await browser.newContext(iphone)
  await home.addInitScript(() => Object.defineProperty(navigator, 'standalone', { value: true }))
  const app = await home.newPage()
  await app.goto(world.origin)
  await app.getByRole('link', { name: 'I have an invite' }).click()
  const field = app.getByLabel('Invite: the link or eight words')
  await field.fill('https://kith.example/join#AAAA')
  await app.getByRole('button', { name: 'Open the invite' }).click()
  await expect(app.getByRole('alert')).toHaveText('This invite leads to another Kith. Open it at kith.example.')
  await field.fill(link)
  await app.getByRole('button', { name: 'Open the invite' }).click()
  await expect(app.getByRole('heading', { name: 'Join Gartenfreunde' })).toBeVisible()
  await expect(app.getByRole('heading', { name: 'Put Kith on your home screen first' })).toHaveCount(0)
  await home.close()
})

test('what the system opens with Kith: of a file it asks where it goes, also where Kith was locked; a link keeps what it carries', async ({
  arrive,
  world,
}) => {
  const ada = await arrive('ada')
  await ada.context.addInitScript(() => {
    // The browser's queue, as an installed app has it: https://wicg.github.io/web-app-launch/
    Object.defineProperty(window, 'launchQueue', {
      value: {
        setConsumer(consumer: (params: object) => void) {
          addEventListener('test-launch', (event) => {
            const { detail: what } = event as CustomEvent<string>
            if (URL.canParse(what)) return consumer({ targetURL: what, files: [] })
            const file = new File([what], `${what}.txt`, { type: 'text/plain' })
            consumer({ targetURL: `${location.origin}/`, files: [{ getFile: async () => file }] })
          })
        },
      },
    })
  })
  await ada.makeCircle('Gartenfreunde')
  const launch = (what: string) =>
    ada.page.evaluate((detail) => dispatchEvent(new CustomEvent('test-launch', { detail })), what)
  const opened = ada.page.getByRole('region', { name: 'Opened with Kith' })
  await launch('Kürbis')
  await expect(opened.getByText('Kürbis.txt')).toBeVisible()
  await opened.getByRole('button', { name: 'Not now' }).click()
  await expect(ada.page.getByText('Nothing waits here.')).toBeVisible()

  await ada.go('Settings')
  await ada.page.getByRole('button', { name: 'Lock now' }).click()
  await expect(ada.page.getByRole('heading', { name: 'Kith is locked' })).toBeVisible()
  await launch('Zwiebel')
  await ada.unlock()
  await expect(opened.getByText('Zwiebel.txt')).toBeVisible()
  await opened.getByRole('button', { name: 'Add to Gartenfreunde' }).click()
  await expect(ada.page.getByRole('link', { name: /^Zwiebel/ })).toBeVisible()
  await expect(ada.page.getByRole('link', { name: /^Kürbis/ })).toHaveCount(0)

  // A friend's link that is not whole, and an invite on top of it: whose circle it is somebody is in.
  const invite = await ada.invite()
  await launch(`${world.origin}/add#AAAA`)
  await expect(ada.page.getByRole('alert')).toBeVisible()
  await launch(invite)
  await expect(ada.page.getByRole('button', { name: 'Upload' })).toBeVisible()
  expect(ada.page.url()).toBe(`${world.origin}/`)
})

test('a new version waits while anything goes on in any tab, says what is new, and comes when the person takes it; one that is broken changes nothing', async ({
  arrive,
  world,
}) => {
  test.setTimeout(480_000)
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const { page } = ada
  /** Looks for an update, and waits until what was found is installed, or thrown away. */
  const look = () =>
    page.evaluate(async () => {
      const registration = await navigator.serviceWorker.ready
      await registration.update().catch(() => undefined)
      const { installing } = registration
      if (installing) {
        await new Promise<void>((resolve) => {
          installing.onstatechange = () => installing.state !== 'installing' && resolve()
        })
      }
      return installing?.state ?? registration.waiting?.state
    })
  const serve = (change: (script: string) => string) => {
    world.relay.instead.set('/sw.js', {
      type: 'text/javascript',
      body: change(readFileSync('dist/client/sw.js', 'utf8')),
    })
  }
  const isReady = page.getByText('A new version is ready.')
  const upload = page.getByRole('button', { name: 'Upload' })

  // What a newer page may say to this Service Worker.
  const isOther = page.getByText('This page is not of the same version')
  await page.evaluate(() => navigator.serviceWorker.controller?.postMessage({ type: 'of a newer version' }))
  await expect(isOther).toBeVisible()
  await page.getByRole('button', { name: 'Reload' }).click()
  await expect(isOther).toHaveCount(0)
  await expect(upload).toBeVisible()

  serve((script) => `throw new Error('broken');${script}`)
  expect(await look()).toBe(undefined)
  // One of its files is missing: the server is in the middle of being changed, or gives another one.
  serve((script) => script.replace(/"assets\/settings-screen-[\w-]+\.js"/, '"assets/gone.js"'))
  expect(await look()).toBe('redundant')
  await ada.context.setOffline(true)
  await page.reload()
  await expect(upload).toBeVisible()
  await ada.go('Settings')
  await expect(page.getByRole('heading', { name: 'Settings' })).toBeVisible()
  await ada.context.setOffline(false)
  await ada.go('Library')
  await expect(isReady).toHaveCount(0)

  // What is being sent is not asked to make room.
  const sea = join(world.folder, 'sea.mp4')
  await makeVideo(sea, { seconds: 90, width: 160, height: 90 })
  const held = Promise.withResolvers<void>()
  const sending = new Promise<void>((resolve) => {
    world.relay.gate = async (method, path) => {
      if (method !== 'PUT' || !path.startsWith('/api/media/')) return
      resolve()
      await held.promise
    }
  })
  await ada.upload(sea)
  await sending
  serve((script) => `${script}\n;self.isNewer = 1`)
  expect(await look()).toBe('installed')
  await page.waitForFunction(() => {
    const { services } = document.querySelector('kith-app') as KithApp & { services: Services }
    return services.mediaWorker.updateWaits.value
  })
  await expect(isReady).toHaveCount(0)
  held.resolve()
  await expect(isReady).toBeVisible()
  await page.getByText(/^What is new in/).click()
  await expect(page.getByText(/Take along: keep videos/)).toBeVisible()
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([])
  // Nor is what is being written.
  await ada.open('sea')
  await page.getByRole('button', { name: 'Edit' }).click()
  await page.getByLabel('Description').fill('Wellen')
  await expect(isReady).toHaveCount(0)
  await page.getByRole('button', { name: 'Close' }).click()
  await expect(isReady).toBeVisible()

  // Another tab plays: it goes on, and the update comes to both when it has left the video.
  const other = await ada.newPage()
  await other.goto(page.url())
  await ada.plays(1)
  await page.goto(world.origin)
  await page.getByRole('button', { name: 'Update', exact: true }).click()
  await expect(page.getByText('as soon as nothing is sent, played or written')).toBeVisible()
  await ada.plays(2)
  const isWaiting = () => page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.waiting !== null)
  expect(await isWaiting()).toBe(true)
  // Chromium brings it half a minute later where a page asks the old one for something at the moment of the change.
  const patience = { timeout: 150_000 }
  const reloaded = page.waitForEvent('load', patience)
  await Promise.all([reloaded, other.goto(`${world.origin}/settings`)])
  await expect(upload).toBeVisible()
  await expect(other.getByRole('heading', { name: 'Settings' })).toBeVisible()
  await expect.poll(isWaiting).toBe(false)
  await expect(isReady).toHaveCount(0)
  await other.close()

  // A part of the program that is not there any more: the page loads anew, and where that does not help, says so.
  const part = readdirSync('dist/client/assets').find((name) => /^settings-screen-.*\.js$/.test(name)) ?? ''
  world.relay.instead.set(`/assets/${part}`, { type: 'text/plain', body: 'gone', status: 404 })
  ada.page = page
  await ada.go('Library')
  await page.evaluate(async (name) => {
    for (const cache of await caches.keys())
      for (const { url } of await (await caches.open(cache)).keys())
        if (url.includes(name)) await (await caches.open(cache)).delete(url)
  }, part)
  const devtools = await ada.context.newCDPSession(page)
  await devtools.send('Network.clearBrowserCache')
  await Promise.all([page.waitForEvent('load'), ada.go('Settings')])
  await expect(page.getByRole('alert')).toContainText('A part of Kith could not be loaded')
  world.relay.instead.delete(`/assets/${part}`)
  await page.getByRole('button', { name: 'Reload' }).click()
  await expect(page.getByRole('heading', { name: 'Settings' })).toBeVisible()

  // A newer version, in another tab, has taken the device's database: this one follows, or says why it cannot go on.
  const newer = await ada.newPage()
  await newer.goto(`${world.origin}/healthz`)
  serve((script) => `${script}\n;self.isNewer = 2`)
  await Promise.all([
    page.waitForEvent('load', patience),
    newer.evaluate(
      () =>
        new Promise((resolve) => {
          indexedDB.open('kith', 1000).onsuccess = resolve
        }),
    ),
  ])
  await expect(page.getByRole('heading', { name: 'Kith cannot start' })).toBeVisible()
  await expect(page.getByRole('alert')).toContainText('A newer version of Kith runs in another tab')
})
