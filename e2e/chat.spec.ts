import { readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { chromium, type Locator, type Page } from '@playwright/test'
import type { KithApp } from '../client/app/kith-app.ts'
import type { Services } from '../client/app/services.ts'
import config from '../playwright.config.ts'
import { openDatabase } from '../server/db/open.ts'
import { makePhoto, makeVideo } from './support/media.ts'
import { PASSWORD, Person } from './support/person.ts'
import { pushDoor, type WorkerScope } from './support/push.ts'
import { expect, test } from './support/test.ts'

async function twoFriends(arrive: (name: string) => Promise<Person>): Promise<[Person, Person]> {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const link = await ada.invite()
  const ben = await arrive('ben')
  await ben.joinBy(link)
  await ada.befriend(ben)
  await ada.page.getByRole('link', { name: 'Write to ben' }).click()
  await ben.page.getByRole('link', { name: 'Write to ada' }).click()
  // Until then the list of friends is there, whose menus have the same names.
  for (const { page } of [ada, ben]) await expect(page.getByRole('textbox', { name: 'Message' })).toBeVisible()
  return [ada, ben]
}

async function say({ page }: Person, text: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Message' }).fill(text)
  await page.getByRole('button', { name: 'Send' }).click()
}
const row = (page: Page, text: string) => page.locator('message-row').filter({ hasText: text })
async function doWith(page: Page, text: string, what: string): Promise<void> {
  await row(page, text).getByRole('button', { name: 'More about this message' }).click()
  await page.locator('message-menu').getByRole('button', { name: what }).click()
}

async function tellsRead(person: Person, isOn: boolean): Promise<void> {
  await person.go('Settings')
  const { page } = person
  const saved = page.waitForResponse(
    (answer) => answer.url().endsWith('/api/vault') && answer.request().method() !== 'GET',
  )
  await page.getByLabel('Tell friends when I have read').setChecked(isOn)
  await saved
}

/** What one has received, and read, goes to the server now, and the other one asks for it. */
async function receiptPasses(from: Person, to: Person): Promise<void> {
  await from.page.evaluate(async () => {
    const { services } = document.querySelector('kith-app') as KithApp & { services: Services }
    const { chat } = await services.openTalk()
    for (const { connectionId } of chat.conversations.value) await chat.receipts.tell(connectionId)
  })
  await to.page.evaluate(async () => {
    const { services } = document.querySelector('kith-app') as KithApp & { services: Services }
    const { chat } = await services.openTalk()
    await chat.catchUp()
    await chat.settled()
  })
}

/** Name and bytes of what a link brings. */
async function downloaded(link: Locator): Promise<[name: string, bytes: Buffer]> {
  const downloading = link.page().waitForEvent('download')
  await link.click()
  const download = await downloading
  return [download.suggestedFilename(), await readFile(await download.path())]
}

const statusOf = (page: Page, path: string) => page.evaluate(async (url) => (await fetch(url)).status, path)

/** Items whose keys came in messages and are kept. */
function grantedOn(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const db = await new Promise<IDBDatabase>((resolve, reject) => {
      const opening = indexedDB.open('kith')
      opening.onsuccess = () => resolve(opening.result)
      opening.onerror = () => reject(opening.error)
    })
    const asked = db.transaction('granted').objectStore('granted').getAllKeys()
    await new Promise((resolve) => asked.addEventListener('success', resolve))
    db.close()
    return asked.result as string[]
  })
}

/** Epochs of the first conversation whose secrets the vault has. */
function secretsOn(page: Page): Promise<number[]> {
  return page.evaluate(async () => {
    const { services } = document.querySelector('kith-app') as KithApp & { services: Services }
    const { friends } = await services.openTalk()
    const id = friends.list.value[0]?.connectionId
    const newest = id ? friends.newestEpoch(id) : null
    if (!id || newest === null) return []
    return Array.from({ length: newest + 1 }, (_, epoch) => epoch).filter((epoch) => friends.messageSecret(id, epoch))
  })
}

