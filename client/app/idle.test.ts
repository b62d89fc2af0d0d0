import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Busy } from './busy.ts'
import { startIdleLock } from './idle.ts'
import type { Session } from './session.ts'
import { Signal } from './signal.ts'

type Listener = (event: { data: unknown }) => void
let channels: Set<{ onmessage: Listener | null; isFrozen: boolean }>

/** Delivers at once, except to a tab that the browser has frozen. */
class Channel {
  onmessage: Listener | null = null
  isFrozen = false
  constructor() {
    channels.add(this)
  }
  postMessage(data: unknown): void {
    for (const other of channels) if (other !== this && !other.isFrozen) other.onmessage?.({ data })
  }
}

/** One page of Kith that is unlocked. */
function tab() {
  const window = new EventTarget()
  const document = new EventTarget()
  vi.stubGlobal('window', window)
  vi.stubGlobal('document', document)
  const lock = vi.fn()
  const busy = new Busy()
  const session = { state: new Signal({ kind: 'unlocked' }), lock } as unknown as Session
  startIdleLock({ session, busy })
  const channel = [...channels].at(-1) as Channel
  return {
    busy,
    lock,
    channel,
    touch: () => window.dispatchEvent(new Event('keydown')),
    show: () => document.dispatchEvent(new Event('visibilitychange')),
    close: () => channels.delete(channel),
  }
}

async function pass(seconds: number, each: () => void = () => undefined): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    await vi.advanceTimersByTimeAsync(1000)
    each()
  }
}

beforeEach(() => {
  vi.useFakeTimers()
  channels = new Set()
  vi.stubGlobal('BroadcastChannel', Channel)
  vi.stubGlobal('localStorage', { getItem: () => '1' })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

it('a tab in the background does not lock the one that is in use', async () => {
  const [background, inUse] = [tab(), tab()]
  await pass(300, inUse.touch)
  expect([background.lock, inUse.lock].map(({ mock }) => mock.calls.length)).toEqual([0, 0])
})

it('a tab in the background does not kill the upload of another one', async () => {
  const [background, uploading] = [tab(), tab()]
  const end = uploading.busy.start('upload')
  await pass(300)
  expect(background.lock).not.toHaveBeenCalled()
  end()
  await pass(90)
  expect(background.lock).toHaveBeenCalled()
})

it('a tab that was frozen asks before it locks, whatever it slept through', async () => {
  const [frozen, inUse] = [tab(), tab()]
  frozen.channel.isFrozen = true
  await pass(40, inUse.touch)
  vi.setSystemTime(Date.now() + 50_000)
  inUse.touch()
  inUse.busy.start('upload')
  frozen.channel.isFrozen = false
  frozen.show()
  await pass(5)
  expect(frozen.lock).not.toHaveBeenCalled()
})

it('the tab that is left knows that another one was in use until it was closed', async () => {
  const [left, closed] = [tab(), tab()]
  await pass(50, closed.touch)
  closed.close()
  await pass(30)
  expect(left.lock).not.toHaveBeenCalled()
  await pass(60)
  expect(left.lock).toHaveBeenCalled()
})

it('two tabs that nobody uses lock, also where the machine slept and its first key is pressed at once', async () => {
  const [one, other] = [tab(), tab()]
  vi.setSystemTime(Date.now() + 3_600_000)
  one.touch()
  other.touch()
  await pass(5)
  expect([one.lock, other.lock].some(({ mock }) => mock.calls.length > 0)).toBe(true)
})
