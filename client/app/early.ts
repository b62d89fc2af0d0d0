/** What comes while the program is on its way, and would be lost by then, or seen by others. */
export class Early {
  /** Chromium's offer to install; it is made once. */
  install: Event | null = null
  /** What a link carried behind `#`. */
  secret = ''
  /** What the Service Worker said. */
  messages: unknown[] = []

  listen(): void {
    this.takeSecret()
    addEventListener('beforeinstallprompt', (event) => {
      event.preventDefault()
      this.install = event
    })
    navigator.serviceWorker?.addEventListener('message', this.#hear)
  }

  /** It leaves the address bar, and with it history and shared screens, before anything else. */
  takeSecret(): void {
    if (location.hash === '') return
    this.secret = location.hash.slice(1)
    history.replaceState(history.state, '', location.pathname)
  }

  /** The program does not come: whoever loads the page again still has what the link carried. */
  giveBack(): void {
    if (this.secret !== '') history.replaceState(history.state, '', `${location.pathname}#${this.secret}`)
  }

  /** From now on whoever asks listens. */
  takeMessages(): unknown[] {
    navigator.serviceWorker?.removeEventListener('message', this.#hear)
    return this.messages.splice(0)
  }

  #hear = ({ data }: MessageEvent): void => {
    this.messages.push(data)
  }
}

export const early = new Early()