test('two friends write, answer, react, edit and delete; each sees how far it came', async ({ arrive }) => {
  const [ada, ben] = await twoFriends(arrive)
  await say(ada, 'Sind die Tomaten schon reif?')
  await expect(row(ben.page, 'Tomaten')).toBeVisible()
  await expect(row(ada.page, 'Tomaten').locator('[data-state=read]')).toBeVisible()

  await doWith(ben.page, 'Tomaten', 'Reply')
  await say(ben, 'Noch nicht, nächste Woche. https://example.org/tomaten')
  const answer = row(ada.page, 'nächste Woche')
  await expect(answer.getByRole('button', { name: /Sind die Tomaten/ })).toBeVisible()
  await expect(answer.getByRole('link')).toHaveAttribute('rel', /noopener/)

  await doWith(ada.page, 'nächste Woche', '👍')
  await expect(row(ben.page, 'nächste Woche').getByLabel('Reactions: 👍')).toBeVisible()
  await row(ada.page, 'nächste Woche').getByRole('button', { name: 'More about this message' }).click()
  await ada.page.getByLabel('Another emoji').fill('🍅')
  await expect(row(ben.page, 'nächste Woche').getByLabel('Reactions: 🍅')).toBeVisible()

  await doWith(ben.page, 'nächste Woche', 'Edit')
  await ben.page.getByRole('textbox', { name: 'Message' }).fill('Noch nicht, in zwei Wochen.')
  await ben.page.getByRole('button', { name: 'Save' }).click()
  await expect(row(ada.page, 'in zwei Wochen')).toContainText('edited')
  await ben.context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await doWith(ben.page, 'in zwei Wochen', 'Copy')
  await expect(ben.page.getByText('Copied.')).toBeVisible()
  expect(await ben.page.evaluate(() => navigator.clipboard.readText())).toBe('Noch nicht, in zwei Wochen.')

  // What is too long for one message is said before it goes, and stays where it was typed.
  const field = ben.page.getByRole('textbox', { name: 'Message' })
  // Told every few seconds at most, and he has just typed something else: he goes on.
  await expect(async () => {
    await field.fill('a'.repeat(20_001))
    await expect(ada.page.getByRole('heading', { name: 'ben is typing…' })).toBeVisible({ timeout: 1000 })
  }).toPass()
  await ben.page.getByRole('button', { name: 'Send' }).click()
  await expect(ben.page.getByRole('alert')).toContainText('too long')
  await expect(field).toHaveValue('a'.repeat(20_001))
  await field.fill('')

  await say(ada, 'Das war für jemand anderen')
  await expect(row(ben.page, 'jemand anderen')).toBeVisible()
  // He may have it before she knows that the server has it.
  await doWith(ada.page, 'jemand anderen', 'Delete for both')
  await expect(ada.page.getByRole('dialog', { name: 'Delete for both?' })).toBeVisible()
  await ada.page.locator('message-menu').getByRole('button', { name: 'Delete for both', exact: true }).click()
  await expect(row(ben.page, 'jemand anderen')).toHaveCount(0)
  await expect(row(ben.page, 'This message was deleted.')).toBeVisible()

  // Whoever does not tell what they have read tells all the same what has come.
  await tellsRead(ben, false)
  await say(ada, 'Liest du das?')
  await ben.go('Chats')
  await ben.page.getByRole('link', { name: /ada.*1 unread/s }).click()
  await expect(row(ben.page, 'Liest du das?')).toBeVisible()
  await ben.back()
  await expect(ben.page.getByRole('link', { name: /ada/ })).not.toHaveText(/unread/)
  await receiptPasses(ben, ada)
  await expect(row(ada.page, 'Liest du das?').locator('[data-state]')).toHaveAttribute('data-state', 'delivered')
  await tellsRead(ben, true)

  // Read when it is opened, also where nothing has to be scrolled.
  await say(ada, 'Bis später')
  await ben.go('Chats')
  await ben.page.getByRole('link', { name: /ada.*1 unread/s }).click()
  await expect(row(ada.page, 'Liest du das?').locator('[data-state=read]')).toBeVisible()
  await expect(row(ada.page, 'Bis später').locator('[data-state=read]')).toBeVisible()
  await doWith(ben.page, 'Bis später', 'Delete on this device')
  await expect(row(ben.page, 'Bis später')).toHaveCount(0)
  await expect(row(ada.page, 'Bis später')).toBeVisible()
})

