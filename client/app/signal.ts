import type { ReactiveController, ReactiveControllerHost } from 'lit'

/** A value that tells who watches it when it changes. */
export class Signal<T> {
  #value: T
  readonly #watchers = new Set<(value: T) => void>()

  constructor(value: T) {
    this.#value = value
  }

  get value(): T {
    return this.#value
  }

  set value(value: T) {
    if (Object.is(value, this.#value)) return
    this.#value = value
    for (const watcher of [...this.#watchers]) watcher(value)
  }

  /** @returns the end of it. */
  watch(watcher: (value: T) => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** Resolves with the first value that fits, at once if it fits already. */
  async until(fits: (value: T) => boolean): Promise<T> {
    if (fits(this.#value)) return this.#value
    return new Promise((resolve) => {
      const stop = this.watch((value) => {
        if (!fits(value)) return
        stop()
        resolve(value)
      })
    })
  }
}

/** Renders an element anew whenever one of the signals changes, as long as it is on the page. */
export class Watch implements ReactiveController {
  readonly #host: ReactiveControllerHost
  readonly #signals: readonly { watch(watcher: () => void): () => void }[]
  #stops: (() => void)[] = []

  constructor(host: ReactiveControllerHost, ...signals: { watch(watcher: () => void): () => void }[]) {
    this.#host = host
    this.#signals = signals
    host.addController(this)
  }

  hostConnected(): void {
    this.#stops = this.#signals.map((signal) => signal.watch(() => this.#host.requestUpdate()))
    this.#host.requestUpdate()
  }

  hostDisconnected(): void {
    for (const stop of this.#stops) stop()
    this.#stops = []
  }
}
