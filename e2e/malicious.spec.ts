import { join } from 'node:path'
import { signGroupEntries } from '../shared/crypto/group-entry.ts'
import { newInviteSecret, signJoin } from '../shared/crypto/invite.ts'
import { publicKeyOf } from '../shared/crypto/signing.ts'
import { fromBase64Url, toBase64Url } from '../shared/format/base64url.ts'
import { parseGroupId } from '../shared/format/ids.ts'
import { replayGroup } from '../shared/logs/group-replay.ts'
import { newPerson } from '../shared/testing/people.ts'
import { makeVideo } from './support/media.ts'
import { PASSWORD } from './support/person.ts'
import type { Exchange } from './support/relay.ts'
import { expect, test } from './support/test.ts'

const json = (exchange: Exchange) => JSON.parse(exchange.body.toString('utf8'))
const forged = (value: unknown) => Buffer.from(JSON.stringify(value))
const isLog = ({ method, path }: Exchange) => method === 'GET' && /^\/api\/groups\/[\w-]+\/log/.test(path)
/** An entry of a log as it goes over the wire. */
type Sealed = { bytes: string; sig: string }
const DESTROY = 'granite-ribbon-comet-34-meadow'
const isObject = ({ method, path }: Exchange) => method === 'GET' && path.includes('/objects/')
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

  test('it lets a ghost in, who signs for themselves and for an invite that is there', async ({ world, arrive }) => {
    const ada = await arrive('ada')
    await ada.makeCircle('Gartenfreunde')
    await ada.invite()
    const ghost = await newPerson('ghost')
    world.relay.rewrite = async (exchange) => {
      if (!isLog(exchange)) return undefined
      const { entries } = json(exchange) as { entries: Sealed[] }
      const groupId = parseGroupId(exchange.path.split('/')[3] ?? '')
      const state = replayGroup(
        groupId,
        entries.map(({ bytes, sig }) => ({ bytes: fromBase64Url(bytes), sig: fromBase64Url(sig) })),
      )
      const [inviteId] = state.invites.keys()
      if (inviteId === undefined) return undefined
      // Whoever made the invite alone has its secret.
      const inviteSig = await signJoin(
        { groupId, inviteId, secret: newInviteSecret() },
        ghost.userId,
        publicKeyOf(ghost.seed),
      )
      const payload = { inviteId, inviteSig, identity: ghost.identity, worker: null }
      const joined = signGroupEntries(groupId, ghost.actor, state, [{ type: 'join', payload }], Date.now())
      const added = joined.map(({ bytes, sig }) => ({ bytes: toBase64Url(bytes), sig: toBase64Url(sig) }))
      return forged({ entries: [...entries, ...added] })
    }
    await ada.page.reload()
    await ada.go('Circle')
    await expect(ada.page.locator('[data-code="invite/invalid"]').first()).toContainText('This invite is not valid')
    await expect(ada.page.getByText('ghost')).toHaveCount(0)
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

  test('it swaps the two OPAQUE slots, so that the password would destroy, and asks for weaker stretching', async ({
    world,
    arrive,
  }) => {
    const ada = await arrive('ada')
    await ada.makeCircle('Gartenfreunde')
    await ada.setPassword('destruction', PASSWORD, DESTROY)
    await expect(ada.page.getByText('The destruction password is set.')).toBeVisible()
    const phone = await arrive('ada')
    const answerWith = (change: (answer: { responses: string[] }) => object) => {
      world.relay.rewrite = (exchange) =>
        exchange.path === '/api/sessions/start' ? forged(change(json(exchange))) : undefined
    }
    answerWith((answer) => ({ ...answer, responses: answer.responses.toReversed() }))
    for (const password of [PASSWORD, DESTROY]) {
      await phone.signIn(password)
      await expect(phone.page.getByRole('alert')).toContainText('Name or password are wrong')
    }
    answerWith((answer) => ({
      ...answer,
      keyStretching: { 'argon2id-custom': { iterations: 1, memory: 8, parallelism: 1 } },
    }))
    await phone.signIn()
    await expect(phone.page.getByRole('alert')).toContainText('something else than Kith asked for')
    // Neither of the two erased anything, here or there.
    world.relay.rewrite = undefined
    await phone.signIn()
    await expect(phone.page.getByRole('button', { name: 'Upload' })).toBeVisible()
    await phone.go('Circle')
    await expect(phone.page.getByRole('heading', { name: 'Gartenfreunde' })).toBeVisible()
    await ada.page.reload()
    await expect(ada.page.getByRole('heading', { name: 'Settings' })).toBeVisible()
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

  test('it changes the salt of an object, and swaps segments of a video', async ({ world, arrive }) => {
    const ada = await arrive('ada')
    await ada.makeCircle('Gartenfreunde')
    await ada.enrolWorker()
    const video = join(world.folder, 'sea.mp4')
    await makeVideo(video, { seconds: 30, width: 640, height: 360 })
    await ada.upload(video)
    await ada.finished('sea')
    world.relay.rewrite = (exchange) => (isObject(exchange) ? withOtherSalt(exchange.body) : undefined)
    await ada.open('sea')
    const broken = ada.page.locator('[data-code="object/wrong-key"]')
    await expect(broken).toContainText('another file than the one asked for')
    await ada.back()
    const seen: Buffer[] = []
    world.relay.rewrite = (exchange) => {
      if (!isObject(exchange)) return undefined
      const { body } = exchange
      // Another object of the same item in place of the third: all of them are sealed by the same person.
      seen.push(body)
      return seen.length >= 4 ? seen[0] : undefined
    }
    await ada.open('sea')
    await expect(
      ada.page.locator(
        '[data-code="object/wrong-key"], [data-code="object/wrong-size"], [data-code="object/tampered"]',
      ),
    ).toBeVisible()
    await expect(ada.page.getByRole('button', { name: 'Try again' })).toBeVisible()
  })
})

/** docs/protocol.md §7, KSO1: from byte 24 on, 16 bytes. */
function withOtherSalt(body: Buffer): Buffer {
  const changed = Buffer.from(body)
  if (body.subarray(0, 4).toString() === 'KSO1') for (let at = 24; at < 40; at++) changed[at] = (changed[at] ?? 0) ^ 1
  return changed
}
