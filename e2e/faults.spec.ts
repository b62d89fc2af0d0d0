import { appendFile, cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { chromium, type Page } from '@playwright/test'
import config from '../playwright.config.ts'
import { type Canary, searchFolder } from './support/canaries.ts'
import { makePhoto, makeVideo } from './support/media.ts'
import { PASSWORD, Person } from './support/person.ts'
import { pushDoor } from './support/push.ts'
import { expect, test } from './support/test.ts'

const row = (page: Page, text: string) => page.locator('message-row').filter({ hasText: text })
async function say(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Message' }).fill(text)
  await page.getByRole('button', { name: 'Send' }).click()
}
async function talk(ada: Person, ben: Person): Promise<void> {
  await ada.befriend(ben)
  await ada.page.getByRole('link', { name: 'Write to ben' }).click()
  await ben.page.getByRole('link', { name: 'Write to ada' }).click()
}

/** Which files below `folder` hold these bytes. */
async function filesWith(folder: string, needle: Buffer): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    // A browser that runs takes files away between two looks.
    if (entry.isFile() && (await readFile(path).catch(() => Buffer.of())).includes(needle)) found.push(path)
  }
  return found
}

test('a copy of the profile of a locked browser holds no plaintext, and opens nothing; nor does one that was signed out from afar', async ({
  world,
  arrive,
}) => {
  const canaries: Canary[] = [
    { what: 'the password', text: 'velvet-Kanarienvogel-quartz-91' },
    { what: 'the circle’s name', text: 'Zeisigfreunde' },
    { what: 'a file’s name', text: 'Stieglitz-am-Morgen' },
    { what: 'a file’s content', text: 'Kernbeisser steht in dieser Datei' },
    { what: 'a message', text: 'Gimpel sitzt in der Hecke' },
    { what: 'a message that was announced', text: 'Goldammer singt am Feldrand' },
    { what: 'a draft', text: 'Girlitz noch nicht gesagt' },
    { what: 'a photo that was shown', text: 'Kleiber klettert durch dieses Bild' },
    { what: 'a video that was played', text: 'Wendehals dreht diesen Film' },
    { what: 'a text that was shared and waits', text: 'Pirol wartet auf jemanden' },
    { what: 'the name of a file that was shared and waits', text: 'Rohrdommel-im-Schilf' },
    { what: 'the content of a file that was shared and waits', text: 'Sperber lauert in dieser Datei' },
    { what: 'the name of a file that is being uploaded', text: 'Wiedehopf-unterwegs' },
    { what: 'the content of a file that is being uploaded', text: 'Ziegenmelker ist noch nicht angekommen' },
  ]
  const password = canaries[0]?.text ?? ''
  const profile = join(world.folder, 'profile')
  const open = (folder: string) =>
    chromium.launchPersistentContext(folder, {
      ...config.use?.launchOptions,
      viewport: { width: 390, height: 844 },
    })
  const context = await open(profile)
  const ada = await Person.in(context, world, 'ada')
  await ada.makeCircle('Zeisigfreunde', password)
  // Where Kith keeps things, as early as they come: what is written there in plain has to be found in the end.
  await ada.page.evaluate(async () => {
    const said = 'Neuntöter ist die Probe'
    await (await caches.open('control')).put('/control', new Response(`${said}, im Cache`))
    await new Promise((resolve) => {
      const opening = indexedDB.open('control', 1)
      opening.onupgradeneeded = () => opening.result.createObjectStore('control').put(`${said}, in der Datenbank`, 0)
      opening.onsuccess = resolve
    })
  })
  const controls: Canary[] = [
    { what: 'control, cached', text: 'Neuntöter ist die Probe, im Cache' },
    { what: 'control, in a row', text: 'Neuntöter ist die Probe, in der Datenbank' },
  ]
  const text = join(world.folder, 'Stieglitz-am-Morgen.txt')
  await writeFile(text, 'Kernbeisser steht in dieser Datei\n'.repeat(200))
  await ada.upload(text)
  await ada.open('Stieglitz-am-Morgen')
  await ada.page.getByRole('button', { name: 'Keep offline' }).click()
  await ada.page.locator('kith-dialog').getByRole('button', { name: 'Keep offline' }).click()
  await expect(
    ada.page.getByText('It opens without network.').or(ada.page.getByText('It plays without network.')),
  ).toBeVisible()
  await ada.page.getByRole('button', { name: 'Close' }).click()
  const photo = await makePhoto(join(world.folder, 'Waldlaub.jpg'))
  // Behind the end of the picture, where no decoder looks.
  await appendFile(photo, 'Kleiber klettert durch dieses Bild')
  await ada.upload(photo)
  await ada.open('Waldlaub')
  await expect(ada.page.getByRole('button', { name: /^Enlarge/ }).locator('img')).toHaveJSProperty('naturalWidth', 1200)
  const video = join(world.folder, 'Waldrand.mp4')
  await makeVideo(video, { seconds: 3, width: 320, height: 180, title: 'Wendehals dreht diesen Film' })
  await ada.upload(video)
  await ada.open('Waldrand')
  await ada.plays(1)
  await ada.page.getByRole('button', { name: 'Keep offline' }).click()
  await ada.page.locator('kith-dialog').getByRole('button', { name: 'Keep offline' }).click()
  await expect(ada.page.getByText('It plays without network.')).toBeVisible()
  await ada.page.getByRole('button', { name: 'Close' }).click()
  const ben = await arrive('ben')
  await ben.joinBy(await ada.invite())
  await talk(ada, ben)
  await say(ada.page, 'Gimpel sitzt in der Hecke')
  await expect(row(ben.page, 'Gimpel')).toBeVisible()
  await ada.page.getByRole('textbox', { name: 'Message' }).fill('Girlitz noch nicht gesagt')
  await ada.go('Chats')
  await expect(ada.page.getByText('Girlitz noch nicht gesagt')).toBeVisible()
  // A browser writes down in plain what it shows: as long as nobody has asked for more, that something came.
  await context.grantPermissions(['notifications'], { origin: world.origin })
  const door = await pushDoor(context, world.origin)
  await ada.page.goto('about:blank')
  await door.untilNobodyLooks()
  await say(ben.page, 'Goldammer singt am Feldrand')
  await expect(row(ben.page, 'Goldammer').locator('[data-state=sent]')).toBeVisible()
  await door.wakesTo(['Kith: New message'])
  await ada.page.goto(world.origin)
  await expect(ada.page.getByRole('button', { name: 'Upload' })).toBeVisible()
  // Without this half, what the database's log still holds of the other one opens nothing.
  const half = await ada.page.evaluate(async () => {
    const found = await caches.match('/device-half', { cacheName: 'kith/device' })
    return Array.from(new Uint8Array((await found?.arrayBuffer()) ?? new ArrayBuffer(0)))
  })
  expect(half.length).toBe(60)
  await expect.poll(() => filesWith(profile, Buffer.from(half))).not.toEqual([])
  // What is not done yet when it is locked: an upload that stopped in the middle, and something that another app shared.
  const underWay = join(world.folder, 'Wiedehopf-unterwegs.txt')
  await writeFile(underWay, 'Ziegenmelker ist noch nicht angekommen\n'.repeat(200))
  const stopped = Promise.withResolvers<void>()
  world.relay.gate = async (method, path) => {
    if (method !== 'PUT' || !path.startsWith('/api/media/')) return
    stopped.resolve()
    await new Promise(() => undefined)
  }
  await ada.upload(underWay)
  await stopped.promise
  // Not by a form of the page, whose fields the browser itself writes down.
  const shared = await ada.page.evaluate(async () => {
    const body = new FormData()
    body.append('text', 'Pirol wartet auf jemanden')
    body.append('files', new File(['Sperber lauert in dieser Datei'.repeat(200)], 'Rohrdommel-im-Schilf.txt'))
    return (await fetch('/share', { method: 'POST', body, redirect: 'manual' })).type
  })
  expect(shared).toBe('opaqueredirect')
  await ada.go('Settings')
  await ada.page.getByRole('button', { name: 'Lock now' }).click()
  await expect(ada.page.getByRole('heading', { name: 'Kith is locked' })).toBeVisible()
  await expect.poll(door.shown).toEqual([])
  await context.close()
  world.relay.gate = undefined
  world.relay.cut()
  expect(await filesWith(profile, Buffer.from(half))).toEqual([])

  const { findings, files } = await searchFolder(profile, canaries)
  expect(files).toBeGreaterThan(20)
  expect(findings).toEqual([])
  const announced = join(profile, 'Default', 'Platform Notifications')
  expect(await filesWith(announced, Buffer.from('New message'))).not.toEqual([])
  const found = async (wanted: readonly Canary[]) => {
    const { findings } = await searchFolder(profile, wanted)
    return wanted.filter(({ what }) => findings.some((finding) => finding.startsWith(what))).map(({ what }) => what)
  }
  expect(await found(controls)).toEqual(controls.map(({ what }) => what))

  const copy = join(world.folder, 'copy')
  await cp(profile, copy, { recursive: true })
  const thief = await open(copy)
  const page = await thief.newPage()
  await page.goto(world.origin)
  await expect(page.getByRole('heading', { name: 'Kith is locked' })).toBeVisible()
  const keys = await page.evaluate(
    () =>
      new Promise<unknown[]>((resolve) => {
        const opening = indexedDB.open('kith')
        opening.onsuccess = () => {
          const asked = opening.result.transaction('keys').objectStore('keys').getAllKeys()
          asked.onsuccess = () => resolve(asked.result)
        }
      }),
  )
  expect(keys).toEqual(['lock'])
  await thief.close()

  // The browser starts anew where there is no server: all that it needs is on the device.
  await say(ben.page, 'Grünspecht lacht im Tal')
  await expect(row(ben.page, 'Grünspecht').locator('[data-state=sent]')).toBeVisible()
  await world.server.stop('SIGKILL')
  const again = await open(profile)
  const back = await Person.in(again, world, 'ada')
  await back.page.goto(world.origin)
  await back.unlock(password)
  await expect(back.page.getByRole('link', { name: /^Stieglitz/ })).toBeVisible()
  await back.open('Waldrand')
  await back.plays(1)
  await back.go('Chats')
  await back.page.getByRole('link', { name: /ben/ }).click()
  await expect(row(back.page, 'Gimpel')).toBeVisible()
  await expect(back.page.getByRole('textbox', { name: 'Message' })).toHaveValue('Girlitz noch nicht gesagt')
  await say(back.page, 'Zilpzalp wartet auf das Netz')
  await expect(row(back.page, 'Zilpzalp').locator('[data-state=waiting], [data-state=sending]')).toBeVisible()
  await expect(row(back.page, 'Grünspecht')).toHaveCount(0)
  await world.startServer()
  await expect(row(ben.page, 'Zilpzalp')).toHaveCount(1)
  await expect(row(back.page, 'Zilpzalp').locator('[data-state=delivered], [data-state=read]')).toBeVisible()
  await expect(row(back.page, 'Grünspecht')).toHaveCount(1)
  await back.go('Library')
  await expect(
    back.page.getByRole('link', { name: /^Wiedehopf/ }).and(back.page.locator('[href^="/item/"]')),
  ).toBeVisible()
  await back.page.goto(`${world.origin}/share`)
  await expect(back.page.getByText('Rohrdommel-im-Schilf.txt')).toBeVisible()
  // Closed, unlocked, with a network: a push makes it ask.
  await again.grantPermissions(['notifications'], { origin: world.origin })
  const backDoor = await pushDoor(again, world.origin)
  await back.page.goto('about:blank')
  await backDoor.untilNobodyLooks()
  const elsewhere = await arrive('ada')
  await elsewhere.signIn(password)
  await expect(elsewhere.page.getByRole('link', { name: /^Stieglitz/ })).toBeVisible()
  await elsewhere.go('Settings')
  await elsewhere.page.locator('device-list').getByRole('button', { name: 'Sign out' }).click()
  await elsewhere.page.getByLabel('Password', { exact: true }).fill(password)
  await elsewhere.page.getByRole('button', { name: 'Sign it out' }).click()
  await expect(elsewhere.page.locator('device-list').getByRole('button', { name: 'Sign out' })).toHaveCount(0)
  await backDoor.wakesTo(['Kith: This device was signed out'])
  await back.page.goto(world.origin)
  await expect(back.page.getByRole('heading', { name: 'Welcome back' })).toBeVisible()
  const left = await back.page.evaluate(async () => ({
    rows: await new Promise<number>((resolve) => {
      const opening = indexedDB.open('kith')
      opening.onsuccess = () => {
        const names = [...opening.result.objectStoreNames]
        const transaction = opening.result.transaction(names)
        const counts = names.map((name) => transaction.objectStore(name).count())
        transaction.oncomplete = () => resolve(counts.reduce((sum, { result }) => sum + result, 0))
      }
    }),
    caches: (await caches.keys()).filter((name) => name !== 'control' && !name.startsWith('workbox-precache')),
  }))
  expect(left).toEqual({ rows: 0, caches: [] })
  await again.close()
  expect((await searchFolder(profile, canaries)).findings).toEqual([])
  expect(await found(controls)).toEqual(controls.map(({ what }) => what))
})

