import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Router } from './router.ts'

type Entry = { state: unknown; path: string }

/** A tab's history: moving in it takes the browser a moment, and `popstate` comes after that. */
class History {
  entries: Entry[] = [{ state: null, path: '/' }]
  at = 0
  window = new EventTarget()
  get state(): unknown {
    return this.#now.state
  }
  get path(): string {
    return this.#now.path
  }
  pushState(state: unknown, _: string, path: string): void {
    this.entries = [...this.entries.slice(0, this.at + 1), { state: structuredClone(state), path }]
    this.at++
  }
  replaceState(state: unknown, _: string, path: string): void {
    this.entries[this.at] = { state: structuredClone(state), path }
  }
  back(): void {
    this.go(-1)
  }
  go(by: number): void {
    setImmediate(() => {
      if (!this.entries[this.at + by]) return
      this.at += by
      this.window.dispatchEvent(new Event('popstate'))
    })
  }
  get #now(): Entry {
    return this.entries[this.at] as Entry
  }
}
let tab: History
/** What the person does, and all that comes of it. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
}
async function back(): Promise<void> {
  tab.back()
  await settle()
}

/** Kith in this tab, loaded just now. */
function page(): Router {
  tab.window = new EventTarget()
  vi.stubGlobal('history', tab)
  vi.stubGlobal('location', {
    hash: '',
    origin: 'https://kith.test',
    get pathname() {
      return tab.path
    },
    get href() {
      return tab.path
    },
  })
  vi.stubGlobal('window', Object.assign(tab.window, { scrollTo: () => undefined }))
  vi.stubGlobal('document', new EventTarget())
  return new Router()
}
let router: Router

beforeEach(async () => {
  tab = new History()
  router = page()
  router.go('/item/a')
})
afterEach(async () => {
  // What the page puts off comes before it is gone.
  await new Promise((resolve) => setTimeout(resolve))
  vi.unstubAllGlobals()
})

it('back closes what is open before it leaves the screen, the topmost first', async () => {
  const closed: string[] = []
  router.cover(() => closed.push('menu'))
  router.cover(() => closed.push('question'))
  await settle()
  await back()
  expect([closed, router.path.value]).toEqual([['question'], '/item/a'])
  await back()
  expect([closed, router.path.value]).toEqual([['question', 'menu'], '/item/a'])
  await back()
  expect([closed.length, router.path.value]).toEqual([2, '/'])
})

it('what was closed by its button leaves nothing behind in the history, and one that follows it closes by back', async () => {
  const uncover = router.cover(() => expect.fail('it is closed already'))
  await settle()
  uncover()
  uncover()
  const close = vi.fn()
  const uncoverNext = router.cover(close)
  await settle()
  await back()
  expect([close.mock.calls.length, router.path.value]).toEqual([1, '/item/a'])
  uncoverNext()
  await back()
  expect(router.path.value).toBe('/')
})

it.each([
  ['on top of it', false, '/item/a'],
  ['in its place', true, '/'],
])('a dialog that leads to another screen %s: back goes to where that says', async (_, replace, before) => {
  const uncover = router.cover(() => expect.fail('the screen has gone'))
  await settle()
  router.go('/chats', { replace })
  uncover()
  await settle()
  expect([router.path.value, tab.path]).toEqual(['/chats', '/chats'])
  await back()
  expect([router.path.value, tab.path]).toEqual([before, before])
})

it('goes on after the dialog’s entry is gone, where a screen was asked for meanwhile', async () => {
  const uncover = router.cover(() => undefined)
  await settle()
  uncover()
  await Promise.resolve()
  router.go('/chats')
  await settle()
  expect([router.path.value, tab.path]).toEqual(['/chats', '/chats'])
  await back()
  expect(router.path.value).toBe('/item/a')
})

it('forward opens the screen again, and not what was over it', async () => {
  router.cover(() => undefined)
  await settle()
  await back()
  await back()
  expect(router.path.value).toBe('/')
  tab.go(1)
  await settle()
  expect(router.path.value).toBe('/item/a')
  tab.go(1)
  await settle()
  await back()
  expect(router.path.value).toBe('/')
})

it('a page that is loaded anew over an open dialog has none, and back still leads out', async () => {
  router.cover(() => expect.fail('it is gone'))
  await settle()
  router = page()
  await back()
  expect(router.path.value).toBe('/item/a')
})

it('the back button of a screen that was opened by its address leads to where it belongs', async () => {
  tab = new History()
  tab.entries = [{ state: null, path: '/item/b' }]
  router = page()
  const uncover = router.cover(() => undefined)
  await settle()
  uncover()
  await settle()
  router.back('/chats')
  expect([router.path.value, tab.path]).toEqual(['/chats', '/chats'])
})

it('what a link carries that is handed to the page never gets into the address, and is told anew where it is opened again', async () => {
  const told: string[] = []
  router.secret.watch((secret) => void told.push(`${router.path.value}#${secret}`))
  const link = new URL('https://kith.test/join?from=mail#canary-in-a-link')
  router.visit(link)
  router.visit(link)
  expect(router.link).toBe('https://kith.test/join#canary-in-a-link')
  expect(told.filter((one) => !one.endsWith('#'))).toEqual(['/join#canary-in-a-link', '/join#canary-in-a-link'])
  // Over a dialog that is on its way out it comes with its screen.
  const uncover = router.cover(() => undefined)
  await settle()
  uncover()
  await Promise.resolve()
  router.visit(new URL('https://kith.test/add#another-canary'))
  expect(told.at(-1)).toBe('/join#canary-in-a-link')
  await settle()
  expect(told.at(-1)).toBe('/add#another-canary')
  router.visit(new URL('https://kith.test/chats#nothing-of-ours'))
  expect([router.link, router.secret.value]).toEqual(['https://kith.test/chats', 'another-canary'])
  expect(JSON.stringify(tab.entries)).not.toMatch(/canary|nothing-of-ours/)
})
