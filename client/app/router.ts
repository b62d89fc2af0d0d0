import { MEDIA_PREFIX } from '../../shared/wire/page-sw.ts'
import { early } from './early.ts'
import { Overlays } from './overlays.ts'
import { Signal } from './signal.ts'

/** How many screens of this page lie below the one that shows. */
const depth = () => (history.state as { depth?: number } | null)?.depth ?? 0

/** Of an invite, resp. of a personal link. */
const isLinkPath = (path: string) => path === '/join' || path === '/add'

/** Where the person is: the path alone. Links inside the page change it without a load. */
export class Router {
  readonly path = new Signal(location.pathname)
  /** What an invite link, resp. a personal link, carries, without `#`, until it is used; in memory alone. */
  readonly secret = new Signal('')
  readonly #overlays = new Overlays()

  constructor() {
    this.#takeSecret()
    // Also fires when a link with another fragment is opened in this tab.
    window.addEventListener('popstate', () => {
      this.#takeSecret()
      this.#overlays.moved(this.path.value !== location.pathname)
      this.path.value = location.pathname
    })
    document.addEventListener('click', (event) => this.#follow(event))
  }

  /** What leads here, with what it carries: to be taken along to another browser. */
  get link(): string {
    const isLink = isLinkPath(location.pathname) && this.secret.value !== ''
    return `${location.origin}${location.pathname}${isLink ? `#${this.secret.value}` : ''}`
  }

  go(path: string, options: { replace?: boolean; secret?: string } = {}): void {
    this.#overlays.leave(options.replace === true, (replaces) => {
      const state = { depth: options.replace ? depth() : depth() + 1 }
      if (replaces) history.replaceState(state, '', path)
      else history.pushState(state, '', path)
      this.path.value = new URL(path, location.origin).pathname
      this.#keep(options.secret ?? '')
      window.scrollTo(0, 0)
    })
  }

  /** A link that was opened elsewhere and handed to this page: as if the page had been loaded by it. */
  visit({ pathname, hash }: URL): void {
    const secret = hash.slice(1)
    if (pathname === location.pathname) this.#keep(secret)
    else this.go(pathname, { secret })
  }

  /** Back to where one came from, or to `fallback` when the page was opened here. */
  back(fallback: string): void {
    if (depth() > 0) history.back()
    else this.go(fallback, { replace: true })
  }

  /**
   * Something lies over the screen: the phone's back button or gesture closes it before it leaves the screen.
   * @param close called where it did. @returns what to call when it closed otherwise.
   */
  cover(close: () => void): () => void {
    return this.#overlays.open(close)
  }

  #takeSecret(): void {
    early.takeSecret()
    const { secret } = early
    early.secret = ''
    this.#keep(secret)
  }

  #keep(secret: string): void {
    if (secret === '' || !isLinkPath(location.pathname)) return
    // Opened once more, the same link is read once more.
    this.secret.value = ''
    this.secret.value = secret
  }

  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return
    const link = event.composedPath().find((node): node is HTMLAnchorElement => node instanceof HTMLAnchorElement)
    if (link?.target !== '' || link.origin !== location.origin || link.pathname.startsWith(MEDIA_PREFIX)) return
    event.preventDefault()
    this.go(link.pathname)
  }
}