test('storage wiped under the app: a new device after the next sign-in, nothing lost and nothing doubled', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const file = join(world.folder, 'list.txt')
  await writeFile(file, 'Tomaten')
  await ada.upload(file)
  const ben = await arrive('ben')
  await ben.joinBy(await ada.invite())
  await talk(ada, ben)
  await say(ada.page, 'Vorher')
  await expect(row(ben.page, 'Vorher')).toBeVisible()

  const devtools = await ada.context.newCDPSession(ada.page)
  await devtools.send('Storage.clearDataForOrigin', { origin: world.origin, storageTypes: 'all' })
  // The page that is open notices by itself.
  await expect(ada.page.getByLabel('Password', { exact: true })).toBeVisible()
  await ada.signIn()
  await expect(ada.page.getByRole('link', { name: /^list/ })).toHaveCount(1)
  await ada.go('Chats')
  await ada.page.getByRole('link', { name: /ben/ }).click()
  await expect(row(ada.page, 'Vorher')).toHaveCount(1)
  await say(ada.page, 'Nachher')
  await expect(row(ben.page, 'Nachher')).toHaveCount(1)
  await say(ben.page, 'Alles da')
  await expect(row(ada.page, 'Alles da')).toBeVisible()
  await expect(ben.page.locator('.banner')).toHaveCount(0)
  await expect(row(ben.page, 'Vorher')).toHaveCount(1)
})

