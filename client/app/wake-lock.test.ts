import { expect, test } from 'vitest'
import { Busy } from './busy.ts'
import { keepAwake } from './wake-lock.ts'

function device() {
  const held = { now: 0, ever: 0 }
  const wakeLock = {
    async request() {
      held.now++
      held.ever++
      return { release: async () => void held.now-- }
    },
  }
  const page = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  return { held, wakeLock, page: page as unknown as Document & { visibilityState: string } }
}
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('the screen stays on while something goes on, and no longer', async () => {
  const { held, wakeLock, page } = device()
  const busy = new Busy()
  keepAwake(busy, { wakeLock }, page)
  await settled()
  expect(held.ever).toBe(0)
  const upload = busy.start('upload')
  const playback = busy.start('playback')
  await settled()
  expect(held).toEqual({ now: 1, ever: 1 })
  upload()
  await settled()
  expect(held.now).toBe(1)
  playback()
  await settled()
  expect(held.now).toBe(0)
})

test('it is given back when the page is hidden, and asked for again when it comes back', async () => {
  const { held, wakeLock, page } = device()
  const busy = new Busy()
  keepAwake(busy, { wakeLock }, page)
  busy.start('upload')
  await settled()
  for (const [visibilityState, now] of [
    ['hidden', 0],
    ['visible', 1],
  ] as const) {
    Object.assign(page, { visibilityState })
    page.dispatchEvent(new Event('visibilitychange'))
    await settled()
    expect(held.now).toBe(now)
  }
})

test('a device that refuses, or has none, goes on', async () => {
  const busy = new Busy()
  const { page } = device()
  keepAwake(busy, {}, page)
  keepAwake(busy, { wakeLock: { request: () => Promise.reject(new Error('the battery is low')) } }, page)
  const end = busy.start('upload')
  await settled()
  end()
  await settled()
})
