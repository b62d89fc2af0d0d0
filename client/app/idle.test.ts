import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emptyStorage } from '../testing/storage.ts'
import { Busy } from './busy.ts'
import { noteUse, startIdleLock, wasLeft, writeIdleMinutes } from './idle.ts'
import type { Session, SessionState } from './session.ts'
import { Signal } from './signal.ts'

type Listener = (event: { data: unknown }) => void
let channels: Set<{ onmessage: Listener | null; isFrozen: boolean }>
let closeAll: (() => void)[]
/** Of the real clock. */
const { setImmediate: soon } = globalThis

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
  close(): void {
    channels.delete(this)
  }
}

/** One page of Kith, unlocked if nothing else is said. */
function tab(kind: SessionState['kind'] = 'unlocked') {
  const window = new EventTarget()
  const document = new EventTarget()
  vi.stubGlobal('window', window)
  vi.stubGlobal('document', document)
  const lock = vi.fn()
  const busy = new Busy()
  const state = new Signal({ kind })
  startIdleLock({ session: { state, lock } as unknown as Session, busy })
  const channel = [...channels].at(-1) as Channel
  const close = () => {
    window.dispatchEvent(new Event('pagehide'))
    channel.close()
    busy.reasons.value = new Map()
  }
  closeAll.push(close)
  return {
    busy,
    lock,
    channel,
    unlock: () => {
      state.value = { kind: 'unlocked' }
    },
    touch: () => window.dispatchEvent(new Event('keydown')),
    show: () => document.dispatchEvent(new Event('visibilitychange')),
    hide: () => document.dispatchEvent(new Event('visibilitychange')),
    close,
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
  closeAll = []
  vi.stubGlobal('BroadcastChannel', Channel)
  vi.stubGlobal('localStorage', emptyStorage())
  writeIdleMinutes(1)
})
afterEach(async () => {
  for (const close of closeAll) close()
  vi.useRealTimers()
  await new Busy().untilAllIdle()
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

it('a lock screen that stood for an hour: whoever unlocks stays in', async () => {
  const { lock, unlock, touch } = tab('locked')
  await pass(3600)
  touch()
  unlock()
  await pass(50, touch)
  expect(lock).not.toHaveBeenCalled()
})

describe('Kith that was closed', () => {
  it.each([
    ['opens again by itself within the time', 55, false],
    ['is locked after it', 65, true],
    ['is locked a week later', 604_800, true],
  ])('%s', async (_, seconds, expected) => {
    const closed = tab()
    // Longer than what is written down while it is used is apart.
    await pass(20, closed.touch)
    closed.close()
    vi.setSystemTime(Date.now() + seconds * 1000)
    expect(await wasLeft()).toBe(expected)
  })

  it.each(['close', 'hide'] as const)('was used until its last touch, which is written down on %s', async (end) => {
    const { touch, [end]: leave } = tab()
    await pass(12)
    touch()
    leave()
    vi.setSystemTime(Date.now() + 55_000)
    expect(await wasLeft()).toBe(false)
  })

  it('that was looked at in the end, and touched long before: from the touch on', async () => {
    const closed = tab()
    closed.touch()
    await pass(50)
    closed.close()
    vi.setSystemTime(Date.now() + 15_000)
    expect(await wasLeft()).toBe(true)
  })

  it.each(['upload', 'keeping', 'playback'] as const)(
    'was in use for as long as this went on: %s',
    async (activity) => {
      const closed = tab()
      closed.busy.start(activity)
      await pass(300)
      closed.close()
      vi.setSystemTime(Date.now() + 55_000)
      expect(await wasLeft()).toBe(false)
    },
  )

  it.each([
    ['set right by some seconds', 10_000, false],
    ['set back by an hour', 3_600_000, true],
  ])('with the clock %s', async (_, ms, expected) => {
    const closed = tab()
    closed.touch()
    closed.close()
    vi.setSystemTime(Date.now() - ms)
    expect(await wasLeft()).toBe(expected)
    // The time after that counts by the clock as it is then.
    noteUse()
    expect(await wasLeft()).toBe(false)
    vi.setSystemTime(Date.now() + 65_000)
    expect(await wasLeft()).toBe(true)
  })

  it.each([
    ['was taken away', () => localStorage.removeItem('kith/used-at')],
    ['is none', () => localStorage.setItem('kith/used-at', 'yesterday')],
  ])('asks for the password where its note %s', async (_, spoil) => {
    tab().close()
    noteUse()
    expect(await wasLeft()).toBe(false)
    spoil()
    expect(await wasLeft()).toBe(true)
  })

  it('is not kept open by touching a page that is locked or only starts', async () => {
    const closed = tab()
    closed.touch()
    closed.close()
    vi.setSystemTime(Date.now() + 65_000)
    for (const kind of ['starting', 'locked'] as const) {
      const { touch, close } = tab(kind)
      touch()
      close()
    }
    expect(await wasLeft()).toBe(true)
  })
})

describe('a second tab', () => {
  const left = async () => {
    let answer: boolean | undefined
    void wasLeft().then((isLeft) => {
      answer = isLeft
    })
    while (answer === undefined) {
      await new Promise((resolve) => soon(resolve))
      await vi.advanceTimersByTimeAsync(100)
    }
    return answer
  }

  it('opens where the first one is in use, or at work in the background, whose timer hardly comes', async () => {
    const first = tab()
    await pass(300, first.touch)
    expect(await left()).toBe(false)
    first.busy.start('upload')
    vi.setSystemTime(Date.now() + 90_000)
    expect(await left()).toBe(false)
  })

  it('does not open because somebody went away while writing in the first one', async () => {
    const first = tab()
    first.touch()
    first.busy.start('writing')
    vi.setSystemTime(Date.now() + 90_000)
    expect(await left()).toBe(true)
  })
})