for (const [title, shift] of [
  ['ahead: an invite seems to be over, and says why; uploading and talking go on', 365],
  ['behind: joining, uploading and talking go on', -365],
] as const) {
  test(`a page whose clock is a year ${title}, in the same order for both`, async ({ world, arrive }) => {
    const ada = await arrive('ada')
    await ada.makeCircle('Gartenfreunde')
    const link = await ada.invite()
    const ben = await arrive('ben')
    await ben.page.clock.install({ time: Date.now() + shift * 86_400_000 })
    if (shift > 0) {
      await ben.page.goto(link)
      await expect(ben.page.getByRole('alert')).toContainText('the clock of this device is wrong')
      // Set right for the invite alone: what comes after it does not depend on it.
      await ben.page.clock.setSystemTime(Date.now())
      await ben.page.goto('about:blank')
      await ben.joinBy(link)
      await ben.page.clock.setSystemTime(Date.now() + shift * 86_400_000)
      await ben.page.reload()
      // Nobody has touched Kith for a year.
      await ben.unlock()
    } else await ben.joinBy(link)
    const file = join(world.folder, 'list.txt')
    await writeFile(file, 'Tomaten')
    await ben.upload(file)
    await expect(ben.page.getByRole('link', { name: /^list/ })).toBeVisible()
    await expect(ada.page.getByRole('button', { name: 'Invite', exact: true })).toBeVisible()
    await ada.go('Library')
    await expect(ada.page.getByRole('link', { name: /^list/ })).toBeVisible()
    await talk(ada, ben)
    await say(ada.page, 'Eins')
    await expect(row(ben.page, 'Eins')).toBeVisible()
    await say(ben.page, 'Zwei')
    await expect(row(ada.page, 'Zwei')).toBeVisible()
    await say(ada.page, 'Drei')
    await expect(row(ben.page, 'Drei')).toBeVisible()
    for (const { page } of [ada, ben])
      expect(await page.locator('message-row .text').allTextContents()).toEqual(['Eins', 'Zwei', 'Drei'])
  })
}

