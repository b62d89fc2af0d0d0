import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Locator, Page } from '@playwright/test'
import type { KithApp } from '../client/app/kith-app.ts'
import type { Services } from '../client/app/services.ts'
import { makeRotate } from '../shared/crypto/connection-keys.ts'
import { newKey } from '../shared/crypto/random.ts'
import { fromBase64Url, toBase64Url } from '../shared/format/base64url.ts'
import { type ConnectionId, parseUserId } from '../shared/format/ids.ts'
import { HEADER_BYTES } from '../shared/format/layout.ts'
import type { SignedEntry } from '../shared/logs/signed.ts'
import { newPerson } from '../shared/testing/people.ts'
import { makePhoto } from './support/media.ts'
import type { Person } from './support/person.ts'
import type { Exchange } from './support/relay.ts'
import { expect, test } from './support/test.ts'
import type { World } from './support/world.ts'

type Message = { seq: number; senderId: string; counter: number; sealed: string | null }
type Entry = { bytes: string; sig: string }
type Served = { connectionId: string; entries: Entry[]; messages: Message[]; lastSeq: number }
type View = { connectionId: ConnectionId; head: string; length: number; lastSeq: number }

const json = ({ body }: Exchange) => JSON.parse(body.toString('utf8'))
const forged = (value: unknown) => Buffer.from(JSON.stringify(value))
const row = (page: Page, text: string) => page.locator('message-row').filter({ hasText: text })
/** In the page's own time: the one that runs already, and one after it. */
const catchUp = ({ page }: Person) =>
  page.evaluate(async () => {
    const { services } = document.querySelector('kith-app') as KithApp & { services: Services }
    const { chat } = await services.openTalk()
    await chat.catchUp()
    await chat.catchUp()
  })
const fault = (page: Page, code: string) => page.locator(`[data-code="${code}"]`).first()

/** From now on the server says this of a conversation instead of what is true. */
function lie(world: World, change: (served: Served) => Served): void {
  world.relay.rewrite = (exchange) => {
    if (exchange.path !== '/api/connections/catch-up' || exchange.status !== 200) return undefined
    const { connections } = json(exchange)
    return forged({ connections: connections.map(change) })
  }
}
const toMessages = (change: (messages: Message[]) => Message[]) => (served: Served) => ({
  ...served,
  messages: change(served.messages),
})
function flipped(base64url: string, at: number): string {
  const bytes = Buffer.from(base64url, 'base64url')
  bytes[at] = (bytes[at] ?? 0) ^ 1
  return bytes.toString('base64url')
}

async function say({ page }: Person, text: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Message' }).fill(text)
  await page.getByRole('button', { name: 'Send' }).click()
  await expect(row(page, text).locator('[data-state=sent], [data-state=delivered], [data-state=read]')).toBeVisible()
}
const onWire = ({ bytes, sig }: SignedEntry): Entry => ({ bytes: toBase64Url(bytes), sig: toBase64Url(sig) })
/** The only conversation, as the server tells somebody of it. */
const viewFor = ({ page }: Person): Promise<View> =>
  page.evaluate(async () => (await (await fetch('/api/connections?since=0')).json()).connections[0])
/** Keys change before somebody’s next message. */
const changeKeys = ({ page }: Person): Promise<void> =>
  page.evaluate(async () => {
    const { services } = document.querySelector('kith-app') as KithApp & { services: Services }
    const { friends } = await services.openTalk()
    await friends.setAllDue('unblocked')
  })
const write = (from: Person, to: string) => from.page.getByRole('link', { name: `Write to ${to}` }).click()