test('what is written without network goes out once there is one, and is seen on a second device with all before', async ({
  arrive,
  browser,
  world,
}) => {
  world.relay.letsCache = false
  const [ada, ben] = await twoFriends(arrive)
  await say(ada, 'Bis morgen!')
  await expect(row(ben.page, 'Bis morgen')).toBeVisible()
  const photo = await makePhoto(join(world.folder, 'beet.jpg'))
  await ada.page.getByLabel('Files to send').setInputFiles(photo)
  const widthShown = () =>
    ben.page
      .getByRole('img', { name: basename(photo) })
      .evaluate((image: HTMLImageElement) => (image.complete ? image.naturalWidth : 0))
  await expect.poll(widthShown).toBeGreaterThan(0)
  await ben.context.setOffline(true)
  await say(ben, 'Im Zug, ohne Netz geschrieben')
  await expect(row(ben.page, 'ohne Netz').locator('[data-state=waiting], [data-state=sending]')).toBeVisible()
  await ben.context.setOffline(false)
  await expect(row(ada.page, 'ohne Netz')).toBeVisible()
  await expect(row(ada.page, 'ohne Netz')).toHaveCount(1)

  // Opened locked, with the server gone: the password alone opens what was said and shown, and what is written waits.
  await ben.go('Settings')
  await ben.page.getByRole('button', { name: 'Lock now' }).click()
  await expect(ben.page.getByRole('heading', { name: 'Kith is locked' })).toBeVisible()
  await world.server.stop('SIGKILL')
  await ben.page.goto(`${world.origin}/chats`)
  await ben.unlock()
  const away = ben.page.getByText('Not connected.')
  await expect(away).toBeVisible()
  await ben.page.getByRole('link', { name: /ada/ }).click()
  for (const text of ['Bis morgen', 'ohne Netz']) await expect(row(ben.page, text)).toBeVisible()
  await expect.poll(widthShown).toBeGreaterThan(0)
  await say(ben, 'Im Tunnel, ohne Server')
  await expect(row(ben.page, 'Im Tunnel').locator('[data-state=waiting], [data-state=sending]')).toBeVisible()
  await world.startServer()
  await expect(row(ada.page, 'Im Tunnel')).toBeVisible({ timeout: 60_000 })
  await expect(away).toHaveCount(0, { timeout: 60_000 })

  const phone = await Person.arrive(browser, world, 'ben')
  await phone.signIn()
  await phone.go('Chats')
  await phone.page.getByRole('link', { name: /ada/ }).click()
  for (const text of ['Bis morgen', 'ohne Netz', 'Im Tunnel']) await expect(row(phone.page, text)).toHaveCount(1)
  await say(phone, 'Jetzt vom Telefon')
  for (const { page } of [ada, ben]) {
    await expect(row(page, 'vom Telefon')).toHaveCount(1)
    await expect(row(page, 'Im Tunnel')).toHaveCount(1)
  }
  await phone.context.close()
})

