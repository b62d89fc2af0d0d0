import { createHash, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KithApp } from '../client/app/kith-app.ts'
import type { Services } from '../client/app/services.ts'
import { PIECE_BYTES } from '../shared/device/kept-pieces.ts'
import { readSession } from '../shared/wire/accounts.ts'
import { corpusFile, makePhoto, makeSound, makeVideo } from './support/media.ts'
import type { Person } from './support/person.ts'
import { expect, test } from './support/test.ts'

async function keep(person: Person, title: string, quality?: string): Promise<void> {
  const { page } = person
  await person.open(title)
  await page.getByRole('button', { name: 'Keep offline' }).click()
  await page.evaluate(() => {
    navigator.storage.persist = async () => {
      document.documentElement.dataset.asked = 'once'
      return true
    }
  })
  if (quality) await page.getByRole('radio', { name: new RegExp(`^${quality}`) }).check()
  await page.locator('kith-dialog').getByRole('button', { name: 'Keep offline' }).click()
  await expect(page.getByText('It plays without network.')).toBeVisible({ timeout: 60_000 })
  expect(await page.evaluate(() => document.documentElement.dataset.asked)).toBe('once')
  await page.getByRole('button', { name: 'Close' }).click()
}

const keptCaches = ({ page }: Person) =>
  page.evaluate(() => caches.keys().then((names) => names.filter((name) => name.startsWith('kith/kept'))))

async function loseNetwork({ context, world }: Person): Promise<void> {
  void world.relay.lose()
  await context.setOffline(true)
}

async function findNetwork({ context, world }: Person): Promise<void> {
  world.relay.restore()
  await context.setOffline(false)
}

const isAway = ({ page }: Person) => page.locator('viewer-screen').getByText('The server does not answer.')

/** Whether something keeps the screen on, and the app unlocked. */
const isAtWork = ({ page }: Person) =>
  page.evaluate(() => {
    const { services } = document.querySelector('kith-app') as KithApp & { services: Services }
    return services.busy.isAtWork
  })

/** Whether a whole piece is asked for: the player asks for other parts. */
const asksPiece = (method: string, path: string, range = '') => {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? []
  return method === 'GET' && path.includes('/objects/') && Number(to) - Number(from) + 1 === PIECE_BYTES
}