test('a malicious server in a conversation: what it changes, repeats, swaps, drops and withholds is seen', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const ben = await arrive('ben')
  await ben.joinBy(await ada.invite())
  await ada.befriend(ben)
  await write(ada, 'ben')
  await write(ben, 'ada')
  await say(ben, 'Erste')
  await expect(row(ada.page, 'Erste')).toBeVisible()
  await expect(row(ben.page, 'Erste').locator('[data-state=read]')).toBeVisible()

  await test.step('it changes a photo and a file: each says so in its place, and can be tried again', async () => {
    const { page } = ada
    const [photo, list] = [await makePhoto(join(world.folder, 'beet.jpg')), join(world.folder, 'liste.txt')]
    await writeFile(list, 'Tomaten, Bohnen')
    const changeObjects = () => {
      world.relay.rewrite = ({ method, path, body }) =>
        method === 'GET' && path.includes('/objects/') ? withOtherContent(body) : undefined
    }
    const isSaidIn = async (place: Locator) => {
      await expect(place.locator('[data-code="object/tampered"]')).toContainText(
        'This file was changed on the server after it was sealed. Kith stopped before showing a wrong byte.',
        { timeout: 30_000 },
      )
      await expect(place.getByRole('img')).toHaveCount(0)
    }
    const tryAgain = async (place: Locator) => {
      world.relay.rewrite = undefined
      await place.getByRole('button', { name: 'Try again' }).click()
      await expect(place.locator('[data-code]')).toHaveCount(0)
    }
    const widthOf = (place: Locator) =>
      place.getByRole('img', { name: 'beet.jpg' }).evaluate((image: HTMLImageElement) => image.naturalWidth)

    changeObjects()
    await ben.page.getByLabel('Files to send').setInputFiles(photo)
    const log = page.getByRole('region', { name: 'Conversation' })
    await isSaidIn(log)
    await tryAgain(log)
    await expect.poll(() => widthOf(log)).toBe(640)
    changeObjects()
    await page.getByRole('button', { name: 'Photo beet.jpg, show large' }).click()
    const large = page.getByRole('dialog', { name: 'beet.jpg' })
    await isSaidIn(large)
    await tryAgain(large)
    await expect.poll(() => widthOf(large)).toBe(1200)
    await large.getByRole('button', { name: 'Close' }).click()

    await ben.page.getByLabel('Files to send').setInputFiles(list)
    const file = page.locator('message-row').filter({ has: page.getByRole('link', { name: 'Download liste.txt' }) })
    await expect(file).toBeVisible()
    changeObjects()
    await file.getByRole('link').click()
    await isSaidIn(file)
    await tryAgain(file)
    const downloading = page.waitForEvent('download')
    await file.getByRole('link').click()
    expect(await readFile(await (await downloading).path(), 'utf8')).toBe('Tomaten, Bohnen')
  })

  await test.step('it edits the header of a message', async () => {
    // The place in the order, in the last byte of it; the signature covers it.
    lie(
      world,
      toMessages((messages) => messages.map((one) => ({ ...one, sealed: one.sealed && flipped(one.sealed, 70) }))),
    )
    await say(ben, 'Zweite')
    await expect(fault(ada.page, 'message/tampered')).toHaveText(
      'A message was changed on its way. Kith does not show it.',
    )
    await expect(row(ada.page, 'Zweite')).toHaveCount(0)
    await expect(row(ada.page, 'Erste')).toBeVisible()
    // Nothing is lost: it comes as soon as it is shown as it was written.
    world.relay.rewrite = undefined
    await ada.page.reload()
    await expect(row(ada.page, 'Zweite')).toBeVisible()
    await expect(fault(ada.page, 'message/tampered')).toHaveCount(0)
  })

  await test.step('it repeats a message, and shows others in another order', async () => {
    // The socket outlives that: what it brings leads to a question.
    lie(world, (served) => served)
    await ada.context.setOffline(true)
    for (const text of ['Dritte', 'Vierte', 'Fünfte']) await say(ben, text)
    lie(
      world,
      toMessages((messages) => {
        const sealed = messages.toReversed()
        return messages
          .map((one, index) => ({ ...one, ...contentOf(sealed[index] ?? one) }))
          .concat(messages.slice(0, 1))
      }),
    )
    await ada.context.setOffline(false)
    await expect(row(ada.page, 'Fünfte')).toBeVisible()
    for (const text of ['Dritte', 'Vierte', 'Fünfte']) await expect(row(ada.page, text)).toHaveCount(1)
    const shown = await ada.page.locator('message-row .text').allTextContents()
    expect(shown).toEqual(['Erste', 'Zweite', 'Dritte', 'Vierte', 'Fünfte'])
    world.relay.rewrite = undefined
  })

  await test.step('it drops one in the middle', async () => {
    await ada.page.clock.install()
    await ada.page.reload()
    await expect(row(ada.page, 'Fünfte')).toBeVisible()
    // The socket outlives that: what it brings leads to a question.
    lie(world, (served) => served)
    await ada.context.setOffline(true)
    for (const text of ['Sechste', 'Siebte', 'Achte']) await say(ben, text)
    let dropped: Message | undefined
    lie(
      world,
      toMessages((messages) => {
        dropped ??= messages.at(-2)
        return messages.filter(({ counter }) => counter !== dropped?.counter)
      }),
    )
    await ada.context.setOffline(false)
    await expect(row(ada.page, 'Achte')).toBeVisible()
    // Perhaps it was only late: it is asked for again first.
    await ada.page.clock.fastForward(31_000)
    await expect(ada.page.getByText('One message is missing: the server does not show it.')).toBeVisible()
    await expect(row(ada.page, 'Siebte')).toHaveCount(0)
    // And its writer does not hear that it was read.
    await expect(row(ben.page, 'Sechste').locator('[data-state=read]')).toBeVisible()
    await expect(row(ben.page, 'Siebte').locator('[data-state=sent]')).toBeVisible()
    world.relay.rewrite = undefined
    await ada.page.reload()
    await expect(row(ada.page, 'Siebte')).toBeVisible()
    await expect(ada.page.getByText('One message is missing')).toHaveCount(0)
  })

  await test.step('it withholds the newest: its writer sees until when the friend has confirmed', async () => {
    lie(world, (served) => ({ ...served, messages: served.messages.slice(0, 0), lastSeq: served.lastSeq }))
    await say(ben, 'Neunte')
    await ben.page.clock.install({ time: Date.now() + 2 * 3_600_000 })
    await ben.page.reload()
    await ben.unlock()
    await expect(ben.page.getByText(/^ada has confirmed what was written until/)).toBeVisible()
    await expect(row(ben.page, 'Neunte').locator('[data-state=sent]')).toBeVisible()
    await expect(row(ada.page, 'Neunte')).toHaveCount(0)
    world.relay.rewrite = undefined
  })

  await test.step('it adds keys of its own making', async () => {
    const { head, length, lastSeq } = await viewFor(ada)
    const ghost = await newPerson('ghost')
    // Everything about it is as it should be, but for who made it.
    const { entry } = await makeRotate(
      { userId: ghost.userId, identitySeed: ghost.seed },
      { x: newKey(), w: ghost.box.publicKey },
      { epoch: length - 1, prev: fromBase64Url(head), reason: 'scheduled', closes: [], createdAt: Date.now() },
    )
    lie(world, (served) => ({ ...served, entries: [...served.entries, onWire(entry)] }))
    await ada.page.reload()
    await expect(fault(ada.page, 'connection/forbidden')).toHaveText(
      'Only the two people of a conversation can do that. Kith refuses it.',
    )
    await expect(ada.page.getByText('Nothing can be sent here now.')).toBeVisible()
    world.relay.rewrite = undefined
    await ada.page.reload()
    await expect(row(ada.page, 'Neunte')).toBeVisible()
    await expect(fault(ada.page, 'connection/forbidden')).toHaveCount(0)
    expect((await viewFor(ada)).lastSeq).toBe(lastSeq)
    // He may have heard it, too, and asks anew when there is a reason.
    await catchUp(ben)
    await expect(ben.page.getByRole('textbox', { name: 'Message' })).toBeVisible()
  })

  const phone = await arrive('ada')
  await test.step('it shows a new device another log, all of which the two have signed', async () => {
    // Both change keys at the same time; she comes too late, and what she signed stays with the server.
    await ada.context.setOffline(true)
    await changeKeys(ben)
    await say(ben, 'Zehnte')
    const { connectionId } = await viewFor(ben)
    lie(world, (served) => ({ ...served, entries: [], messages: [], lastSeq: served.lastSeq - 1 }))
    const late: Entry[] = []
    world.relay.onExchange = ({ method, path, status, requestBody }) => {
      if (method === 'POST' && path === `/api/connections/${connectionId}/log` && status === 409)
        late.push(JSON.parse(requestBody.toString('utf8')).entry)
    }
    await ada.context.setOffline(false)
    await changeKeys(ada)
    const code = await ada.page.evaluate(async (id) => {
      const { services } = document.querySelector('kith-app') as KithApp & { services: Services }
      const { friends } = await services.openTalk()
      return friends.sendingKeys(id, null).catch(({ code }: { code: string }) => code)
    }, connectionId)
    expect(code).toBe('log/conflict')
    world.relay.rewrite = undefined
    world.relay.onExchange = undefined
    await ada.page.reload()
    await expect(row(ada.page, 'Zehnte')).toBeVisible()

    lie(world, (served) => ({ ...served, entries: [...served.entries.slice(0, 2), ...late.slice(0, 1)], messages: [] }))
    await phone.signIn()
    await phone.go('Friends')
    await expect(fault(phone.page, 'connection/fork')).toHaveText(
      'The server shows you and your friend different histories of this conversation. Tell your friend in person.',
    )
    await expect(phone.page.getByRole('link', { name: 'Write to ben' })).toHaveCount(0)
  })

  await test.step('it shows a new device an older log', async () => {
    lie(world, (served) => ({ ...served, entries: served.entries.slice(0, 1), messages: [] }))
    await phone.page.reload()
    await expect(fault(phone.page, 'connection/rollback')).toContainText(
      'older state of this conversation than you have seen',
    )
    world.relay.rewrite = undefined
    await phone.page.reload()
    await expect(phone.page.getByRole('link', { name: 'Write to ben' })).toBeVisible()
    await write(phone, 'ben')
    await expect(row(phone.page, 'Neunte')).toBeVisible()
  })

  await test.step('it says otherwise than the log', async () => {
    world.relay.rewrite = (exchange) => {
      if (exchange.method !== 'GET' || !exchange.path.startsWith('/api/connections?')) return undefined
      const { connections, more } = json(exchange)
      return forged({ connections: connections.map((one: object) => ({ ...one, state: 'asking' })), more })
    }
    await ada.page.reload()
    await expect(fault(ada.page, 'connection/fork')).toContainText('different histories of this conversation')
    await expect(row(ada.page, 'Erste')).toBeVisible()
    await expect(ada.page.getByText('Nothing can be sent here now.')).toBeVisible()
  })
})