test('a photo, a video and a file go to the friend alone', async ({ arrive, world }) => {
  const [ada, ben] = await twoFriends(arrive)
  const video = join(world.folder, 'garten.mp4')
  await makeVideo(video, { seconds: 2, width: 320, height: 240 })
  const photo = await makePhoto(join(world.folder, 'beet.jpg'))
  const list = join(world.folder, 'Kanarienvogel 7391.txt')
  await writeFile(list, 'Tomaten, Bohnen, Dill')
  await ada.page.getByLabel('Files to send').setInputFiles([video, photo, list])
  await expect(ben.page.getByRole('button', { name: /^Video garten/ })).toBeEnabled()
  await ben.page.getByRole('button', { name: /^Video garten/ }).click()
  await ben.plays()
  await ben.page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
  const widthOf = (place: Page | Locator) =>
    place.getByRole('img', { name: basename(photo) }).evaluate((image: HTMLImageElement) => image.naturalWidth)
  await expect.poll(() => widthOf(ben.page)).toBe(640)
  await ben.page.getByRole('button', { name: `Photo ${basename(photo)}, show large` }).click()
  await expect.poll(() => widthOf(ben.page.getByRole('dialog'))).toBe(1200)
  await ben.page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
  const [name, bytes] = await downloaded(ben.page.getByRole('link', { name: `Download ${basename(list)}` }))
  expect([name, bytes.toString()]).toEqual([basename(list), 'Tomaten, Bohnen, Dill'])
  expect(world.relay.recorded.includes('Kanarienvogel')).toBe(false)

  // What this browser does not know is a file all the same.
  const old = join(world.folder, 'alt.mp4')
  await makeVideo(old, { seconds: 2, width: 320, height: 240, codec: ['-c:v', 'mpeg4'] })
  const unknown = [
    {
      name: 'herbst.heic',
      mimeType: 'image/heic',
      buffer: Buffer.from('\0\0\0\x18ftypheic, and nothing that is known'),
    },
    { name: 'alt.mp4', mimeType: 'video/mp4', buffer: await readFile(old) },
  ]
  await ada.page.getByLabel('Files to send').setInputFiles(unknown)
  expect((await downloaded(ben.page.getByRole('link', { name: 'Download herbst.heic' })))[1]).toEqual(
    unknown[0]?.buffer,
  )
  await ben.page.getByRole('button', { name: /^Video alt/ }).click()
  await expect(ben.page.getByRole('dialog')).toContainText('This browser cannot play videos of this kind.')
  const link = ben.page.getByRole('dialog').getByRole('link', { name: 'Download' })
  expect((await downloaded(link))[1]).toEqual(unknown[1]?.buffer)
  await ben.page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
  await expect(ben.page.getByRole('link', { name: 'Download alt.mp4' })).toBeVisible()

  const film = ada.page.locator('message-row').filter({ has: ada.page.getByRole('button', { name: /^Video garten/ }) })
  await film.getByRole('button', { name: 'More about this message' }).click()
  await ada.page.getByRole('button', { name: 'Add a caption' }).click()
  await ada.page.getByRole('textbox', { name: 'Message' }).fill('Im Mai')
  await ada.page.getByRole('button', { name: 'Save' }).click()
  await expect(row(ben.page, 'Im Mai')).toContainText('edited')

  // An item of the library goes the same way, and can be taken back.
  await ada.back()
  const meadow = join(world.folder, 'wiese.mp4')
  await makeVideo(meadow, { seconds: 2, width: 320, height: 240 })
  await ada.go('Library')
  await ada.page.getByRole('button', { name: 'Only me' }).click()
  await ada.upload(meadow)
  await expect(ada.page.getByRole('link', { name: /^wiese Uploading/ })).toHaveCount(0)
  await ada.open('wiese')
  await ada.page.getByRole('button', { name: 'Send to a friend' }).click()
  await ada.page.getByRole('button', { name: 'Send to ben' }).click()
  await expect(ben.page.getByRole('button', { name: /^Video wiese/ })).toBeEnabled()
  await ada.page.getByRole('button', { name: 'Take it back from ben' }).click()
  await expect(ben.page.getByRole('button', { name: /^Video wiese/ })).toHaveCount(0)

  // It is no part of the circle's library.
  await ben.go('Library')
  await expect(ben.page.getByRole('link', { name: /garten/ })).toHaveCount(0)
})