test('two tabs: one of them uploads, one of them sends, and each thing arrives once', async ({ world, arrive }) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const ben = await arrive('ben')
  await ben.joinBy(await ada.invite())
  await talk(ada, ben)
  const first = ada.page
  const second = await ada.newPage()
  await second.goto(first.url())
  await expect(second.getByRole('textbox', { name: 'Message' })).toBeVisible()
  await ada.context.setOffline(true)
  await say(first, 'Aus dem ersten')
  await say(second, 'Aus dem zweiten')
  await ada.context.setOffline(false)
  for (const text of ['Aus dem ersten', 'Aus dem zweiten'])
    for (const page of [ben.page, first, second]) await expect(row(page, text)).toHaveCount(1)
  await expect(ben.page.locator('.banner')).toHaveCount(0)

  const files = ['apples', 'pears'].map((name) => join(world.folder, `${name}.txt`))
  for (const file of files) await writeFile(file, file)
  // The first thing that is sent stays on its way until the other tab wants to send, too.
  const sent: string[] = []
  const held = Promise.withResolvers<void>()
  world.relay.gate = async (method, path) => {
    const media = /^\/api\/media\/([\w-]{22})\//.exec(path)?.[1]
    if (!media || (method !== 'PUT' && method !== 'POST')) return
    sent.push(media)
    if (sent.length === 1) await held.promise
  }
  ada.page = first
  await ada.go('Library')
  ada.page = second
  await ada.go('Library')
  await first.getByLabel('Files to upload').setInputFiles(files[0] ?? '')
  await expect.poll(() => sent.length).toBe(1)
  await second.getByLabel('Files to upload').setInputFiles(files[1] ?? '')
  const waits = () =>
    second.evaluate(async () => {
      const { pending = [] } = await navigator.locks.query()
      return pending.some(({ name }) => name === 'kith/uploader')
    })
  await expect.poll(waits).toBe(true)
  expect(new Set(sent).size).toBe(1)
  held.resolve()
  for (const page of [first, second])
    for (const name of [/^apples/, /^pears/]) await expect(page.getByRole('link', { name })).toHaveCount(1)
  await expect.poll(() => new Set(sent).size).toBe(2)
  // All of the one before anything of the other.
  const [one, other] = [...new Set(sent)]
  expect(sent.indexOf(other ?? '')).toBeGreaterThan(sent.lastIndexOf(one ?? ''))
  await ben.go('Library')
  for (const name of [/^apples/, /^pears/]) await expect(ben.page.getByRole('link', { name })).toHaveCount(1)
})

