import 'fake-indexeddb/auto'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { boxContext, sealTo } from '../../shared/crypto/box.ts'
import { newKey, randomBytes } from '../../shared/crypto/random.ts'
import { recoveryWords } from '../../shared/crypto/recovery.ts'
import { publicKeyOf } from '../../shared/crypto/signing.ts'
import { eraseDevice } from '../../shared/device/db.ts'
import { AppError, type ErrorCode } from '../../shared/errors.ts'
import { type Bytes, concat, equalBytes, utf8 } from '../../shared/format/bytes.ts'
import { idBytes } from '../../shared/format/ids.ts'
import { verifyStatement } from '../../shared/logs/identity.ts'
import { codeOf } from '../../shared/testing/people.ts'
import { changePassword, readIdentity } from '../../shared/wire/accounts.ts'
import type { Route } from '../../shared/wire/route.ts'
import { Session } from '../app/session.ts'
import { prepareGroup } from '../groups/group-keys.ts'
import { AccountWorld, accountCrypto as crypto, NoTabs } from '../testing/account-world.ts'
import { emptyStorage } from '../testing/storage.ts'
import { forgetAccountKey, openUnlock, readDeviceAccount } from './device.ts'
import { encodeItem, groupItem, groupItemName, identityItem, settingsItem } from './items.ts'
import { sealVaultWrite } from './sealing.ts'
import { actorFrom, firstStatement, secretsFrom } from './secrets.ts'

const PASSWORD = 'copper-lantern-orbit'
const NEW = 'granite-ribbon-comet'
let world: AccountWorld
let session: Session

beforeEach(async () => {
  vi.stubGlobal('location', { reload: () => undefined, assign: () => undefined, hostname: 'kith.example' })
  vi.stubGlobal('BroadcastChannel', NoTabs)
  vi.stubGlobal('localStorage', emptyStorage())
  await eraseDevice()
  world = await AccountWorld.create()
  session = new Session(world.api, crypto)
  await session.signUp({ username: 'ada', password: PASSWORD, circleName: null, invite: null })
  await session.catchUp()
})

const keyOf = (opened: Session) => opened.requireUnlocked().groups.context.secrets.accountKey
const wordsOf = (opened: Session) => recoveryWords(opened.unconfirmedRecovery as Bytes).join(' ')

/** Boxes that open for the person's own secret: their public halves stand in the signed log. */
function sealedToListed(accountKey: Bytes) {
  const { userId, identity } = world.account
  return Promise.all(
    verifyStatement(identity).unlockMethods.map(async ({ method, publicKey }) => {
      const context = boxContext('kith/v1/account-key', idBytes(userId), utf8(method))
      return { method, sealed: concat(randomBytes(32), await sealTo(publicKey, accountKey, context)) }
    }),
  )
}

/** An account around the listed keys, of which the server has every other secret. */
async function makeUpAccount({ keepsIdentity = false } = {}): Promise<void> {
  const { userId, identity } = world.account
  const { unlockMethods } = verifyStatement(identity)
  const keys = { seed: newKey(), agreementSeed: newKey() }
  const accountKey = newKey()
  const secrets = await secretsFrom(crypto, userId, accountKey, keys)
  const statement = firstStatement(secrets, 'ada', unlockMethods, Date.now())
  const personal = await prepareGroup(crypto, actorFrom(secrets, statement), statement, 'personal', Date.now())
  const items = new Map([
    ['identity', encodeItem(identityItem, keys)],
    ['settings', encodeItem(settingsItem, { serverKey: world.serverKey, unconfirmedRecovery: null })],
    [groupItemName(personal.groupId), encodeItem(groupItem, personal.item)],
  ])
  const { write } = await sealVaultWrite(
    { userId, accountKey, identitySeed: keys.seed },
    { version: 1000, items: [] },
    items,
  )
  const stored = new Map(write.put.map((item) => [item.name, item]))
  world.server.vaults.set(userId, { index: write.index, items: stored, owner: publicKeyOf(keys.seed) })
  world.server.groups.clear()
  world.server.add(personal.group)
  if (!keepsIdentity) world.server.identities.set(userId, [statement])
  world.boxes = await sealedToListed(accountKey)
}

