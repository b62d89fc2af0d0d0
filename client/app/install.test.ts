import { afterEach, expect, test, vi } from 'vitest'
import { early } from './early.ts'
import { Install, installPlaceOf, installStateOf } from './install.ts'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

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

/** What an iPhone says in all of them. */
const WEBKIT = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)'
test.each([
  ['Safari on an iPhone', IPHONE, 'safari'],
  ['Safari on an iPad', MAC, 'safari'],
  ['Chrome', `${WEBKIT} CriOS/140.0.7339.39 Mobile/15E148 Safari/604.1`, 'browser'],
  ['Firefox', `${WEBKIT} FxiOS/142.0 Mobile/15E148 Safari/605.1.15`, 'browser'],
  ['Edge', `${WEBKIT} Version/18.0 EdgiOS/139.0.3405.86 Mobile/15E148 Safari/605.1.15`, 'browser'],
  ['Instagram', `${WEBKIT} Mobile/22F76 Instagram 390.0.0.28.85 (iPhone15,2; iOS 18_5; de_DE)`, 'in-app'],
  ['Facebook', `${WEBKIT} Mobile/22F76 [FBAN/FBIOS;FBAV/520.0.0.38.101;FBDV/iPhone15,2]`, 'in-app'],
  ['LINE', `${WEBKIT} Mobile/15E148 Safari Line/15.11.0`, 'in-app'],
  ['Google', `${WEBKIT} GSA/380.0.794049283 Mobile/15E148 Safari/604.1`, 'in-app'],
])('it is put on the home screen by hand from %s', (_what, userAgent, place) => {
  expect(installPlaceOf(userAgent)).toBe(place)
})

type Launch = { targetURL: string; files: { getFile: () => Promise<File> }[] }
const launchOf = (targetURL: string): Launch => ({ targetURL, files: [] })
/** @param launches that wait for the page, see below */
function page(path: string, ...launches: Launch[]) {
  const events = new EventTarget()
  let hand: (launch: Launch) => void = () => expect.fail('nobody takes it')
  const launchQueue = {
    // https://wicg.github.io/web-app-launch/#setconsumer-method: what waits is handed out at once.
    setConsumer(consumer: (launch: Launch) => void) {
      hand = consumer
      launches.forEach(consumer)
    },
  }
  vi.stubGlobal('addEventListener', events.addEventListener.bind(events))
  vi.stubGlobal('matchMedia', () => ({ matches: false }))
  vi.stubGlobal('navigator', { userAgent: PIXEL, maxTouchPoints: 5 })
  vi.stubGlobal('location', { pathname: path, origin: 'https://kith.test' })
  vi.stubGlobal('window', { launchQueue })
  const visited: string[] = []
  const install = new Install(({ href }) => void visited.push(href))
  return { install, visited, launch: (launch: Launch) => hand(launch) }
}

test('an offer that came before the program is taken up', async () => {
  const prompt = vi.fn(async () => ({ outcome: 'accepted' }))
  early.install = Object.assign(new Event('beforeinstallprompt'), { prompt })
  const { install } = page('/')
  expect(install.state.value).toBe('can')
  await install.ask()
  expect([prompt.mock.calls.length, install.state.value]).toEqual([1, 'installed'])
})

test.each(['/join#an-invite', '/add#a-friend', '/chats', '/share?problem=share/too-large'])(
  'a link that the running app catches is visited whole, wherever it is: %s',
  (path) => {
    for (const place of ['/', new URL(path, 'https://kith.test').pathname]) {
      const { launch, visited } = page(place)
      launch(launchOf(`https://kith.test${path}`))
      expect(visited).toEqual([`https://kith.test${path}`])
    }
  },
)

test('a link to another Kith leads nowhere', () => {
  const { launch, visited } = page('/')
  launch(launchOf('https://elsewhere.test/join#an-invite'))
  expect(visited).toEqual([])
})

test('what a launch has loaded is visited by its address alone; what it could not load is visited', () => {
  const link = 'https://kith.test/join#an-invite'
  expect(page('/join', launchOf(link)).visited).toEqual([])
  expect(page('/settings', launchOf(link)).visited).toEqual([link])
})

test('loaded again, as by a lock, the page visits no link that it has visited before; the next one it does', () => {
  vi.spyOn(performance, 'getEntriesByType').mockReturnValue([{ type: 'reload' } as PerformanceNavigationTiming])
  const { launch, visited } = page('/settings', launchOf('https://kith.test/add#a-friend'))
  expect(visited).toEqual([])
  launch(launchOf('https://kith.test/join#an-invite'))
  expect(visited).toEqual(['https://kith.test/join#an-invite'])
})

test('files lead to where it asks what becomes of them', async () => {
  const { install, launch, visited } = page('/')
  const file = new File(['one'], 'one.txt')
  launch({ targetURL: 'https://kith.test/', files: [{ getFile: async () => file }] })
  await install.opened.until(({ length }) => length > 0)
  expect([install.opened.value, visited]).toEqual([[file], ['https://kith.test/share']])
})