const contentOf = ({ senderId, counter, sealed, ...rest }: Message & { deviceId?: string }) => ({
  senderId,
  counter,
  sealed,
  ...('deviceId' in rest ? { deviceId: rest.deviceId } : {}),
})

test('a malicious server between people: another identity, another key, a message of another conversation', async ({
  world,
  arrive,
}) => {
  const ada = await arrive('ada')
  await ada.makeCircle('Gartenfreunde')
  const ben = await arrive('ben')
  await ben.joinBy(await ada.invite())
  const cleo = await arrive('cleo')
  await cleo.joinBy(await ada.invite())
  const identities = new Map<string, Buffer>()
  world.relay.onExchange = ({ method, path, body }) => {
    if (method === 'GET' && path.startsWith('/api/identities/')) identities.set(path, body)
  }
  await ada.befriend(ben)
  const idOfBen = await idOf(ada, 'ben')
  const ofBen = identities.get(`/api/identities/${idOfBen}`)
  expect(ofBen).toBeDefined()
  const idOfCleo = await idOf(ada, 'cleo')
  /** The server answers so when it is asked who this is; of everybody else it tells the truth. */
  const lieAbout = (id: string, body: Buffer | undefined) => {
    world.relay.rewrite = ({ method, path }) =>
      method === 'GET' && path === `/api/identities/${id}` ? body : undefined
  }
  const changed =
    'The identity of this person is not the one you know. Somebody may be in their place, or between you: nothing is sent to them. Ask them in person.'

  await test.step('it puts itself in place of whoever is asked', async () => {
    lieAbout(idOfCleo, ofBen)
    await ada.page.getByLabel('Name or link').fill('cleo')
    await ada.page.getByRole('list', { name: 'Found' }).getByRole('button', { name: 'Ask' }).click()
    await ada.page.locator('kith-dialog').getByRole('button', { name: 'Ask' }).click()
    await expect(ada.page.locator('kith-dialog').getByRole('alert')).toHaveText(changed)
    await expect(ada.page.getByText('no answer yet')).toHaveCount(0)
    world.relay.rewrite = undefined
    await ada.page.locator('kith-dialog').getByRole('button', { name: 'Ask' }).click()
    await expect(ada.page.getByText('no answer yet')).toBeVisible()
  })

  await test.step('it says that somebody accepted who was never asked by the one it tells', async () => {
    world.relay.rewrite = (exchange) => {
      if (exchange.method !== 'GET' || !exchange.path.startsWith('/api/connections?')) return undefined
      const { connections, more } = json(exchange)
      return forged({ connections: connections.map((one: object) => ({ ...one, state: 'friends' })), more })
    }
    await cleo.go('Friends')
    await cleo.page.reload()
    await expect(fault(cleo.page, 'connection/swapped-key')).toHaveText(
      'The keys of this conversation are not the ones that were signed. Somebody may sit between you. Nothing was sent.',
    )
    await expect(cleo.page.getByRole('link', { name: 'Write to ada' })).toHaveCount(0)
    world.relay.rewrite = undefined
    await cleo.page.reload()
  })

  await test.step('it swaps the key in the answer of whoever was asked', async () => {
    lie(world, (served) => ({ ...served, entries: served.entries.map(withOtherKeys) }))
    await cleo.go('Friends')
    await cleo.page.getByRole('button', { name: 'Accept' }).click()
    await expect(fault(ada.page, 'log/bad-signature')).toBeVisible()
    await expect(ada.page.getByRole('link', { name: 'Write to cleo' })).toHaveCount(0)
    world.relay.rewrite = undefined
    await ada.page.reload()
    await cleo.page.reload()
    await expect(ada.page.getByRole('link', { name: 'Write to cleo' })).toBeVisible()
  })

  await test.step('it moves a message to another conversation', async () => {
    await write(ben, 'ada')
    await write(ada, 'cleo')
    let moved: Message | undefined
    let to: string | undefined
    world.relay.rewrite = (exchange) => {
      if (exchange.path !== '/api/connections/catch-up' || exchange.status !== 200) return undefined
      const { connections } = json(exchange) as { connections: Served[] }
      for (const { messages } of connections) moved ??= messages.find(({ sealed }) => sealed !== null)
      return forged({
        connections: connections.map((one) =>
          one.connectionId === to && moved
            ? { ...one, messages: [{ ...moved, seq: one.lastSeq + 1 }], lastSeq: one.lastSeq + 1 }
            : one,
        ),
      })
    }
    await say(ben, 'Nur für Ada')
    await expect.poll(() => moved).toBeDefined()
    to = new URL(ada.page.url()).pathname.split('/').at(-1)
    await ada.page.reload()
    await expect(fault(ada.page, 'message/misplaced')).toHaveText(
      'A message was put where it does not belong. Kith does not show it.',
    )
    await expect(row(ada.page, 'Nur für Ada')).toHaveCount(0)
    world.relay.rewrite = undefined
  })

  await test.step('it puts somebody else in place of a friend: whoever reads is told, and goes on being told', async () => {
    await ada.go('Friends')
    await write(ada, 'ben')
    // As well-formed as his own, under his own id and name: another key has signed it.
    const false_ = await newPerson('ben', parseUserId(idOfBen))
    lieAbout(idOfBen, forged({ entries: [onWire(false_.identity)] }))
    await ada.page.reload()
    await expect(fault(ada.page, 'identity/changed')).toHaveText(changed)
    await say(ben, 'Ich bin es noch')
    await expect(row(ada.page, 'Ich bin es noch')).toBeVisible()
    await expect(fault(ada.page, 'identity/changed')).toBeVisible()
    await expect(ada.page.getByRole('textbox', { name: 'Message' })).toHaveCount(0)
    world.relay.rewrite = undefined
    await ada.page.reload()
    await expect(ada.page.getByRole('textbox', { name: 'Message' })).toBeVisible()
    await expect(fault(ada.page, 'identity/changed')).toHaveCount(0)
  })

  await test.step('it withholds a conversation from its first message on: its writer sees that nothing was confirmed', async () => {
    await ada.go('Friends')
    await write(ada, 'cleo')
    lie(world, (served) => ({ ...served, messages: [] }))
    await say(ada, 'Hörst du mich?')
    await expect(ada.page.locator('.banner').filter({ hasText: 'confirmed' })).toHaveCount(0)
    await ada.page.clock.install({ time: Date.now() + 2 * 3_600_000 })
    await ada.page.reload()
    await ada.unlock()
    await expect(ada.page.getByText('cleo has confirmed nothing of what was written yet.')).toBeVisible()
    await expect(row(ada.page, 'Hörst du mich?').locator('[data-state=sent]')).toBeVisible()
    world.relay.rewrite = undefined
  })
})

/** Whom the server finds by a name. */
const idOf = ({ page }: Person, name: string): Promise<string> =>
  page.evaluate(async (name) => (await (await fetch(`/api/people?name=${name}`)).json()).people[0].userId, name)

/** The key of whoever accepted is made another; the rest stays as it was signed. */
function withOtherKeys<T extends { bytes: string }>(entry: T): T {
  const body = JSON.parse(Buffer.from(entry.bytes, 'base64url').toString('utf8'))
  if (!('request' in body)) return entry
  const bytes = Buffer.from(JSON.stringify({ ...body, x: flipped(body.x, 0) })).toString('base64url')
  return { ...entry, bytes }
}

/** docs/protocol.md §7, KSO1: a byte of the first chunk. */
function withOtherContent(body: Buffer): Buffer {
  const changed = Buffer.from(body)
  const at = HEADER_BYTES + 3
  if (body.subarray(0, 4).toString() === 'KSO1') changed[at] = (changed[at] ?? 0) ^ 1
  return changed
}