describe('an account that the server made up around the listed keys', () => {
  it('is refused on a new device, with the right password and by the 24 words', async () => {
    const words = wordsOf(session)
    await makeUpAccount()
    await eraseDevice()
    const other = new Session(world.api, crypto)
    expect(await codeOf(() => other.signIn('ada', PASSWORD))).toBe('box/tampered')
    expect(await codeOf(() => other.recover('ada', words, NEW))).toBe('box/tampered')
    expect(await readDeviceAccount()).toBeNull()
    expect(world.asked).not.toContain(`${changePassword.method} ${changePassword.path}`)
  })

  it('is refused where the real box is shown beside another identity', async () => {
    const real = world.boxes
    await makeUpAccount()
    world.boxes = real
    await eraseDevice()
    expect(await codeOf(() => new Session(world.api, crypto).signIn('ada', PASSWORD))).toBe('box/tampered')
  })

  it.each([false, true])(
    'is refused on a device that knows the account (with its identity: %s)',
    async (keepsIdentity) => {
      const before = await readDeviceAccount()
      const real = keyOf(session)
      const words = wordsOf(session)
      await makeUpAccount({ keepsIdentity })
      await forgetAccountKey()
      const code = keepsIdentity ? 'box/tampered' : 'identity/changed'
      const later = new Session(world.api, crypto)
      await later.start()
      expect(await codeOf(() => later.signIn('ada', PASSWORD))).toBe(code)
      expect(await codeOf(() => later.recover('ada', words, NEW))).toBe(code)
      expect(await readDeviceAccount()).toEqual(before)
      await later.unlock(PASSWORD)
      expect(keyOf(later)).toEqual(real)
    },
  )
})

it('an account key of the server’s at a forced sign-in: refused, and the password goes on opening this device', async () => {
  const [userId, real] = [world.account.userId, keyOf(session)]
  world.boxes = await sealedToListed(newKey())
  expect(await codeOf(() => session.renew(PASSWORD))).toBe('box/tampered')
  expect(await openUnlock(crypto, userId, PASSWORD)).toEqual(real)
})

it('another account key than the one that is open: refused, even if the person’s own secret vouches for it', async () => {
  const [userId, real] = [world.account.userId, keyOf(session)]
  const other = newKey()
  const forging = { ...crypto, openAccountKey: async () => other } as typeof crypto
  const opened = new Session(world.api, forging)
  await opened.start()
  expect(await codeOf(() => opened.renew(PASSWORD))).toBe('vault/tampered')
  expect(await openUnlock(crypto, userId, PASSWORD)).toEqual(real)
})

it('an older identity than this device has seen: refused at sign-in', async () => {
  await session.setPasswords(PASSWORD, { password: NEW, destruction: null })
  const log = world.server.identities.get(world.account.userId) ?? []
  world.server.identities.set(world.account.userId, log.slice(0, 1))
  await forgetAccountKey()
  expect(await codeOf(() => new Session(world.api, crypto).signIn('ada', NEW))).toBe('identity/rollback')
})

it('the recovery key goes on opening the account after its password was changed', async () => {
  const [real, words] = [keyOf(session), wordsOf(session)]
  await session.setPasswords(PASSWORD, { password: NEW, destruction: null })
  await eraseDevice()
  const other = new Session(world.api, crypto)
  await other.recover('ada', words, PASSWORD)
  expect(keyOf(other)).toEqual(real)
  await eraseDevice()
  const third = new Session(world.api, crypto)
  await third.signIn('ada', PASSWORD)
  await third.catchUp()
  expect(keyOf(third)).toEqual(real)
})

