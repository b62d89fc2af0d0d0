import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { newDeviceId, newKey, newUserId } from '../../shared/crypto/random.ts'
import { openSecret, sealSecret } from '../../shared/crypto/secretbox.ts'
import { eraseDevice, openDevice } from '../../shared/device/db.ts'
import { AppError } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import { codeOf } from '../../shared/testing/people.ts'
import { readSession, signOut } from '../../shared/wire/accounts.ts'
import type { Route } from '../../shared/wire/route.ts'
import { emptyStorage } from '../testing/storage.ts'
import { keepUnlock, readAccountKey } from '../vault/device.ts'
import type { Crypto } from '../workers/crypto.ts'
import type { Api } from './api.ts'
import { Session, type Unlocked } from './session.ts'

const userId = newUserId()
const { locks } = navigator
const crypto = {
  stretchPassword: async (password: string): Promise<Bytes> => new Uint8Array(32).fill(password.length),
  sealSecret,
  openSecret,
} as unknown as Crypto
const gone = vi.fn()
/** What the tab remembers. */
const ofTab = new Map<string, string>()
/** What the server says to whoever asks for the session. */
let answer: (signal: AbortSignal | undefined) => Promise<unknown>

function start(): { session: Session; started: Promise<void> } {
  const api = {
    onRemoved: () => undefined,
    onSignedOut: () => undefined,
    async call(route: Route, { signal }: { signal?: AbortSignal } = {}) {
      if (route !== readSession && route !== signOut) throw new Error('not expected')
      return answer(signal).catch((error: unknown) => {
        if (error instanceof AppError && error.code === 'auth/removed') api.onRemoved()
        throw error
      })
    },
  }
  const session = new Session(api as unknown as Api, crypto)
  return { session, started: session.start() }
}
const stays = async () => (await (await openDevice()).count('unlock')) === 1
const refuse = (code: 'auth/removed' | 'auth/required' | 'server/unreachable') => async () => {
  throw new AppError(code)
}

beforeEach(async () => {
  vi.stubGlobal('navigator', { locks, onLine: true })
  vi.stubGlobal('location', { assign: gone, reload: gone })
  // One tab alone.
  vi.stubGlobal(
    'BroadcastChannel',
    class {
      postMessage() {}
    },
  )
  vi.stubGlobal('localStorage', emptyStorage())
  ofTab.clear()
  vi.stubGlobal('sessionStorage', {
    setItem: (name: string, value: string) => ofTab.set(name, value),
    getItem: (name: string) => ofTab.get(name) ?? null,
    removeItem: (name: string) => ofTab.delete(name),
  })
  gone.mockReset()
  await eraseDevice()
  const account = { userId, username: 'ada', deviceId: newDeviceId(), serverKey: '', vaultVersion: 0, identity: null }
  await (await openDevice()).put('account', account, 'current')
  await keepUnlock(crypto, userId, 'secret', newKey())
  // Something that another device could want gone; without its index it does not open.
  await (await openDevice()).put('vault', { name: 'identity', version: 1, sealed: newKey() }, 'identity')
  answer = refuse('server/unreachable')
})
afterEach(() => vi.unstubAllGlobals())

it('a locked device that was signed out from another one forgets everything when it starts', async () => {
  answer = refuse('auth/removed')
  await start().started
  await expect.poll(() => gone.mock.calls).toEqual([['/']])
  expect(await stays()).toBe(false)
})

it('a locked device that was signed out while it had no network forgets everything when it is back', async () => {
  const { session, started } = start()
  await started
  expect([session.state.value.kind, await stays()]).toEqual(['locked', true])
  answer = refuse('auth/removed')
  await session.askWhileLocked()
  await expect.poll(() => gone.mock.calls).toEqual([['/']])
  expect(await stays()).toBe(false)
})

it('the right password opens nothing on a device that was signed out since it was locked', async () => {
  const { session, started } = start()
  await started
  answer = refuse('auth/removed')
  expect(await codeOf(() => session.unlock('secret'))).toBe('auth/removed')
  expect(await readAccountKey()).toBe(null)
  await expect.poll(stays).toBe(false)
})

