import { expect, test } from 'vitest'
import { Busy } from './busy.ts'
import { keepAwake } from './wake-lock.ts'

/** What a device does that is asked for the lock. */
type Answer = 'gives' | 'refuses' | 'gives and takes away'

function device() {
  const held = { now: 0, ever: 0, asked: 0 }
  const state = { answer: 'gives' as Answer }
  let newest: EventTarget = new EventTarget()
  const page = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  /** What the system does by itself. */
  const takeAway = () => {
    held.now--
    newest.dispatchEvent(new Event('release'))
  }
  const wakeLock = {
    async request() {
      held.asked++
      if (state.answer === 'refuses') throw new DOMException('the battery is low', 'NotAllowedError')
      held.now++
      held.ever++
      const lock = new EventTarget()
      newest = lock
      if (state.answer === 'gives and takes away') setImmediate(takeAway)
      const release = async () => {
        held.now--
        lock.dispatchEvent(new Event('release'))
      }
      return Object.assign(lock, { release }) as unknown as WakeLockSentinel
    },
  }
  const show = (visibilityState: 'visible' | 'hidden') => {
    page.visibilityState = visibilityState
    if (visibilityState === 'hidden' && held.now > 0) takeAway()
    page.dispatchEvent(new Event('visibilitychange'))
    return settled()
  }
  return { held, state, wakeLock, takeAway, show, page: page as unknown as Document }
}
async function settled(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve))
}

test('the screen stays on while something goes on, and no longer', async () => {
  const { held, wakeLock, page } = device()
  const busy = new Busy()
  keepAwake(busy, { wakeLock }, page)
  await settled()
  expect(held.asked).toBe(0)
  const upload = busy.start('upload')
  const playback = busy.start('playback')
  await settled()
  expect(held).toEqual({ now: 1, ever: 1, asked: 1 })
  upload()
  await settled()
  expect(held.now).toBe(1)
  playback()
  await settled()
  expect(held).toEqual({ now: 0, ever: 1, asked: 1 })
})

test('what is over before the device has answered keeps no screen on', async () => {
  const { held, wakeLock, page } = device()
  const busy = new Busy()
  keepAwake(busy, { wakeLock }, page)
  busy.start('upload')()
  await settled()
  expect(held).toEqual({ now: 0, ever: 1, asked: 1 })
})

test('it is given back when the page is hidden, and asked for again when it comes back', async () => {
  const { held, wakeLock, page, show } = device()
  const busy = new Busy()
  keepAwake(busy, { wakeLock }, page)
  busy.start('upload')
  await settled()
  await show('hidden')
  expect(held).toEqual({ now: 0, ever: 1, asked: 1 })
  await show('visible')
  expect(held).toEqual({ now: 1, ever: 2, asked: 2 })
})

test('what the system takes away from a page that shows is asked for once more, and again only when something changes', async () => {
  const { held, state, wakeLock, page, takeAway, show } = device()
  const busy = new Busy()
  keepAwake(busy, { wakeLock }, page)
  busy.start('upload')
  await settled()
  takeAway()
  await settled()
  expect(held).toEqual({ now: 1, ever: 2, asked: 2 })
  state.answer = 'gives and takes away'
  takeAway()
  await settled()
  expect(held).toEqual({ now: 0, ever: 2, asked: 2 })
  busy.start('playback')
  await settled()
  expect(held).toEqual({ now: 0, ever: 4, asked: 4 })
  state.answer = 'gives'
  await show('visible')
  expect(held).toEqual({ now: 1, ever: 5, asked: 5 })
})

test('a device that refuses is asked again when something changes, and not before', async () => {
  const { held, state, wakeLock, page, show } = device()
  state.answer = 'refuses'
  const busy = new Busy()
  keepAwake(busy, { wakeLock }, page)
  const upload = busy.start('upload')
  await settled()
  expect(held).toEqual({ now: 0, ever: 0, asked: 1 })
  const playback = busy.start('playback')
  await settled()
  expect(held.asked).toBe(2)
  state.answer = 'gives'
  await show('visible')
  expect(held).toEqual({ now: 1, ever: 1, asked: 3 })
  upload()
  playback()
  await settled()
  expect(held.now).toBe(0)
})

test('refused because the page was hidden for a moment, it is asked again', async () => {
  const { held, state, wakeLock, page, show } = device()
  state.answer = 'refuses'
  const busy = new Busy()
  keepAwake(busy, { wakeLock }, page)
  busy.start('upload')
  state.answer = 'gives'
  void show('hidden')
  await show('visible')
  expect(held).toEqual({ now: 1, ever: 1, asked: 2 })
})

test('a device that has none goes on', async () => {
  const busy = new Busy()
  keepAwake(busy, {}, device().page)
  busy.start('upload')()
  await settled()
})