describe('a change of password', () => {
  /** How this device answers to the old and to the new password, without the server. */
  const opens = () =>
    Promise.all(
      [PASSWORD, NEW].map((password) =>
        openUnlock(crypto, world.account.userId, password).then(
          (key) => (equalBytes(key, real) ? 'opens' : 'another key'),
          (error: AppError) => error.code,
        ),
      ),
    )
  const ONLY_OLD = ['opens', 'auth/failed']
  const ONLY_NEW = ['auth/failed', 'opens']
  const fail = (asked: Route, code: ErrorCode) => (route: Route) => {
    if (route === asked) throw new AppError(code)
  }
  const change = (current: string) => session.setPasswords(current, { password: NEW, destruction: null })
  let real: Bytes
  beforeEach(() => {
    real = keyOf(session)
  })

  it.each(['server/unreachable', 'server/bad-answer', 'internal', 'log/conflict'] satisfies ErrorCode[])(
    'is made where the log shows it, whatever came instead of an answer (%s)',
    async (code) => {
      world.afterAnswer = fail(changePassword, code)
      await change(PASSWORD)
      expect(await opens()).toEqual(ONLY_NEW)
      await eraseDevice()
      const other = new Session(world.api, crypto)
      await other.signIn('ada', NEW)
      await other.catchUp()
      expect(keyOf(other)).toEqual(real)
    },
  )

  it.each(['server/unreachable', 'internal', 'log/conflict'] satisfies ErrorCode[])(
    'is not made where the log does not show it (%s): the password stays, and it can be tried again',
    async (code) => {
      world.beforeAnswer = fail(changePassword, code)
      expect(await codeOf(() => change(PASSWORD))).toBe(code)
      expect(await opens()).toEqual(ONLY_OLD)
      world.beforeAnswer = () => undefined
      await change(PASSWORD)
      expect(await opens()).toEqual(ONLY_NEW)
    },
  )

  it('is left open while nobody answers: then the new password goes on from there', async () => {
    world.afterAnswer = (route) => {
      fail(changePassword, 'server/unreachable')(route)
      // The network stays away.
      if (world.asked.includes(`${changePassword.method} ${changePassword.path}`))
        fail(readIdentity, 'server/unreachable')(route)
    }
    expect(await codeOf(() => change(PASSWORD))).toBe('account/unanswered')
    expect(await opens()).toEqual(ONLY_OLD)
    world.afterAnswer = () => undefined
    expect(await codeOf(() => change(PASSWORD))).toBe('auth/failed')
    await change(NEW)
    expect(await opens()).toEqual(ONLY_NEW)
  })

  it('is made also where the network fails right after it', async () => {
    const asked = `${changePassword.method} ${changePassword.path}`
    world.beforeAnswer = (route) => {
      if (world.asked.includes(asked)) fail(readIdentity, 'server/unreachable')(route)
    }
    await change(PASSWORD)
    expect(await opens()).toEqual(ONLY_NEW)
  })

  it('is not believed to a server that shows another history with it', async () => {
    await session.setPasswords(PASSWORD, { password: PASSWORD, destruction: null })
    const log = world.server.identities.get(world.account.userId) ?? []
    world.afterAnswer = (route) => {
      if ((route as unknown) !== changePassword) return
      world.server.identities.set(world.account.userId, log.slice(0, 1))
      throw new AppError('server/unreachable')
    }
    expect(await codeOf(() => change(PASSWORD))).toBe('identity/rollback')
    expect(await opens()).toEqual(ONLY_OLD)
  })

  it('by the 24 words is made where the log shows it, too', async () => {
    const words = wordsOf(session)
    await eraseDevice()
    world.afterAnswer = fail(changePassword, 'server/unreachable')
    const other = new Session(world.api, crypto)
    await other.recover('ada', words, NEW)
    await other.catchUp()
    expect(keyOf(other)).toEqual(real)
    expect(await opens()).toEqual(ONLY_NEW)
  })
})
