import type { Page } from '@playwright/test'

/** In the page, once: notes taps by the moment that the browser gives them, before any program hears of them. */
export function noteTaps(): void {
  const note = ({ timeStamp }: Event) => Object.assign(window, { tappedAt: performance.timeOrigin + timeStamp })
  addEventListener('pointerup', note, { capture: true })
}

/** When the last tap was, in ms since 1970. */
export function tappedAt(page: Page): Promise<number> {
  return page.evaluate(() => (window as Window & { tappedAt?: number }).tappedAt ?? Number.NaN)
}

/** In the page: when the first frame with this text in the newest message was handed over, in ms since 1970. */
export function shownAt(text: string): Promise<number> {
  const isThere = () => {
    const screen = document.querySelector('kith-app')?.shadowRoot?.querySelector('conversation-screen')
    const newest = [...(screen?.shadowRoot?.querySelectorAll('message-row') ?? [])].at(-1)
    return newest?.shadowRoot?.textContent?.includes(text) === true
  }
  return new Promise((resolve) => {
    const frame = () => {
      if (!isThere()) return requestAnimationFrame(frame)
      // A task of its own comes after the frame that this callback belongs to.
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = () => resolve(performance.timeOrigin + performance.now())
      return port2.postMessage(null)
    }
    requestAnimationFrame(frame)
  })
}
