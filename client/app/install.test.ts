import { afterEach, expect, test, vi } from 'vitest'
import { early } from './early.ts'
import { Install, installStateOf } from './install.ts'

afterEach(() => void vi.unstubAllGlobals())

const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1'
const MAC =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15'
const PIXEL =
  'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36'

test.each([
  ['an iPhone', IPHONE, 5, 'by-hand'],
  ['an iPad, which says that it is a Mac', MAC, 5, 'by-hand'],
  ['a Mac', MAC, 0, 'no'],
  ['Android, until its browser says that it can', PIXEL, 5, 'no'],
])('%s', (_what, userAgent, maxTouchPoints, state) => {
  expect(installStateOf(false, { userAgent, maxTouchPoints })).toBe(state)
  expect(installStateOf(true, { userAgent, maxTouchPoints })).toBe('installed')
})

test('an offer that came before the program is taken up', async () => {
  const page = new EventTarget()
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('matchMedia', () => ({ matches: false }))
  vi.stubGlobal('navigator', { userAgent: PIXEL, maxTouchPoints: 5 })
  vi.stubGlobal('window', {})
  const prompt = vi.fn(async () => ({ outcome: 'accepted' }))
  early.install = Object.assign(new Event('beforeinstallprompt'), { prompt })
  const install = new Install(() => undefined)
  expect(install.state.value).toBe('can')
  await install.ask()
  expect([prompt.mock.calls.length, install.state.value]).toEqual([1, 'installed'])
})