test('a device that was signed out from another one forgets everything, and reads nothing of what comes', async ({
  arrive,
  browser,
  world,
}) => {
  const [ada, ben] = await twoFriends(arrive)
  const phone = await Person.arrive(browser, world, 'ben')
  await phone.signIn()
  await phone.go('Chats')
  await say(ada, 'Noch für beide Geräte')
  await expect(phone.page.getByText('Noch für beide Geräte')).toBeVisible()
  // Ciphertext beside the database: what was kept, and what an upload has left.
  await phone.page.evaluate(async () => {
    await caches
      .open('kith/kept/AAAAAAAAAAAAAAAAAAAAAA')
      .then((cache) => cache.put('/kept/x/0', new Response('sealed')))
    const spool = await (await navigator.storage.getDirectory()).getDirectoryHandle('spool', { create: true })
    await spool.getDirectoryHandle('AAAAAAAAAAAAAAAAAAAAAA', { create: true })
  })

  await ben.go('Settings')
  await ben.page.locator('device-list').getByRole('button', { name: 'Sign out' }).click()
  await ben.page.getByRole('textbox', { name: 'Password', exact: true }).fill(PASSWORD)
  await ben.page.getByRole('button', { name: 'Sign it out' }).click()
  await expect(phone.page.getByText('signed out from another one')).toBeVisible()
  await expect(phone.page.getByRole('button', { name: 'Sign in' })).toBeVisible()
  const kept = await phone.page.evaluate(async () => {
    const db = await new Promise<IDBDatabase>((resolve, reject) => {
      const opening = indexedDB.open('kith')
      opening.onsuccess = () => resolve(opening.result)
      opening.onerror = () => reject(opening.error)
    })
    const counts = [...db.objectStoreNames].map(
      (name) =>
        new Promise<[string, number]>((resolve) => {
          const asked = db.transaction(name).objectStore(name).count()
          asked.onsuccess = () => resolve([name, asked.result])
        }),
    )
    return (await Promise.all(counts)).filter(([, count]) => count > 0)
  })
  expect(kept).toEqual([])
  const beside = async () => {
    const root = await navigator.storage.getDirectory()
    const names = await caches.keys()
    for await (const name of root.keys()) names.push(name)
    return names.filter((name) => name.startsWith('kith/kept/') || name === 'spool')
  }
  await expect.poll(() => phone.page.evaluate(beside)).toEqual([])
  await phone.context.close()

  // The keys change before the next message, and both go on.
  await ben.go('Chats')
  await ben.page.getByRole('link', { name: /ada/ }).click()
  await say(ben, 'Das Telefon ist abgemeldet')
  await expect(row(ada.page, 'abgemeldet')).toBeVisible()
  await say(ada, 'Gut so')
  await expect(row(ben.page, 'Gut so')).toBeVisible()
})

test('a push says nothing: the device asks what came, and shows no more of it than the person allowed', async ({
  arrive,
  world,
}) => {
  const [ada, ben] = await twoFriends(arrive)
  await ben.context.grantPermissions(['notifications'], { origin: world.origin })
  await ben.page.addInitScript(pretendToSubscribe)
  await ben.page.reload()
  await say(ben, 'Damit alles bereit ist')
  await expect(row(ben.page, 'bereit ist').locator('[data-state=read]')).toBeVisible()
  const chat = new URL(ben.page.url()).pathname
  // Written without network, and then nobody looks at Kith any more.
  await ben.context.setOffline(true)
  await say(ben, 'Aus dem Tunnel')
  await expect.poll(() => ben.page.evaluate(sealedInOutbox)).toBe(1)

  const { inWorker, shown, sync, untilNobodyLooks, wakesTo } = await pushDoor(ben.context, world.origin)
  await ben.page.close()
  await untilNobodyLooks()
  await ben.context.setOffline(false)
  await expect(async () => {
    await sync('kith-outbox')
    await expect(row(ada.page, 'Aus dem Tunnel')).toHaveCount(1, { timeout: 4000 })
  }).toPass()

  await say(ada, 'Die Kirschen sind reif')
  await expect(row(ada.page, 'Kirschen').locator('[data-state=sent]')).toBeVisible()
  await wakesTo(['Kith: New message'])
  // Where there is nothing to say, the browser is shown something all the same.
  await inWorker(closeNotifications)
  await wakesTo(['Kith: Nothing new, silently'])

  const page = await ben.newPage()
  await page.addInitScript(pretendToSubscribe)
  await page.addInitScript(noteBadges)
  const onIcon = () => page.evaluate(() => (globalThis as unknown as { badge?: number | null }).badge)
  await page.goto(`${world.origin}/settings`)
  await page.getByRole('button', { name: 'Notify me' }).click()
  await page.getByLabel('Show who wrote').check()
  await page.getByLabel('Silent hours').check()
  const clock = (fromNowMs: number) => new Date(Date.now() + fromNowMs).toTimeString().slice(0, 5)
  await page.getByLabel('From', { exact: true }).fill(clock(-3_600_000))
  await page.getByLabel('To', { exact: true }).fill(clock(3_600_000))
  await ben.go('Chats')
  await expect(page.getByRole('link', { name: /ada.*1 unread/s })).toBeVisible()
  await expect.poll(onIcon).toBe(1)
  await page.goto(`${world.origin}/settings`)
  await expect(page.getByText('This device says nothing while Kith is closed.')).toBeVisible()
  await page.goto('about:blank')
  await untilNobodyLooks()
  await say(ada, 'Die Pflaumen auch')
  await expect(row(ada.page, 'Pflaumen').locator('[data-state=sent]')).toBeVisible()
  await wakesTo(['ada: Die Pflaumen auch, silently'])

  // What was tapped leads the page that is open there.
  await page.goto(world.origin)
  await expect(page.getByRole('button', { name: 'Upload' })).toBeVisible()
  await inWorker(tapNotification)
  await expect(row(page, 'Pflaumen')).toBeVisible()
  expect(new URL(page.url()).pathname).toBe(chat)
  await expect.poll(shown).toEqual([])
  await expect.poll(onIcon).toBeNull()
})

