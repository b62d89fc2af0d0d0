import { type Browser, type BrowserContext, chromium, type Page } from '@playwright/test'
import type { KithApp } from '../client/app/kith-app.ts'
import type { Services } from '../client/app/services.ts'
import { befriended } from '../e2e/support/chat.ts'
import { Person } from '../e2e/support/person.ts'
import { World } from '../e2e/support/world.ts'

/** A whole Kith and one person in a browser of their own, who reaches the server itself. */
export async function withPerson<T>(
  options: { worker: boolean; args?: readonly string[] },
  run: (ada: Person, world: World) => Promise<T>,
): Promise<T> {
  return withWorld(options, async (arrive, world) => {
    const ada = await arrive('ada')
    await ada.makeCircle('Gartenfreunde')
    return run(ada, world)
  })
}

/** Two friends, each in a browser of their own. */
export function withFriends<T>(run: (ada: Person, ben: Person, world: World) => Promise<T>): Promise<T> {
  return withWorld({ worker: false }, async (arrive, world) => {
    const { ada, ben } = await befriended(arrive)
    return run(ada, ben, world)
  })
}

async function withWorld<T>(
  options: { worker: boolean; args?: readonly string[] },
  run: (arrive: (name: string) => Promise<Person>, world: World) => Promise<T>,
): Promise<T> {
  const world = await World.open({ worker: options.worker, isDirect: true })
  const browsers: Browser[] = []
  const arrive = async (name: string) => {
    const browser = await chromium.launch({
      executablePath: process.env.KITH_CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-background-networking', '--mute-audio', ...(options.args ?? [])],
    })
    browsers.push(browser)
    return Person.arrive(browser, world, name)
  }
  try {
    return await run(arrive, world)
  } finally {
    await Promise.all(browsers.map((browser) => browser.close()))
    await world.close()
  }
}

/** Goes there; resolves when the program has begun, which is after the first paint. */
export async function goTo(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await hasBegun(page)
}

async function hasBegun(page: Page): Promise<void> {
  await page.waitForFunction(() => Boolean((document.querySelector('kith-app') as Partial<KithApp>).services))
}

/** Resolves when all of the circle is open and written down. */
export async function libraryIsOpen(page: Page): Promise<number> {
  await hasBegun(page)
  return page.evaluate(async () => {
    const { services } = document.querySelector('kith-app') as KithApp & { services: Services }
    await services.session.state.until(({ kind }) => kind === 'unlocked')
    await services.openLibrary()
    const circle = [...services.session.requireUnlocked().groups.all.value.values()].find(
      (one) => one.kind === 'circle',
    )
    if (!circle) throw new Error('no circle')
    await services.items.sync(circle.groupId)
    return (await services.items.kept(circle.groupId)).length
  })
}

/** From the navigation to the first tile on the screen, in ms of the page's own clock. */
export async function startMs(page: Page, url: string): Promise<number> {
  await page.goto(url)
  // Set with the frame that shows it, which comes after the tile itself.
  const mark = await page.waitForFunction(() => performance.getEntriesByName('first-tile')[0]?.startTime)
  return (await mark.jsonValue()) as number
}

/** As Lighthouse takes a mid-range phone to be: a processor four times slower than this machine's. */
export const PHONE_SLOWDOWN = 4

/** Slows down what the page itself does. @returns the end of it. */
export async function slowDown(page: Page, times: number): Promise<() => Promise<void>> {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: times })
  return async () => {
    await devtools.send('Emulation.setCPUThrottlingRate', { rate: 1 })
    await devtools.detach()
  }
}

/** Marks when the first tile is in the page; told to each page before its own program runs. */
export async function markFirstTile(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const define = customElements.define.bind(customElements)
    customElements.define = (name, element, options) => {
      if (name === 'item-tile') {
        const { connectedCallback } = element.prototype as { connectedCallback: () => void }
        let isMarked = false
        element.prototype.connectedCallback = function (this: HTMLElement) {
          connectedCallback.call(this)
          if (isMarked) return
          isMarked = true
          // With the frame that shows it.
          requestAnimationFrame(() => setTimeout(() => performance.mark('first-tile')))
        }
      }
      define(name, element, options)
    }
  })
}
