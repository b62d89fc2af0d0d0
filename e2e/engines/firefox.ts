import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import puppeteer, { type ElementHandle } from 'puppeteer-core'
import type { Engine } from './engine.ts'

/** Firefox ESR by WebDriver BiDi. */
export async function openFirefox(): Promise<Engine> {
  const folder = await mkdtemp(join(tmpdir(), 'kith-firefox-'))
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.KITH_FIREFOX ?? '/usr/bin/firefox-esr',
    headless: true,
    userDataDir: folder,
    protocolTimeout: 180_000,
    // Older ones do not know all of what is asked for with a viewport of the driver's.
    defaultViewport: null,
    args: ['--width=500', '--height=844'],
    extraPrefsFirefox: {
      'media.autoplay.default': 0,
      'media.volume_scale': '0',
      // A machine without internet: nothing is asked at the start.
      'network.captive-portal-service.enabled': false,
      'app.update.enabled': false,
      'browser.safebrowsing.downloads.enabled': false,
    },
  })
  const page = await browser.newPage()
  return {
    name: 'Firefox',
    version: await browser.version(),
    goto: async (url) => void (await page.goto(url, { waitUntil: 'domcontentloaded' })),
    run: (expression) => page.evaluate(expression) as never,
    async upload(find, files) {
      const handle = await page.evaluateHandle(find)
      await (handle.asElement() as ElementHandle<HTMLInputElement>).uploadFile(...files)
    },
    screenshot: async (path) => writeFile(path, await page.screenshot()),
    async close() {
      await browser.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
