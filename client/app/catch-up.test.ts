import 'fake-indexeddb/auto'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { newUserId } from '../../shared/crypto/random.ts'
import { AppError, type ErrorCode } from '../../shared/errors.ts'
import type { Crypto } from '../workers/crypto.ts'
import type { Api } from './api.ts'
import { startCatchingUp } from './catch-up.ts'
import { Session, type Unlocked } from './session.ts'

const userId = newUserId()
/** What the server says; `null`: it takes the session. */
let refusal: ErrorCode | null
let asked: number
let page: EventTarget & { visibilityState: string }
let window: EventTarget

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  page = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  window = new EventTarget()
  vi.stubGlobal('document', page)
  vi.stubGlobal('window', window)
  vi.stubGlobal('BroadcastChannel', class {})
  refusal = 'server/unreachable'
  asked = 0
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

/** Opened in flight mode: it has asked once, in vain. */
async function openedInFlight(): Promise<Session> {
  const api = {
    async call() {
      asked++
      if (refusal) throw new AppError(refusal)
      return { userId }
    },
  }
  const session = new Session(api as unknown as Api, {} as Crypto)
  startCatchingUp(session)
  const nothing = async () => undefined
  const unlocked = {
    account: { userId },
    identity: { learn: nothing },
    vault: { openServed: nothing },
    groups: { refresh: nothing },
  }
  session.state.value = { kind: 'unlocked', unlocked: unlocked as unknown as Unlocked, online: false }
  await session.catchUp()
  expect(asked).toBe(1)
  return session
}
const passes = (ms: number) => vi.advanceTimersByTimeAsync(ms)
const becomes = async (visibilityState: 'visible' | 'hidden') => {
  page.visibilityState = visibilityState
  page.dispatchEvent(new Event('visibilitychange'))
  await passes(0)
}

it('a server that comes back later than the network is found without a reload', async () => {
  const session = await openedInFlight()
  window.dispatchEvent(new Event('online'))
  await passes(0)
  expect([asked, session.isOnline]).toEqual([2, false])
  refusal = null
  await passes(2000)
  expect([asked, session.isOnline]).toEqual([3, true])
  await passes(3_600_000)
  expect(asked).toBe(3)
})

it('a server that is down is asked ever less often, and not at all while nobody looks', async () => {
  const session = await openedInFlight()
  const askedAt: number[] = []
  for (let second = 1; second <= 600; second++) {
    const before = asked
    await passes(1000)
    if (asked > before) askedAt.push(second)
  }
  expect(askedAt).toEqual([2, 6, 14, 30, 62, 126, 246, 366, 486])
  const before = asked
  await becomes('hidden')
  await passes(3_600_000)
  expect(asked).toBe(before)
  await becomes('visible')
  expect(asked).toBe(before + 1)
  refusal = null
  await passes(2000)
  expect([asked, session.isOnline]).toEqual([before + 2, true])
})

it('one that answers with something else than Kith is asked again, too: the page to sign in to a network, for one', async () => {
  const session = await openedInFlight()
  refusal = 'server/bad-answer'
  await passes(2000)
  expect(session.fault.value?.code).toBe('server/bad-answer')
  refusal = null
  await passes(4000)
  expect([session.isOnline, session.fault.value]).toEqual([true, null])
})

it('a session that is over is left alone until somebody signs in', async () => {
  const session = await openedInFlight()
  refusal = 'auth/required'
  await passes(2000)
  expect(session.isExpired.value).toBe(true)
  const before = asked
  await passes(3_600_000)
  await becomes('hidden')
  await becomes('visible')
  expect(asked).toBe(before)
})

it('online, it asks once when a network comes, and of its own accord never', async () => {
  refusal = null
  const session = await openedInFlight()
  expect(session.isOnline).toBe(true)
  await becomes('hidden')
  await becomes('visible')
  await passes(3_600_000)
  expect(asked).toBe(1)
  window.dispatchEvent(new Event('online'))
  await passes(0)
  expect(asked).toBe(2)
})
