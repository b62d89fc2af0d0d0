import 'fake-indexeddb/auto'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { newKey } from '../../shared/crypto/random.ts'
import { eraseDevice, openDevice } from '../../shared/device/db.ts'
import { AppError, type ErrorCode } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import { codeOf } from '../../shared/testing/people.ts'
import { finishSignIn, startSignIn } from '../../shared/wire/accounts.ts'
import { Session } from '../app/session.ts'
import { AccountWorld, accountCrypto as crypto, NoTabs } from '../testing/account-world.ts'
import { emptyStorage } from '../testing/storage.ts'
import { forgetAccountKey, keepUnlock, readDeviceAccount, writeDeviceAccount } from './device.ts'

const PASSWORD = 'copper-lantern-orbit'
const DESTROY = 'granite-ribbon-comet'
const WRONG = 'willow-meadow-58'
const NEW = 'harbour-thistle-27'
const SIGN_IN = [startSignIn, finishSignIn].map(({ method, path }) => `${method} ${path}`)
let world: AccountWorld
let session: Session
const { locks } = navigator
const setOnline = (onLine: boolean) => vi.stubGlobal('navigator', { onLine, locks })
const keyOf = (opened: Session) => opened.requireUnlocked().groups.context.secrets.accountKey

beforeEach(async () => {
  vi.stubGlobal('location', { reload: () => undefined, assign: () => undefined })
  vi.stubGlobal('BroadcastChannel', NoTabs)
  vi.stubGlobal('localStorage', emptyStorage())
  setOnline(true)
  await eraseDevice()
  world = await AccountWorld.create()
  session = new Session(world.api, crypto)
  await session.signUp({ username: 'ada', password: PASSWORD, circleName: null, invite: null })
  await session.setPasswords(PASSWORD, { password: null, destruction: DESTROY })
  await session.catchUp()
  world.asked.length = 0
  world.finishes.length = 0
})

describe('a watcher at the sign-in screen', () => {
  beforeEach(eraseDevice)

  it('sees the same requests, of the same sizes, for a wrong password and for the one that destroys', async () => {
    const seen = async (password: string) => {
      world.asked.length = 0
      world.finishes.length = 0
      const code = await codeOf(() => new Session(world.api, crypto).signIn('ada', password))
      return { code, asked: [...world.asked], lengths: world.finishes.map((body) => JSON.stringify(body).length) }
    }
    const wrong = await seen(WRONG)
    expect(world.isDestroyed).toBe(false)
    expect(await seen(DESTROY)).toEqual(wrong)
    expect(wrong).toMatchObject({ code: 'auth/failed', asked: SIGN_IN })
    expect(world.isDestroyed).toBe(true)
  })

  it.each(['auth/rate-limited', 'server/unreachable'] satisfies ErrorCode[])(
    'is told the same by a server that answers %s at the end',
    async (code) => {
      world.beforeAnswer = (route) => {
        if ((route as unknown) === finishSignIn) throw new AppError(code)
      }
      for (const password of [WRONG, DESTROY]) {
        expect(await codeOf(() => new Session(world.api, crypto).signIn('ada', password))).toBe(code)
      }
    },
  )
})