it.each(['auth/required', 'server/unreachable'] as const)('a locked device keeps all on %s', async (code) => {
  answer = refuse(code)
  const { started } = start()
  await started
  expect([await stays(), gone.mock.calls]).toEqual([true, []])
})

it('a server that never answers holds unlocking up for a moment, no network not at all', async () => {
  const asked = vi.fn()
  vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => AbortSignal.abort())
  answer = async (signal) => {
    asked()
    signal?.throwIfAborted()
  }
  const { session, started } = start()
  await started
  // It goes on to the vault, which this device does not keep.
  expect(await codeOf(() => session.unlock('secret'))).toBe('key/unavailable')
  expect(asked).toHaveBeenCalledTimes(2)
  vi.stubGlobal('navigator', { locks, onLine: false })
  expect(await codeOf(() => session.unlock('secret'))).toBe('key/unavailable')
  expect(asked).toHaveBeenCalledTimes(2)
})

it.each(['lock', 'signOut', 'forget'] as const)('%s: no text of a message stays in a notification', async (leave) => {
  const close = vi.fn()
  const clearAppBadge = vi.fn()
  const serviceWorker = { getRegistration: async () => ({ getNotifications: async () => [{ close }, { close }] }) }
  vi.stubGlobal('navigator', { locks, onLine: true, serviceWorker, clearAppBadge })
  const { session, started } = start()
  await started
  gone.mockImplementation(() => {
    // Before the page goes: after it, nobody is left to do it.
    expect([close.mock.calls.length, clearAppBadge.mock.calls.length]).toEqual([2, 1])
  })
  await session[leave]()
  expect(gone).toHaveBeenCalledOnce()
})

it('whoever signs out is told of no other device that did, also where one had been', async () => {
  const { session, started } = start()
  await started
  await session.forget()
  expect(ofTab.size).toBe(1)
  const again = start()
  await again.started
  await again.session.signOut()
  expect(again.session.takeRemoved()).toBe(false)
})

it('a device that was destroyed at the lock keeps its looks, whatever the server says afterwards', async () => {
  await (await openDevice()).clear('vault')
  answer = refuse('auth/removed')
  const { session, started } = start()
  await started
  expect([session.state.value.kind, await stays(), gone.mock.calls]).toEqual(['locked', true, []])
})

it('a browser whose notifications fail is locked all the same', async () => {
  const serviceWorker = { getRegistration: () => Promise.reject(new Error('storage is gone')) }
  vi.stubGlobal('navigator', { locks, onLine: true, serviceWorker })
  const { session, started } = start()
  await started
  await session.lock()
  expect(gone).toHaveBeenCalledOnce()
})

describe('what the browser keeps is cleared under a page', () => {
  const opened = async (): Promise<Session> => {
    const { session, started } = start()
    await started
    session.state.value = { kind: 'unlocked', unlocked: {} as Unlocked, online: true }
    return session
  }
  const clear = async () => (await openDevice()).clear('account')

  it('one that is open is loaded anew, and becomes a new device', async () => {
    const session = await opened()
    await session.lookWhetherWiped()
    expect(gone.mock.calls).toEqual([])
    await clear()
    await session.lookWhetherWiped()
    expect(gone.mock.calls).toEqual([[]])
  })

  it('one that is signing out by itself goes its own way', async () => {
    const session = await opened()
    const answered = Promise.withResolvers<unknown>()
    answer = () => answered.promise
    const leaving = session.signOut()
    await clear()
    await session.lookWhetherWiped()
    expect(gone.mock.calls).toEqual([])
    answered.resolve(undefined)
    await leaving
    expect(gone.mock.calls).toEqual([['/']])
  })

  it('one that is locked shows nothing of it', async () => {
    const { session, started } = start()
    await started
    await clear()
    await session.lookWhetherWiped()
    expect(gone.mock.calls).toEqual([])
  })
})