/** Headless, there is no icon: what would stand on it is written down. */
function noteBadges(): void {
  const note = (badge: number | null) => async () => void Object.assign(globalThis, { badge })
  Object.assign(navigator, { setAppBadge: (count: number) => note(count)(), clearAppBadge: note(null) })
}

/** Chromium has no push service here. */
function pretendToSubscribe(): void {
  const keys = { p256dh: 65, auth: 16 }
  const made = {
    endpoint: 'https://push.example.org/ben',
    getKey: (name: keyof typeof keys) => new Uint8Array(keys[name]).buffer,
  }
  let current: typeof made | null = null
  Object.assign(PushManager.prototype, {
    getSubscription: async () => current,
    subscribe: async () => {
      current = made
      return made
    },
  })
}

/** How many messages wait that can be sent without a page. */
async function sealedInOutbox(): Promise<number> {
  const db = await new Promise<IDBDatabase>((resolve, reject) => {
    const opening = indexedDB.open('kith')
    opening.onsuccess = () => resolve(opening.result)
    opening.onerror = () => reject(opening.error)
  })
  const rows = await new Promise<{ message: unknown }[]>((resolve) => {
    const asked = db.transaction('outbox').objectStore('outbox').getAll()
    asked.onsuccess = () => resolve(asked.result)
  })
  db.close()
  return rows.filter(({ message }) => message !== null).length
}

/** Chromium has no tap on a notification for programs: the event is made here, and may bring no page to the front. */
async function tapNotification(): Promise<void> {
  const scope = globalThis as unknown as WorkerScope & EventTarget & { WindowClient: { prototype: WindowClient } }
  scope.WindowClient.prototype.focus = async function (this: WindowClient) {
    return this
  }
  const [notification] = await scope.registration.getNotifications()
  if (!notification) throw new Error('nothing is shown')
  let done: Promise<unknown> | undefined
  const waitUntil = (task: Promise<unknown>) => {
    done = task
  }
  const event = new Event('notificationclick')
  scope.dispatchEvent(Object.assign(event, { notification, waitUntil }))
  await done
}

async function closeNotifications(): Promise<void> {
  const { registration } = globalThis as unknown as WorkerScope
  for (const shown of await registration.getNotifications()) shown.close()
}

test('whoever was blocked is refused and told so; what they wrote is taken back, or goes out once they may again', async ({
  arrive,
}) => {
  const [ada, ben] = await twoFriends(arrive)
  await ben.page.getByRole('button', { name: 'More about ada' }).click()
  await ben.page.getByRole('button', { name: 'Block' }).click()
  await ben.page.locator('confirm-dialog').getByRole('button', { name: 'Block' }).click()
  await expect(ben.page.getByText('are not connected now')).toBeVisible()
  await say(ada, 'Einmal')
  await say(ada, 'Zweimal')
  for (const text of ['Einmal', 'Zweimal'])
    await expect(row(ada.page, text).getByRole('alert')).toContainText(
      'does not receive messages or requests from you now',
    )
  await ben.go('Friends')
  await ben.page.getByRole('button', { name: 'Unblock' }).click()
  await ben.page.getByRole('link', { name: 'Write to ada' }).click()
  await row(ada.page, 'Einmal').getByRole('button', { name: 'Take it back' }).click()
  await expect(row(ada.page, 'Einmal')).toHaveCount(0)
  await row(ada.page, 'Zweimal').getByRole('button', { name: 'Try again' }).click()
  await expect(row(ben.page, 'Zweimal')).toBeVisible()
  await expect(row(ada.page, 'Zweimal').locator('[data-state=read]')).toBeVisible()
  await say(ada, 'Dreimal')
  await expect(row(ben.page, 'Dreimal')).toBeVisible()
  await expect(row(ben.page, 'Einmal')).toHaveCount(0)
  await expect(ben.page.locator('.banner')).toHaveCount(0)
})

