/** `npm run screenshots`: what the manifest and the README show of Kith, made of the product as it is. */
import { execFile } from 'node:child_process'
import { readFile, utimes } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Browser, chromium, expect, type Page } from '@playwright/test'
import { Person } from '../support/person.ts'
import { World } from '../support/world.ts'
import { draw, SCENES } from './drawings.ts'

const NARROW = { width: 390, height: 844 }
const WIDE = { width: 1280, height: 800 }
const PHOTOS = 19
const TODAY = 5
const VIDEO = 'Sunday at the lake'
const DAY_MS = 86_400_000
const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

async function main(): Promise<void> {
  const world = await World.open()
  const browser = await chromium.launch({
    executablePath: process.env.KITH_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--mute-audio'],
  })
  try {
    const ada = await Person.arrive(browser, world, 'ada')
    await ada.page.setViewportSize(NARROW)
    await ada.makeCircle('The Lindens')
    await ada.enrolWorker()
    const photos = await drawPhotos(browser, world.folder)
    await ada.upload(...photos, await drawVideo(browser, world.folder))
    await ada.finished(VIDEO)
    await ada.go('Library')
    await expect(ada.page.locator('item-tile .state')).toHaveCount(0, { timeout: 60_000 })
    const library = await keep(ada, 'library-narrow', NARROW)
    await keep(ada, 'library-wide', WIDE)
    const dark = await look(ada, WIDE, 'dark')
    await ada.open(VIDEO)
    await ada.page.setViewportSize(WIDE)
    await ada.plays(4)
    await ada.page.locator('video').evaluate((video: HTMLVideoElement) => video.pause())
    await keep(ada, 'viewer-wide', WIDE)
    await ada.page.setViewportSize(NARROW)
    const chat = await talk(ada, await Person.arrive(browser, world, 'ben'), photos[0] as string)
    await compose(browser, world.folder, [library, chat, dark])
  } finally {
    await browser.close()
    await world.close()
  }
}

async function talk(ada: Person, ben: Person, photo: string): Promise<string> {
  await ben.page.setViewportSize(NARROW)
  await ben.joinBy(await ada.invite())
  await ada.befriend(ben)
  for (const [person, name] of [
    [ada, 'ben'],
    [ben, 'ada'],
  ] as const) {
    await person.go('Friends')
    await person.page.getByRole('link', { name: `Write to ${name}` }).click()
    await expect(person.page.getByRole('textbox', { name: 'Message' })).toBeVisible()
  }
  const say = async (from: Person, to: Person, text: string) => {
    await from.page.getByRole('textbox', { name: 'Message' }).fill(text)
    await from.page.getByRole('button', { name: 'Send' }).click()
    await expect(to.page.locator('message-row').filter({ hasText: text })).toBeVisible()
  }
  await say(ben, ada, 'How was the evening?')
  await say(ada, ben, 'Warm, and very quiet. Look:')
  await ada.page.getByLabel('Files to send').setInputFiles(photo)
  await expect(ben.page.locator('message-row img')).toBeVisible()
  await say(ben, ada, 'Oh! I want to go there, too.')
  await say(ada, ben, 'Next Sunday?')
  await expect(ada.page.locator('message-row').last().locator('[data-state=read]')).toBeVisible()
  await ada.page.getByRole('textbox', { name: 'Message' }).blur()
  return keep(ada, 'chat-narrow', NARROW)
}

/** Taken over some days, as a library is. */
async function drawPhotos(browser: Browser, to: string): Promise<string[]> {
  const page = await browser.newPage({ viewport: { width: 1200, height: 1200 } })
  const paths: string[] = []
  for (let index = 0; index < PHOTOS; index++) {
    const scene = SCENES[index % SCENES.length]
    if (!scene) continue
    const turn = Math.floor(index / SCENES.length)
    const path = join(to, `${scene.name}${turn > 0 ? ` ${turn + 1}` : ''}.jpg`)
    await drawOn(page, draw(scene, turn))
    await page.screenshot({ path, type: 'jpeg', quality: 92 })
    const takenAt = new Date(Date.now() - (index < TODAY ? 0 : DAY_MS) - index * 60_000)
    await utimes(path, takenAt, takenAt)
    paths.push(path)
  }
  await page.close()
  return paths
}

/** A slow look over a wide lake. */
async function drawVideo(browser: Browser, to: string): Promise<string> {
  const page = await browser.newPage({ viewport: { width: 2600, height: 1200 } })
  const scene = SCENES.find(({ name }) => name === 'Lake at six')
  if (!scene) throw new Error('the lake is gone')
  await drawOn(page, draw(scene, 3, 2600))
  const [still, path] = [join(to, 'lake.png'), join(to, `${VIDEO}.mp4`)]
  await page.screenshot({ path: still })
  await page.close()
  const look = "crop=1920:1080:'(iw-ow)*t/24':60,format=yuv420p"
  const picture = [
    '-loop',
    '1',
    '-framerate',
    '24',
    '-t',
    '12',
    '-i',
    still,
    '-vf',
    look,
    '-c:v',
    'libx264',
    '-crf',
    '18',
  ]
  await run('ffmpeg', ['-v', 'error', '-y', ...picture, '-preset', 'veryfast', path])
  return path
}

async function drawOn(page: Page, svg: string): Promise<void> {
  await page.setContent(`<body style="margin:0">${svg}</body>`)
}

/** Takes the picture, with everything in it there. @returns its path, as PNG. */
async function look({ page, world }: Person, size: typeof NARROW, colorScheme: 'light' | 'dark'): Promise<string> {
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
  await page.setViewportSize(size)
  await page.mouse.move(0, 0)
  await expect(page.locator('toast-stack section > div')).toHaveCount(0, { timeout: 30_000 })
  await page.waitForLoadState('networkidle')
  await page.evaluate(async () => {
    const images: HTMLImageElement[] = []
    const find = (root: ParentNode) => {
      for (const element of root.querySelectorAll('*')) {
        if (element instanceof HTMLImageElement) images.push(element)
        if (element.shadowRoot) find(element.shadowRoot)
      }
    }
    find(document)
    await Promise.all(images.map((image) => image.decode()))
  })
  const path = join(world.folder, `${colorScheme}-${size.width}-${Date.now()}.png`)
  await page.screenshot({ path })
  return path
}

/** For the manifest. */
async function keep(person: Person, name: string, size: typeof NARROW): Promise<string> {
  const path = await look(person, size, 'light')
  await toWebp(path, join(root, 'client/public/screenshots', `${name}.webp`))
  return path
}

/** Two phones and a desk, for the README. */
async function compose(browser: Browser, to: string, stills: readonly string[]): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1552, height: 640 } })
  const images = await Promise.all(
    stills.map(async (path) => `<img src="data:image/png;base64,${(await readFile(path)).toString('base64')}">`),
  )
  await page.setContent(`<style>
    body { margin: 0; display: flex; gap: 26px; padding: 38px; height: 564px; background: #efeae2; }
    img { height: 564px; border-radius: 10px; box-shadow: 0 2px 14px rgb(30 20 50 / 16%); }
  </style>${images.join('')}`)
  const path = join(to, 'readme.png')
  await page.screenshot({ path })
  await page.close()
  await toWebp(path, join(root, 'docs/screenshot.webp'))
}

async function toWebp(from: string, to: string): Promise<void> {
  const args = ['-c:v', 'libwebp', '-quality', '84', '-compression_level', '6']
  await run('ffmpeg', ['-v', 'error', '-y', '-i', from, ...args, to])
  process.stdout.write(`${relative(root, to)}\n`)
}

await main()
