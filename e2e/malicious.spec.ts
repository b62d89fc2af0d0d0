import { join } from 'node:path'
import { makeVideo } from './support/media.ts'
import type { Exchange } from './support/relay.ts'
import { expect, test } from './support/test.ts'

const json = (exchange: Exchange) => JSON.parse(exchange.body.toString('utf8'))
const forged = (value: unknown) => Buffer.from(JSON.stringify(value))
const isLog = ({ method, path }: Exchange) => method === 'GET' && /^\/api\/groups\/[\w-]+\/log/.test(path)
const isVault = ({ method, path }: Exchange) => method === 'GET' && path === '/api/vault'

test.describe('a malicious server is found out:', () => {
  test('it cuts the group log', async ({ world, arrive }) => {
    const ada = await arrive('ada')
    await ada.makeCircle('Gartenfreunde')
    await ada.enrolWorker()
    world.relay.rewrite = (exchange) => {
      if (!isLog(exchange)) return undefined
      const { entries } = json(exchange)
      return forged({ entries: entries.slice(0, -1) })
    }
    await ada.page.reload()
    await ada.go('Circle')
    await expect(ada.page.locator('[data-code="group/rollback"]').first()).toBeVisible()
  })

  test('it shows an entry that nobody signed', async ({ world, arrive }) => {
    const ada = await arrive('ada')
    await ada.makeCircle('Gartenfreunde')
    world.relay.rewrite = (exchange) => {
      if (!isLog(exchange)) return undefined
      const { entries } = json(exchange)
      const last = entries.at(-1)
      // A ghost put into the box list of the last rotation.
      const body = JSON.parse(Buffer.from(last.bytes, 'base64url').toString('utf8'))
      body.payload.boxes.push({ memberId: 'AAAAAAAAAAAAAAAAAAAAAA', hash: body.payload.commitment })
      const bytes = Buffer.from(JSON.stringify(body)).toString('base64url')
      return forged({ entries: [...entries.slice(0, -1), { ...last, bytes }] })
    }
    await ada.page.reload()
    await ada.go('Circle')
    await expect(ada.page.locator('[data-code="log/bad-signature"]').first()).toBeVisible()
  })

  test('it rolls the vault back', async ({ world, arrive }) => {
    const ada = await arrive('ada')
    let old: Buffer | undefined
    world.relay.rewrite = (exchange) => {
      if (isVault(exchange)) old ??= exchange.body
      return undefined
    }
    await ada.makeCircle('Gartenfreunde')
    expect(old).toBeDefined()
    world.relay.rewrite = (exchange) => (isVault(exchange) ? old : undefined)
    await ada.page.reload()
    await expect(ada.page.locator('[data-code="vault/rollback"]')).toBeVisible()
  })

  test('it changes a vault item', async ({ world, arrive }) => {
    const ada = await arrive('ada')
    await ada.makeCircle('Gartenfreunde')
    world.relay.rewrite = (exchange) => {
      if (!isVault(exchange)) return undefined
      const vault = json(exchange)
      const [a, b] = vault.items
      return forged({ ...vault, items: [{ ...a, sealed: b.sealed }, ...vault.items.slice(1)] })
    }
    await ada.page.reload()
    await expect(ada.page.locator('[data-code="vault/tampered"]')).toBeVisible()
  })

  test('it swaps the two OPAQUE slots, so that the password would destroy', async ({ world, arrive }) => {
    const ada = await arrive('ada')
    await ada.makeCircle('Gartenfreunde')
    const phone = await arrive('ada')
    world.relay.rewrite = (exchange) => {
      if (exchange.path !== '/api/sessions/start') return undefined
      const answer = json(exchange)
      return forged({ ...answer, responses: answer.responses.toReversed() })
    }
    await phone.signIn()
    await expect(phone.page.getByRole('alert')).toContainText('Name or password are wrong')
    world.relay.rewrite = undefined
    await phone.signIn()
    await expect(phone.page.getByRole('button', { name: 'Upload' })).toBeVisible({ timeout: 30_000 })
  })

  test('it invents a way to unlock', async ({ world, arrive }) => {
    const ada = await arrive('ada')
    await ada.makeCircle('Gartenfreunde')
    const phone = await arrive('ada')
    world.relay.rewrite = (exchange) => {
      if (exchange.path !== '/api/account/unlock') return undefined
      const { boxes } = json(exchange)
      return forged({ boxes: [...boxes, { ...boxes[0], method: 'passkey' }] })
    }
    await phone.signIn()
    await expect(phone.page.getByRole('alert')).toContainText('a way to unlock your account that you never set up')
  })

  test('it shows an older card', async ({ world, arrive }) => {
    const ada = await arrive('ada')
    await ada.makeCircle('Gartenfreunde')
    await ada.enrolWorker()
    const video = join(world.folder, 'sea.mp4')
    await makeVideo(video, { seconds: 2, width: 320, height: 240 })
    await ada.upload(video)
    await ada.finished('sea')
    let old: { revision: number; sealed: string } | undefined
    world.relay.rewrite = (exchange) => {
      if (exchange.method === 'GET' && /^\/api\/media\/[\w-]+$/.test(exchange.path)) old ??= json(exchange).card
      return undefined
    }
    await ada.open('sea')
    await ada.page.getByRole('button', { name: 'Edit' }).click()
    await ada.page.getByLabel('Title').fill('the sea')
    await ada.page.getByRole('button', { name: 'Save' }).click()
    await expect(ada.page.getByRole('heading', { name: 'the sea' })).toBeVisible()
    world.relay.rewrite = (exchange) => {
      if (exchange.method !== 'GET' || !/^\/api\/media\/[\w-]+$/.test(exchange.path)) return undefined
      return forged({ ...json(exchange), card: old })
    }
    await ada.page.reload()
    await expect(ada.page.getByRole('alert')).toContainText('older description')
  })

  test('it swaps segments of a video', async ({ world, arrive }) => {
    const ada = await arrive('ada')
    await ada.makeCircle('Gartenfreunde')
    await ada.enrolWorker()
    const video = join(world.folder, 'sea.mp4')
    await makeVideo(video, { seconds: 30, width: 640, height: 360 })
    await ada.upload(video)
    await ada.finished('sea')
    const seen: Buffer[] = []
    world.relay.rewrite = ({ method, path, body }) => {
      if (method !== 'GET' || !path.includes('/objects/')) return undefined
      // Another object of the same item in place of the third: all of them are sealed by the same person.
      seen.push(body)
      return seen.length >= 4 ? seen[0] : undefined
    }
    await ada.open('sea')
    await expect(
      ada.page.locator(
        '[data-code="object/wrong-key"], [data-code="object/wrong-size"], [data-code="object/tampered"]',
      ),
    ).toBeVisible({ timeout: 30_000 })
    await expect(ada.page.getByRole('button', { name: 'Try again' })).toBeVisible()
  })
})
