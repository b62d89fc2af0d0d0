const isMarked = () => (history.state as { isOverlay?: boolean } | null)?.isOverlay === true

/**
 * Dialogs, menus and modes over a screen, however many: one entry of the history stands for them, so that going back
 * closes the topmost. The entry goes when they closed otherwise, and becomes the next screen's when they lead to one.
 */
export class Overlays {
  readonly #open: (() => void)[] = []
  /** The history stands on the entry. */
  #isMarked = false
  /** On the way off the entry, which takes the browser a moment; what is to be done then. */
  #leaving: (() => void)[] | null = null
  #isSettling = false

  constructor() {
    // A page that was loaded anew has nothing open.
    if (isMarked()) history.replaceState({ ...history.state, isOverlay: false }, '', location.href)
  }

  /** @returns what to call when it closed by itself; calling it twice does no harm. */
  open(close: () => void): () => void {
    this.#open.push(close)
    this.#settleSoon()
    return () => {
      const at = this.#open.lastIndexOf(close)
      if (at < 0) return
      this.#open.splice(at, 1)
      this.#settleSoon()
    }
  }

  /** The person, or this class, has moved in the history. @param isElsewhere to another screen. */
  moved(isElsewhere: boolean): void {
    const waiting = this.#leaving
    this.#leaving = null
    const wasMarked = this.#isMarked
    this.#isMarked = isMarked()
    // Only after the browser has looked at it for this move.
    setTimeout(() => {
      if (!this.#isMarked) history.scrollRestoration = 'auto'
    })
    if (waiting) {
      for (const next of waiting) next()
    } else if (isElsewhere) this.#open.length = 0
    else if (wasMarked && !this.#isMarked) this.#open.pop()?.()
    this.#settleSoon()
  }

  /** @param go to another screen, in place of this one or on top of it. */
  leave(replaces: boolean, go: (replaces: boolean) => void): void {
    this.#open.length = 0
    if (this.#leaving) this.#leaving.push(() => go(replaces))
    else if (!this.#isMarked) go(replaces)
    else if (replaces) this.#stepOff(() => go(true))
    else {
      this.#isMarked = false
      history.scrollRestoration = 'auto'
      go(true)
    }
  }

  /** Where one dialog follows another, the entry stays. */
  #settleSoon(): void {
    if (this.#isSettling) return
    this.#isSettling = true
    queueMicrotask(() => {
      this.#isSettling = false
      if (this.#leaving || this.#isMarked === this.#open.length > 0) return
      if (this.#isMarked) return this.#stepOff()
      // Who closes it stays where they have scrolled meanwhile, not where they opened it.
      history.scrollRestoration = 'manual'
      history.pushState({ ...history.state, isOverlay: true }, '', location.href)
      this.#isMarked = true
    })
  }

  #stepOff(next?: () => void): void {
    this.#leaving = next ? [next] : []
    this.#isMarked = false
    history.back()
  }
}