test('what is kept plays and seeks in flight mode, from a cold start, with the server gone', async ({
  world,
  arrive,
}) => {
  world.relay.letsCache = false
  const ada = await arrive('ada')
  const { page } = ada
  await ada.makeCircle('Gartenfreunde')
  await ada.enrolWorker()
  const video = join(world.folder, 'sea.mp4')
  await makeVideo(video, { seconds: 32 })
  const photo = corpusFile('photo-rotated.jpg') ?? (await makePhoto(join(world.folder, 'photo-rotated.jpg')))
  const sound = await makeSound(join(world.folder, 'gulls.wav'))
  // Of a kind that no browser plays: it does by what the worker makes of it.
  const old = join(world.folder, 'old.mp4')
  await makeVideo(old, { seconds: 2, width: 320, height: 240, codec: ['-c:v', 'mpeg4'] })
  await ada.upload(old, video, photo, sound)
  await ada.uploaded('gulls')
  await ada.finished('old')
  await ada.finished('sea')

  // In flight mode what is not here says so, a photo by its preview, and goes on once the network is back.
  await loseNetwork(ada)
  await ada.open('photo-rotated')
  await expect(isAway(ada)).toBeVisible()
  await expect(page.getByRole('img', { name: 'photo-rotated' })).not.toHaveJSProperty('naturalWidth', 0)
  await ada.open('gulls')
  await expect(isAway(ada)).toBeVisible()
  await findNetwork(ada)
  await expect(isAway(ada)).toHaveCount(0)
  await expect(page.locator('audio')).not.toHaveJSProperty('readyState', 0)

  // So does a video whose keeping was paused before any of it was here.
  await ada.open('sea')
  world.relay.gate = async (method, path) => {
    if (method === 'GET' && /\/objects\//.test(path)) await new Promise(() => undefined)
  }
  await page.getByRole('button', { name: 'Keep offline' }).click()
  const dialog = page.locator('kith-dialog')
  await dialog.getByRole('button', { name: 'Keep offline' }).click()
  await dialog.getByRole('button', { name: 'Pause' }).click()
  await expect(dialog.getByText('Paused.')).toBeVisible()
  await page.getByRole('button', { name: 'Close' }).click()
  world.relay.gate = undefined
  await loseNetwork(ada)
  await ada.open('sea')
  await expect(isAway(ada)).toBeVisible()
  await findNetwork(ada)
  await expect(isAway(ada)).toHaveCount(0)
  await ada.plays()
  await page.getByRole('button', { name: 'Being kept on this device' }).click()
  await dialog.getByRole('button', { name: 'Cancel' }).click()

  await keep(ada, 'sea', '360p')
  await keep(ada, 'photo-rotated')
  await keep(ada, 'old', 'Original')

  // Another quality is wanted and cancelled: it stays as it was kept.
  const [asked, isCancelled] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  world.relay.gate = async (method, path, { range }) => {
    if (!asksPiece(method, path, range)) return
    asked.resolve()
    await isCancelled.promise
  }
  await ada.open('sea')
  await page.getByRole('button', { name: 'Kept on this device' }).click()
  await page.getByRole('radio', { name: /^Original/ }).check()
  await page.getByRole('button', { name: 'Change the quality' }).click()
  await asked.promise
  await expect(page.getByText('Until all of it is here, it plays as it was kept before.')).toBeVisible()
  await page.locator('kith-dialog').getByRole('button', { name: 'Cancel' }).click()
  isCancelled.resolve()
  await expect(page.getByRole('button', { name: 'Kept on this device' })).toBeVisible()

  // The network goes while another quality plays than the one that is here: this one goes on at the same place.
  // Four parts pass, whatever quality they are of, and as often as they are asked for; others where it cannot go on.
  const passed = new Set<string>()
  const waiting: (() => void)[] = []
  const held = Promise.withResolvers<void>()
  world.relay.gate = async (method, path) => {
    if (method !== 'GET' || !/\/objects\//.test(path) || passed.has(path)) return
    if (passed.size >= 4) {
      held.resolve()
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
    passed.add(path)
  }
  const height = () => page.locator('video').evaluate((element: HTMLVideoElement) => element.videoHeight)
  const isWaiting = () => page.locator('video').evaluate((element: HTMLVideoElement) => element.readyState < 3)
  await ada.open('sea')
  await ada.plays()
  await page.getByLabel('Quality').selectOption({ label: '720p' })
  await held.promise
  await expect(async () => {
    const shown = await height()
    if (shown !== 720 && (await isWaiting())) waiting.shift()?.()
    expect(shown).toBe(720)
  }).toPass({ timeout: 60_000 })
  await world.server.stop('SIGKILL')
  await world.worker?.stop('SIGKILL')
  await ada.context.setOffline(true)
  world.relay.gate = undefined
  world.relay.cut()
  await ada.seek(29)
  await expect.poll(height).toBe(360)
  await ada.plays(29)
  await expect(isAway(ada)).toHaveCount(0)

  await page.goto(world.origin)
  await expect(page.getByRole('link', { name: /^sea/ })).toBeVisible()
  await expect(page.getByText('Kept on this device')).toHaveCount(3)
  await ada.open('sea')
  await ada.plays()
  await ada.seek(11)
  await ada.plays(11)
  // Only what is here is offered.
  await expect(page.getByLabel('Quality').locator('option')).toHaveText([/^Auto/, '360p'])

  await ada.open('photo-rotated')
  await expect(page.locator('photo-view img')).toHaveJSProperty('complete', true)
  expect(
    await page.locator('photo-view img').evaluate((image: HTMLImageElement) => image.naturalWidth),
  ).toBeGreaterThan(0)

  await ada.open('old')
  await expect(page.getByText('This browser cannot play the original, which alone is on this device.')).toBeVisible()

  // Locked in the air, it opens with the password alone.
  await page.goto(`${world.origin}/settings`)
  await page.getByRole('button', { name: 'Lock now' }).click()
  await ada.unlock()
  await ada.open('sea')
  await ada.plays()

  // Opened in flight mode, where the network comes before the server can be reached: one try is in vain.
  await page.addInitScript(() => Object.defineProperty(navigator, 'onLine', { value: false }))
  await page.goto(world.origin)
  const away = page.getByText('Not connected.')
  await expect(away).toBeVisible()
  const inVain = page.waitForEvent('requestfailed', (request) => request.url().endsWith(readSession.path))
  await ada.context.setOffline(false)
  await page.evaluate(() => dispatchEvent(new Event('online')))
  await inVain
  await world.startServer()
  await expect(away).toHaveCount(0, { timeout: 60_000 })
})

test('keeping goes on after the app was closed in the middle, can be paused, and gives its room back', async ({
  world,
  arrive,
}) => {
  world.relay.letsCache = false
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const file = join(world.folder, 'large.mp4')
  await makeVideo(file, {
    seconds: 60,
    codec: [
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
      '-b:v',
      '6M',
      '-minrate',
      '6M',
      '-maxrate',
      '6M',
      '-bufsize',
      '6M',
      '-x264-params',
      'nal-hrd=cbr',
    ],
  })
  await ada.upload(file)
  await ada.uploaded('large')
  await ada.open('large')

  let pieces = 0
  const held = Promise.withResolvers<void>()
  world.relay.gate = async (method, path, { range }) => {
    // The browser asks for two at once: at the sixth, some have come.
    if (!asksPiece(method, path, range) || ++pieces < 6) return
    held.resolve()
    await new Promise(() => undefined)
  }
  await ada.page.getByRole('button', { name: 'Keep offline' }).click()
  await ada.page.locator('kith-dialog').getByRole('button', { name: 'Keep offline' }).click()
  await held.promise
  await ada.page.close()
  world.relay.gate = undefined
  world.relay.cut()

  const heldAgain = Promise.withResolvers<void>()
  world.relay.gate = async (method, path, { range }) => {
    if (!asksPiece(method, path, range)) return
    heldAgain.resolve()
    await new Promise(() => undefined)
  }
  const page = await ada.newPage()
  await page.goto(`${world.origin}/offline`)
  const row = page.getByRole('listitem').filter({ hasText: 'large' })
  await heldAgain.promise
  await row.getByRole('button', { name: 'Pause' }).click()
  await expect(row).toHaveAttribute('data-state', 'paused')
  // What came before counts, although not one object of it is whole.
  await expect(row.getByText(/Paused at [\d.]+ MB/)).toBeVisible()
  world.relay.gate = undefined
  world.relay.cut()
  await row.getByRole('button', { name: 'Go on' }).click()
  await expect(row).toHaveAttribute('data-state', 'kept', { timeout: 60_000 })
  await expect(page.getByText(/One item takes [\d.]+ MB/)).toBeVisible()

  await page.getByRole('button', { name: 'Make room' }).click()
  await expect(page.getByText('Nothing is kept here yet.')).toBeVisible()
  expect(await keptCaches(ada)).toEqual([])

  // What plays until the network goes keeps no screen on after it; it goes on by itself.
  await ada.open('large')
  await ada.plays()
  expect(await isAtWork(ada)).toBe(true)
  await loseNetwork(ada)
  await ada.seek(50)
  await expect(isAway(ada)).toBeVisible()
  expect(await isAtWork(ada)).toBe(false)
  await findNetwork(ada)
  const playsAt = () =>
    page.locator('video').evaluate(({ paused, currentTime }: HTMLVideoElement) => (paused ? 0 : currentTime))
  await expect.poll(playsAt).toBeGreaterThan(50)
  await expect(isAway(ada)).toHaveCount(0)
})

test('what happened elsewhere takes effect without a reload: what was deleted goes, and all of it with the circle', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const link = await ada.invite()
  const files = [join(world.folder, 'sea.mp4'), join(world.folder, 'hill.mp4'), join(world.folder, 'lake.mp4')]
  for (const file of files) await makeVideo(file, { seconds: 2, width: 320, height: 240 })
  await ada.upload(...files)
  const ben = await arrive('ben')
  await ben.joinBy(link)
  for (const title of ['sea', 'hill', 'lake'])
    await expect(ben.page.getByRole('link', { name: new RegExp(`^${title}`) })).toBeVisible()
  await ben.page.getByRole('button', { name: 'Select' }).click()
  for (const title of ['sea', 'hill', 'lake']) await ben.page.getByRole('button', { name: `Choose ${title}` }).click()
  await ben.page.getByRole('button', { name: 'Keep offline' }).click()
  await ben.page.getByRole('button', { name: 'Show' }).click()
  await expect(ben.page.locator('[data-state=kept]')).toHaveCount(3, { timeout: 60_000 })

  // By rule: what somebody else uploads comes by itself, at once and after a while without network.
  await ben.page.getByLabel('Keep by itself').selectOption({ label: 'The newest 10' })
  await expect(ben.page.getByLabel('Quality of videos')).toHaveValue('720')
  let first: string | undefined
  const held = Promise.withResolvers<void>()
  world.relay.gate = async (method, path) => {
    if (method !== 'GET' || !/\/objects\//.test(path)) return
    first ??= path
    if (path !== first) await held.promise
  }
  const more = [join(world.folder, 'moor.mp4'), join(world.folder, 'fen.mp4')]
  for (const file of more) await makeVideo(file, { seconds: 2, width: 320, height: 240 })
  await ada.upload(more[0] as string)
  const moor = ben.page.getByRole('listitem').filter({ hasText: 'moor' })
  await expect(moor).toHaveAttribute('data-state', 'waiting')
  await expect(moor.getByText('50 %')).toBeVisible()
  await expect(moor.getByRole('progressbar', { name: 'Kept so far' })).toHaveJSProperty('value', 50)
  held.resolve()
  await expect(moor).toHaveAttribute('data-state', 'kept')
  await expect(moor.getByRole('progressbar')).toHaveCount(0)
  // Taken off by hand, it stays off, whatever else comes by the rule.
  await ben.page.getByRole('button', { name: 'Take moor off this device' }).click()
  await expect(moor).toHaveCount(0)
  await ben.context.setOffline(true)
  await ada.upload(more[1] as string)
  await ada.uploaded('fen')
  await ben.context.setOffline(false)
  const fen = ben.page.getByRole('listitem').filter({ hasText: 'fen' })
  await expect(fen).toHaveAttribute('data-state', 'kept')
  await expect(moor).toHaveCount(0)
  await ben.page.getByLabel('Keep by itself').selectOption({ label: 'None' })
  await expect(ben.page.locator('[data-state=kept]')).toHaveCount(3)
  for (const row of [moor, fen]) await expect(row).toHaveCount(0)
  const source = await ben.page.getByRole('link', { name: 'lake' }).getAttribute('href')
  const media = `/media/${source?.split('/').at(-1)}/original`
  expect(await ben.page.evaluate((url) => fetch(url).then(({ status }) => status), media)).toBe(200)

  // A page that has never shown the library hears of it, too.
  await ben.page.goto(`${world.origin}/chats`)
  const remove = async (title: string) => {
    await ada.open(title)
    await ada.page.getByRole('button', { name: 'Delete' }).click()
    await expect(ada.page.getByText('Deleted').first()).toBeVisible()
    await expect(ada.page.getByRole('button', { name: 'Upload' })).toBeVisible()
  }
  await expect(ben.page.getByRole('heading', { name: 'Chats' })).toBeVisible()
  await remove('sea')
  await expect.poll(() => keptCaches(ben)).toHaveLength(2)
  await ben.context.setOffline(true)
  await remove('hill')
  await ben.context.setOffline(false)
  await expect.poll(() => keptCaches(ben)).toHaveLength(1)

  await ben.context.setOffline(true)
  await ada.go('Circle')
  await ada.page.getByRole('button', { name: 'Remove ben' }).click()
  await ada.page.getByRole('button', { name: 'Remove ben' }).last().click()
  await expect(ada.page.getByText('ben', { exact: true })).toHaveCount(0)
  expect(await keptCaches(ben)).toHaveLength(1)
  await ben.context.setOffline(false)
  await expect.poll(() => keptCaches(ben)).toEqual([])
  expect(await ben.page.evaluate((url) => fetch(url).then(({ ok }) => ok), media)).toBe(false)
  await ben.go('Circle')
  await expect(ben.page.locator('[data-code="group/not-member"]')).toBeVisible()
})

test('what is being fetched comes also while no page of Kith is open, and is there without network', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const file = join(world.folder, 'large.bin')
  await writeFile(file, randomBytes(24 * 2 ** 20))
  await ada.upload(file)
  await ada.uploaded('large')
  await ada.open('large')

  const asked = Promise.withResolvers<void>()
  const isClosed = Promise.withResolvers<void>()
  let bytes = 0
  world.relay.gate = async (method, path) => {
    if (method !== 'GET' || !/\/objects\//.test(path)) return
    asked.resolve()
    await isClosed.promise
  }
  const isFetched = Promise.withResolvers<void>()
  world.relay.onExchange = ({ method, path, body }) => {
    if (method === 'GET' && /\/objects\//.test(path)) bytes += body.length
    if (bytes > 24 * 2 ** 20) isFetched.resolve()
  }
  await ada.page.getByRole('button', { name: 'Keep offline' }).click()
  await ada.page.locator('kith-dialog').getByRole('button', { name: 'Keep offline' }).click()
  await asked.promise
  await ada.page.close()
  isClosed.resolve()
  await isFetched.promise
  // Written down by the Service Worker alone, with no page that would help.
  const page = await ada.newPage()
  await page.goto(`${world.origin}/healthz`)
  await expect
    .poll(() =>
      page.evaluate(async () => {
        const name = (await caches.keys()).find((each) => each.startsWith('kith/kept'))
        return name === undefined ? 0 : (await (await caches.open(name)).keys()).length
      }),
    )
    .toBeGreaterThan(6)
  await world.server.stop('SIGKILL')

  await page.goto(`${world.origin}/offline`)
  const row = page.getByRole('listitem').filter({ hasText: 'large' })
  await expect(row).toHaveAttribute('data-state', 'kept', { timeout: 60_000 })
})

test('killed at every step of keeping, app and Service Worker, it goes on until all of it is here', async ({
  world,
  arrive,
}) => {
  world.relay.letsCache = false
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const file = join(world.folder, 'large.bin')
  const bytes = randomBytes(24 * 2 ** 20)
  await writeFile(file, bytes)
  await ada.enrolWorker()
  await ada.upload(file)
  await ada.uploaded('large')
  await world.worker?.stop('SIGKILL')

  // Where nobody chose a quality, what the worker has not made yet is waited for.
  const later = join(world.folder, 'hill.mp4')
  await makeVideo(later, { seconds: 2, width: 320, height: 240 })
  await ada.upload(later)
  await ada.uploaded('hill')
  await ada.page.getByRole('button', { name: 'Select' }).click()
  await ada.page.getByRole('button', { name: 'Choose hill' }).click()
  await ada.page.getByRole('button', { name: 'Keep offline' }).click()
  await expect(ada.page.getByText('Keeping 1 item on this device')).toBeVisible()
  await ada.page.getByRole('button', { name: 'Show' }).last().click()
  await expect(ada.page.getByRole('listitem').filter({ hasText: 'hill' })).toContainText('Waits until it is converted')
  await ada.go('Library')
  await ada.open('large')
  const source = `/media/${new URL(ada.page.url()).pathname.split('/').at(-1)}/original`

  let armed = Promise.withResolvers<void>()
  world.relay.gate = async (method, path) => {
    if (method === 'GET' && /\/objects\//.test(path)) await armed.promise
  }
  /** The Service Worker writes so many pieces of what the browser has fetched, and is stopped at the next one. */
  const arm = async (pieces: number) => {
    const worker = ada.context.serviceWorkers()[0] ?? (await ada.context.waitForEvent('serviceworker'))
    const script = await worker.evaluateHandle((most) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      const put = Cache.prototype.put
      let written = 0
      Cache.prototype.put = function (...args) {
        if (written++ < most) return put.apply(this, args)
        resolve()
        return new Promise(() => undefined)
      }
      return { promise }
    }, pieces)
    armed.resolve()
    return { isWritten: script.evaluate(({ promise }) => promise) }
  }
  const piecesHere = () =>
    ada.page.evaluate(async () => {
      const name = (await caches.keys()).find((each) => each.startsWith('kith/kept'))
      return name === undefined ? 0 : (await (await caches.open(name)).keys()).length
    })

  await ada.page.getByRole('button', { name: 'Keep offline' }).click()
  await ada.page.locator('kith-dialog').getByRole('button', { name: 'Keep offline' }).click()
  let written = 0
  for (let more = 0; ; more++) {
    const { isWritten } = await arm(more)
    const isKept = await Promise.race([
      isWritten.then(() => false),
      expect(ada.page.locator('[data-state=kept]'))
        .toBeVisible({ timeout: 60_000 })
        .then(() => true),
    ])
    if (isKept) break
    written += more
    expect(await piecesHere()).toBe(written)
    const devtools = await ada.context.newCDPSession(ada.page)
    await devtools.send('ServiceWorker.enable')
    await devtools.send('ServiceWorker.stopAllWorkers')
    await ada.page.close()
    armed = Promise.withResolvers()
    await ada.newPage()
    // By another one that the browser has started for it.
    await ada.page.goto(`${world.origin}/offline`)
  }
  expect(written).toBe(1 + 2 + 3)

  await world.server.stop('SIGKILL')
  const digest = await ada.page.evaluate(async (url) => {
    const plain = await (await fetch(url)).arrayBuffer()
    return [...new Uint8Array(await crypto.subtle.digest('SHA-256', plain))]
  }, source)
  expect(Buffer.from(digest)).toEqual(createHash('sha256').update(bytes).digest())
})

test('a device that fills up in the middle keeps nothing half, says so, and goes on once there is room', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  const { page } = ada
  await ada.makeCircle('Gartenfreunde')
  const file = join(world.folder, 'large.bin')
  await writeFile(file, randomBytes(24 * 2 ** 20))
  await ada.upload(file)
  await ada.uploaded('large')
  await ada.open('large')

  const devtools = await ada.context.newCDPSession(page)
  const origin = world.origin
  let asked = 0
  const [begun, full] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  world.relay.gate = async (method, path) => {
    if (method !== 'GET' || !/\/objects\//.test(path) || ++asked < 3) return
    begun.resolve()
    await full.promise
  }
  await page.getByRole('button', { name: 'Keep offline' }).click()
  await page.locator('kith-dialog').getByRole('button', { name: 'Keep offline' }).click()
  // There was room when it began.
  await begun.promise
  await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1 })
  full.resolve()
  const dialog = page.locator('kith-dialog')
  await expect(dialog.locator('[data-code="offline/no-room"]')).toBeVisible()
  await expect(dialog.getByRole('link', { name: 'Make room' })).toBeVisible()
  expect(asked).toBeGreaterThanOrEqual(3)
  await expect.poll(() => keptCaches(ada)).toEqual([])

  await devtools.send('Storage.overrideQuotaForOrigin', { origin })
  await dialog.getByRole('button', { name: 'Try again' }).click()
  await expect(page.getByText('It plays without network.')).toBeVisible({ timeout: 60_000 })
  expect(await keptCaches(ada)).toHaveLength(1)
})
