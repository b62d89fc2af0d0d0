import { Workbox } from 'workbox-window'
import * as z from 'zod/mini'
import type { WorkerMessage } from '../../shared/wire/page-sw.ts'
import { workerMessage } from '../../shared/wire/page-sw.ts'
import { Signal } from './signal.ts'

const RELOADED = 'kith/reloaded-for-controller'

/** The Service Worker as the page sees it. */
export class MediaWorker {
  /** A new version waits; call `update` when nothing would be interrupted. */
  readonly updateWaits = new Signal(false)
  /** Whether `/media/…` is answered on this page. */
  readonly controls = new Signal(Boolean(navigator.serviceWorker?.controller))
  readonly #workbox: Workbox
  readonly #listeners = new Set<(message: WorkerMessage) => void>()

  constructor(url: string, type: 'classic' | 'module') {
    this.#workbox = new Workbox(url, { type })
    this.#workbox.addEventListener('waiting', () => {
      this.updateWaits.value = true
    })
    navigator.serviceWorker?.addEventListener('controllerchange', () => {
      if (this.updateWaits.value) location.reload()
      this.controls.value = true
    })
    navigator.serviceWorker?.addEventListener('message', ({ data }) => {
      const parsed = z.safeParse(workerMessage, data)
      if (parsed.success) for (const listener of this.#listeners) listener(parsed.data)
    })
  }

  async start(): Promise<void> {
    if (!('serviceWorker' in navigator)) return
    const registration = await this.#workbox.register()
    await navigator.serviceWorker.ready
    if (navigator.serviceWorker.controller) return
    // After a hard reload a page has no controller until the worker claims it.
    registration?.active?.postMessage({ type: 'claim' })
    await Promise.race([this.controls.until(Boolean), new Promise((resolve) => setTimeout(resolve, 3000))])
    if (this.controls.value || sessionStorage.getItem(RELOADED)) return
    sessionStorage.setItem(RELOADED, '1')
    location.reload()
  }

  onMessage(listener: (message: WorkerMessage) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  update(): void {
    this.#workbox.messageSkipWaiting()
  }
}