describe('at the lock', () => {
  let accountKey: Bytes
  let locked: Session
  beforeEach(async () => {
    accountKey = keyOf(session)
    await forgetAccountKey()
    locked = new Session(world.api, crypto)
    await locked.start()
    world.asked.length = 0
  })

  /** By a device that leaves this one's own record as it was. */
  const setElsewhere = async (password: string) => {
    await session.setPasswords(PASSWORD, { password, destruction: null })
    await keepUnlock(crypto, world.account.userId, PASSWORD, accountKey)
  }
  const vaultRows = async () => (await openDevice()).count('vault')
  const unlocked = async (password: string) => {
    const again = new Session(world.api, crypto)
    await again.start()
    await again.unlock(password)
    return keyOf(again)
  }

  it('the destruction password is asked for and answered as a wrong one is, and nothing opens afterwards', async () => {
    expect(await codeOf(() => locked.unlock(WRONG))).toBe('auth/failed')
    expect(world.asked).toEqual(SIGN_IN)
    expect(await vaultRows()).toBeGreaterThan(0)
    world.asked.length = 0
    expect(await codeOf(() => locked.unlock(DESTROY))).toBe('auth/failed')
    expect(world.asked).toEqual(SIGN_IN)
    expect(world.isDestroyed).toBe(true)
    expect(await vaultRows()).toBe(0)
    expect(locked.state.value.kind).toBe('locked')
    expect(await codeOf(() => unlocked(PASSWORD))).toBe('auth/failed')
  })

  it.each([
    ['without network', false],
    ['with network', true],
  ])('the screen is the same after a reload, and fails alike %s', async (_, onLine) => {
    await codeOf(() => locked.unlock(DESTROY))
    setOnline(onLine)
    const later = new Session(world.api, crypto)
    await later.start()
    expect(later.state.value).toMatchObject({ kind: 'locked', account: { username: 'ada' } })
    for (const password of [PASSWORD, WRONG, DESTROY])
      expect(await codeOf(() => later.unlock(password))).toBe('auth/failed')
  })

  it('the device forgets, also where the last request is cut off', async () => {
    world.beforeAnswer = (route) => {
      if ((route as unknown) === finishSignIn) throw new AppError('server/unreachable')
    }
    expect(await codeOf(() => locked.unlock(DESTROY))).toBe('auth/failed')
    expect(await vaultRows()).toBe(0)
    expect(await codeOf(() => unlocked(PASSWORD))).toBe('auth/failed')
  })

  it('“sign in anew” with it forgets too', async () => {
    expect(await codeOf(() => locked.signIn('Ada', DESTROY))).toBe('auth/failed')
    expect(await vaultRows()).toBe(0)
  })

  it('it erases nothing of somebody else whose device it is typed on', async () => {
    const account = await readDeviceAccount()
    if (account) await writeDeviceAccount({ ...account, username: 'ben' })
    expect(await codeOf(() => locked.signIn('ada', DESTROY))).toBe('auth/failed')
    expect(world.isDestroyed).toBe(true)
    expect(await vaultRows()).toBeGreaterThan(0)
  })

  it('a password that was set on another device opens, from then on without network', async () => {
    await setElsewhere(NEW)
    expect(await unlocked(NEW)).toEqual(accountKey)
    await forgetAccountKey()
    setOnline(false)
    expect(await codeOf(() => unlocked(PASSWORD))).toBe('auth/failed')
    expect(await unlocked(NEW)).toEqual(accountKey)
  })

  it('another account key opens nothing and replaces nothing', async () => {
    const forging = { ...crypto, openAccountKey: async () => newKey() } as typeof crypto
    await setElsewhere(NEW)
    const fooled = new Session(world.api, forging)
    await fooled.start()
    expect(await codeOf(() => fooled.unlock(NEW))).toBe('auth/failed')
    expect(await unlocked(PASSWORD)).toEqual(accountKey)
  })

  it('nothing is asked for the right password, and none without network', async () => {
    setOnline(false)
    expect(await codeOf(() => locked.unlock(DESTROY))).toBe('auth/failed')
    expect(world.asked).toEqual([])
    setOnline(true)
    await locked.unlock(PASSWORD)
    expect(world.asked).not.toContain(SIGN_IN[0])
  })

  it.each([
    ['is not there', new AppError('server/unreachable'), 'auth/failed'],
    ['keeps silent', new DOMException('', 'TimeoutError'), 'auth/failed'],
    ['answers with something else', new AppError('server/bad-answer'), 'auth/failed'],
    ['counts tries', new AppError('auth/rate-limited'), 'auth/rate-limited'],
  ])('a server that %s: the same for both, and the right password goes on opening', async (_, fault, code) => {
    world.beforeAnswer = (route) => {
      if ((route as unknown) === startSignIn) throw fault
    }
    for (const password of [WRONG, DESTROY]) expect(await codeOf(() => locked.unlock(password))).toBe(code)
    await locked.unlock(PASSWORD)
    expect(keyOf(locked)).toEqual(accountKey)
  })
})

it('typed where the device is open, it closes and forgets at once', async () => {
  const assign = vi.fn()
  vi.stubGlobal('location', { assign })
  vi.stubGlobal('sessionStorage', { setItem: () => undefined })
  expect(await codeOf(() => session.renew(DESTROY))).toBe('auth/failed')
  expect(assign.mock.calls).toEqual([['/']])
  expect(await readDeviceAccount()).toBeNull()
})
