import { chromium, type ElementHandle } from '@playwright/test'
import config from '../../playwright.config.ts'
import type { Engine } from './engine.ts'

/** The system's Chromium by Playwright. */
export async function openChromium(): Promise<Engine> {
  const browser = await chromium.launch(config.use?.launchOptions ?? {})
  const context = await browser.newContext({ viewport: { width: 390, height: 844 } })
  const page = await context.newPage()
  return {
    name: 'Chromium',
    version: browser.version(),
    goto: async (url) => void (await page.goto(url)),
    run: (expression) => page.evaluate(expression) as never,
    async upload(find, files) {
      const input = (await page.evaluateHandle(find)) as unknown as ElementHandle<HTMLInputElement>
      await input.setInputFiles([...files])
    },
    screenshot: async (path) => void (await page.screenshot({ path })),
    close: () => browser.close(),
  }
}
