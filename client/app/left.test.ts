import 'fake-indexeddb/auto'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { eraseDevice } from '../../shared/device/db.ts'
import { AccountWorld, accountCrypto as crypto } from '../testing/account-world.ts'
import { emptyStorage } from '../testing/storage.ts'
import { readAccountKey } from '../vault/device.ts'
import { Session } from './session.ts'

const PASSWORD = 'copper-lantern-orbit'
const HOUR_MS = 3_600_000
const tabs = new Set<{ onmessage: ((event: { data: unknown }) => void) | null }>()
/** What tabs were told. */
const told: unknown[] = []
const reload = vi.fn()
const close = vi.fn()
let world: AccountWorld

const start = async () => {
  const session = new Session(world.api, crypto)
  await session.start()
  return session
}

beforeEach(async () => {
  tabs.clear()
  told.length = 0
  for (const seen of [reload, close]) seen.mockReset()
  vi.stubGlobal(
    'BroadcastChannel',
    class {
      onmessage = null
      constructor() {
        tabs.add(this)
      }
      postMessage(data: unknown) {
        told.push(data)
        for (const tab of tabs) if (tab !== this) tab.onmessage?.({ data })
      }
      close() {
        tabs.delete(this)
      }
    },
  )
  vi.stubGlobal('location', { reload, assign: () => undefined })
  vi.stubGlobal('localStorage', emptyStorage())
  const serviceWorker = { getRegistration: async () => ({ getNotifications: async () => [{ close }] }) }
  vi.stubGlobal('navigator', { onLine: true, locks: navigator.locks, serviceWorker })
  await eraseDevice()
  world = await AccountWorld.create()
  const session = new Session(world.api, crypto)
  await session.signUp({ username: 'ada', password: PASSWORD, circleName: null, invite: null })
  await session.catchUp()
  // Closed.
  tabs.clear()
})
afterEach(() => vi.unstubAllGlobals())

it('Kith that was closed for a moment opens by itself', async () => {
  const session = await start()
  expect([session.state.value.kind, close.mock.calls]).toEqual(['unlocked', []])
  await session.catchUp()
})

it('closed for longer than it may be left, it asks for the password, which opens it for all tabs', async () => {
  localStorage.setItem('kith/used-at', String(Date.now() - HOUR_MS))
  const session = await start()
  expect(session.state.value.kind).toBe('locked')
  expect(await readAccountKey()).toBeNull()
  // What stood on the screen of messages goes with the keys.
  expect(close).toHaveBeenCalledOnce()
  expect(reload).not.toHaveBeenCalled()
  const other = await start()
  expect(other.state.value.kind).toBe('locked')
  // Locked tabs that start leave each other alone: else each would make the other one start anew, for ever.
  expect([told, reload.mock.calls]).toEqual([['locked'], []])
  await session.unlock(PASSWORD)
  await other.state.until(({ kind }) => kind === 'unlocked')
  expect((await start()).state.value.kind).toBe('unlocked')
  await Promise.all([session.catchUp(), other.catchUp()])
})

it('a tab that was still open without anybody is locked with it', async () => {
  await start()
  localStorage.setItem('kith/used-at', String(Date.now() - HOUR_MS))
  expect((await start()).state.value.kind).toBe('locked')
  expect(reload).toHaveBeenCalledOnce()
})