test('what was said is found, in one chat and in all of them; writing leads back to the foot', async ({ arrive }) => {
  const [ada, ben] = await twoFriends(arrive)
  const isSeen = (text: string) => expect(row(ada.page, text)).toBeInViewport()
  await say(ada, 'Der Schlüssel liegt unter dem Topf')
  await expect(row(ada.page, 'Schlüssel').locator('[data-state=read]')).toBeVisible()
  await ben.go('Chats')
  for (let index = 1; index <= 60; index++) await say(ada, `Tomate ${index}`)
  // Whoever comes back begins where they have not read on.
  await ben.page.getByRole('link', { name: /ada.*60 unread/s }).click()
  await expect(ben.page.getByText('New', { exact: true })).toBeInViewport()
  await expect(row(ben.page, 'Schlüssel')).toBeInViewport()
  await expect(row(ben.page, 'Tomate 60')).not.toBeInViewport()
  await say(ben, 'So viele Tomaten')
  await expect(row(ada.page, 'So viele Tomaten')).toBeVisible()
  // Only what comes is read out, and nothing of what is scrolled to.
  const heard = ada.page.getByRole('log')
  await expect(heard).toHaveText('ben: So viele Tomaten')
  // Only what is near is in the page.
  await expect(row(ada.page, 'Schlüssel')).toHaveCount(0)

  await ada.page.getByRole('button', { name: 'Search in this chat' }).click()
  await ada.page.getByRole('searchbox', { name: 'Search in this chat' }).fill('schlüssel')
  await isSeen('Schlüssel')
  await expect(ada.page.getByText('1 of 1')).toBeVisible()
  await ada.page.getByRole('searchbox', { name: 'Search in this chat' }).fill('tomate 5')
  await expect(ada.page.getByText('1 of 11')).toBeVisible()
  await isSeen('Tomate 59')
  await ada.page.getByRole('button', { name: 'Older match' }).click()
  await isSeen('Tomate 58')
  await ada.page.keyboard.press('Escape')

  // What came before comes a few at a time, as one scrolls on.
  await expect(async () => {
    await ada.page.locator('.log').evaluate((log) => log.scrollTo(0, 0))
    await expect(row(ada.page, 'Schlüssel')).toBeAttached({ timeout: 500 })
  }).toPass()
  await expect(ada.page.getByRole('button', { name: 'To the newest' })).toBeVisible()
  await expect(heard).toHaveText('ben: So viele Tomaten')
  await say(ada, 'Wer will welche?')
  await isSeen('Wer will welche?')
  // The log alone scrolls.
  expect(await ada.page.evaluate(() => document.documentElement.scrollHeight <= innerHeight)).toBe(true)

  await ada.go('Chats')
  await ada.page.getByRole('searchbox', { name: 'Search in all chats' }).fill('Topf')
  await ada.page.getByRole('list', { name: 'Found' }).getByRole('link', { name: /Topf/ }).click()
  await isSeen('Schlüssel')
})

