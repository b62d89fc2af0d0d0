import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Early } from './early.ts'

let page: EventTarget
let worker: EventTarget
let address: string[]

beforeEach(() => {
  page = new EventTarget()
  worker = new EventTarget()
  address = []
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('navigator', { serviceWorker: worker })
  vi.stubGlobal('location', { pathname: '/join', hash: '#canary-in-a-link' })
  vi.stubGlobal('history', { state: null, replaceState: (_: unknown, __: string, path: string) => address.push(path) })
})
afterEach(() => void vi.unstubAllGlobals())

it('takes the secret out of the address at once', () => {
  const early = new Early()
  early.listen()
  expect(address).toEqual(['/join'])
  expect(early.secret).toBe('canary-in-a-link')
  // Where the program cannot be loaded, loading the page again opens the link.
  early.giveBack()
  expect(address.at(-1)).toBe('/join#canary-in-a-link')
})

it('keeps what is said before the program is there, in its order, until somebody else listens', () => {
  const early = new Early()
  early.listen()
  const say = (data: string) => worker.dispatchEvent(Object.assign(new Event('message'), { data }))
  const offer = new Event('beforeinstallprompt', { cancelable: true })
  page.dispatchEvent(offer)
  say('open this')
  say('and this')
  expect([early.install, offer.defaultPrevented]).toEqual([offer, true])
  expect(early.takeMessages()).toEqual(['open this', 'and this'])
  say('for somebody else')
  expect(early.takeMessages()).toEqual([])
})