test('a private window that stores no keys: everything works until it is closed, and a load asks for the password', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  await ada.context.addInitScript(() => {
    const { put } = IDBObjectStore.prototype
    IDBObjectStore.prototype.put = function (value, key) {
      if (value instanceof CryptoKey) throw new DOMException('a key cannot be stored here', 'DataCloneError')
      return put.call(this, value, key)
    }
  })
  await ada.makeCircle('Gartenfreunde')
  const file = join(world.folder, 'list.txt')
  await writeFile(file, 'Tomaten')
  await ada.upload(file)
  await expect(ada.page.getByRole('link', { name: /^list/ })).toBeVisible()
  await ada.open('list')
  // By the Service Worker, which borrows the page's key; on a busy machine it comes a little later than the page.
  await ada.page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  const downloading = ada.page.waitForEvent('download')
  await ada.page.getByRole('link', { name: 'Download' }).last().click()
  expect(await readFile(await (await downloading).path(), 'utf8')).toBe('Tomaten')
  await ada.go('Library')
  await ada.page.reload()
  await ada.page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await ada.page.getByRole('button', { name: /^(Unlock|Sign in)$/ }).click()
  await expect(ada.page.getByRole('link', { name: /^list/ })).toBeVisible()
})

test('where a part of the program does not come, the page says so, and a link still opens once it does', async ({
  world,
  arrive,
}) => {
  const { page } = await arrive('ada')
  const part = /\/assets\/start-/
  await page.route(part, (route) => route.abort())
  await page.goto(`${world.origin}/join#canary-in-a-link`)
  await expect(page.getByText('Kith could not be loaded. Check the network and reload the page.')).toBeVisible()
  const hash = () => new URL(page.url()).hash
  expect(hash()).toBe('#canary-in-a-link')
  await page.unroute(part)
  await page.reload()
  await expect(page.locator('join-screen')).toBeVisible()
  expect(hash()).toBe('')
})
