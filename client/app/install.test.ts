import { expect, test } from 'vitest'
import { installStateOf } from './install.ts'

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