test('messages that disappear take their files and their keys along, on both sides and at the server', async ({
  arrive,
  world,
}) => {
  const [ada, ben] = await twoFriends(arrive)
  await say(ada, 'Das hier bleibt')
  await expect(row(ben.page, 'hier bleibt')).toBeVisible()
  await ada.page.getByRole('button', { name: 'Disappearing messages' }).click()
  await ada.page.getByLabel('Messages disappear').selectOption({ label: 'After 1 day' })
  await ada.page.getByRole('button', { name: 'Set for ben and you' }).click()
  await expect(row(ben.page, 'Messages disappear after one day from now on.')).toBeVisible()
  await say(ada, 'Nur für heute')
  await expect(row(ben.page, 'Nur für heute')).toBeVisible()
  const note = { name: 'zettel.txt', mimeType: 'text/plain', buffer: Buffer.from('Der Schlüssel liegt unter dem Topf') }
  await ada.page.getByLabel('Files to send').setInputFiles([note])
  await expect(ben.page.getByRole('link', { name: 'Download zettel.txt' })).toBeVisible()
  const [mediaId = ''] = await grantedOn(ben.page)
  const opens = ({ page }: Person) => statusOf(page, `/media/${mediaId}/original`)
  const asks = ({ page }: Person) => statusOf(page, `/api/media/${mediaId}`)
  for (const person of [ada, ben]) expect([await opens(person), await asks(person)]).toEqual([200, 200])
  // What stays shares no secret with what goes.
  expect(await secretsOn(ben.page)).toEqual([0, 1])

  const inTwoDays = async (person: Person, friend: string) => {
    const { page } = person
    await page.clock.install({ time: Date.now() + 2 * 86_400_000 })
    await page.goto(`${world.origin}/chats`)
    await person.unlock()
    await page.getByRole('link', { name: friend }).click()
    await expect(row(page, 'hier bleibt')).toBeVisible()
    await expect(row(page, 'Nur für heute')).toHaveCount(0)
    await expect(page.getByText('zettel.txt')).toHaveCount(0)
  }
  // The sender's device ends the access, also for a friend whose device has not looked yet.
  await inTwoDays(ada, 'ben')
  await expect.poll(() => asks(ben)).toBe(404)
  await expect.poll(() => asks(ada)).toBe(404)
  await inTwoDays(ben, 'ada')
  expect(await opens(ben)).toBe(404)
  expect(await grantedOn(ben.page)).toEqual([])
  // Nobody has written since: the keys changed for that alone.
  for (const { page } of [ada, ben]) await expect.poll(() => secretsOn(page)).toEqual([0, 2])

  // An hour later, when nothing is taken back any more.
  const blobs = join(world.dataFolder, 'blobs', mediaId.slice(0, 2), mediaId)
  expect(await readdir(blobs)).toHaveLength(1)
  await world.server.stop()
  const db = await openDatabase(join(world.dataFolder, 'kith.sqlite'))
  await db('media').where({ media_id: mediaId }).decrement('deleted_at', 3_600_000)
  await db.destroy()
  await world.startServer()
  await expect.poll(() => readdir(blobs).catch(({ code }) => code)).toBe('ENOENT')
})

test('a voice note is spoken, sealed and heard', async ({ arrive, world }) => {
  const ben = await arrive('ben')
  await ben.makeCircle('Gartenfreunde')
  const link = await ben.invite()
  const { args = [], ...launch } = config.use?.launchOptions ?? {}
  const microphone = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']
  const browser = await chromium.launch({ ...launch, args: [...args, ...microphone] })
  const ada = await Person.arrive(browser, world, 'ada')
  await ada.joinBy(link)
  await ben.befriend(ada)
  await ada.page.getByRole('link', { name: 'Write to ben' }).click()
  await ben.page.getByRole('link', { name: 'Write to ada' }).click()
  await ada.page.getByRole('button', { name: 'Record a voice note' }).click()
  await expect(ada.page.getByText(/^Recording 0:(0[2-9]|[1-5]\d)/)).toBeVisible()
  await ada.page.getByRole('button', { name: 'Send the voice note' }).click()
  const sound = ben.page.getByLabel('Voice note', { exact: true })
  await expect(sound).toBeVisible()
  // The microphone beeps, and is silent in between.
  const drawn = (await ben.page.locator('.wave path').getAttribute('d')) ?? ''
  const heights = [...drawn.matchAll(/M\d+ (\d+)V(\d+)/g)].map(([, from, to]) => Number(to) - Number(from))
  expect(heights).toHaveLength(64)
  expect(Math.max(...heights)).toBe(62)
  expect(Math.min(...heights)).toBeLessThan(20)
  await expect
    .poll(() =>
      sound.evaluate(async (audio: HTMLAudioElement) => {
        audio.muted = true
        await audio.play().catch(() => undefined)
        return audio.currentTime
      }),
    )
    .toBeGreaterThan(0)
  await browser.close()
})
