import { expect, it } from 'vitest'
import type { InstallState } from '../app/install.ts'
import { howToShare } from './how-to-share.ts'

const AGENTS = {
  android:
    'Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Mobile Safari/537.36',
  windows:
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36',
  mac: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36',
  firefox: 'Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0',
  iphone:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1',
  ipad: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15',
}
type Name = keyof typeof AGENTS

it.each<[Name, InstallState, RegExp]>([
  ['android', 'installed', /^Choose Kith in another app’s share sheet/],
  ['windows', 'installed', /^Choose Kith/],
  ['android', 'can', /^Install Kith/],
  ['windows', 'no', /^Install Kith/],
  ['mac', 'installed', /^Other apps cannot share with Kith in this browser.*paste/],
  ['firefox', 'no', /^Other apps cannot/],
  ['iphone', 'by-hand', /^On an iPhone or iPad/],
  ['iphone', 'installed', /^On an iPhone or iPad/],
  ['ipad', 'installed', /^On an iPhone or iPad/],
])('on %s, %s: says what works there', (name, state, sentence) => {
  const touch = ['android', 'firefox', 'iphone', 'ipad'].includes(name)
  expect(howToShare(state, { userAgent: AGENTS[name], maxTouchPoints: touch ? 5 : 0 })).toMatch(sentence)
})
