import { Workbox } from 'workbox-window'
import * as z from 'zod/mini'
import { hasKeyInMemory } from '../../shared/device/device-key.ts'
import type { MediaFault } from '../../shared/wire/page-sw.ts'
import { workerMessage } from '../../shared/wire/page-sw.ts'
import type { Busy } from './busy.ts'
import { early } from './early.ts'
import type { Session } from './session.ts'
import { Signal } from './signal.ts'

const RELOADED = 'kith/reloaded-for-controller'
const CLAIM_MS = 3000
const LOOK_AFTER_MS = 3_600_000
/**
 * Chromium stops the old worker to bring the new one, and forgets about it for half a minute or longer where a page asks
 * the old one for something at that very moment: it is asked once nothing has gone on for so long.
 */
const QUIET_MS = 1500

/** `player`: nothing plays here before; `versions`: page and Service Worker do not understand each other. */
export type ReloadReason = 'player' | 'versions'

/** The Service Worker as the page sees it. */
export class MediaWorker {
  /** A new version waits until the person agrees. */
  readonly updateWaits = new Signal(false)
  /** They have; it waits for what goes on in other tabs. */
  readonly updateComes = new Signal(false)
  /** Whether `/media/…` is answered on this page. */
  readonly controls = new Signal(Boolean(navigator.serviceWorker?.controller))
  /** Why the page is to be loaded again, where that was left to the person. */
  readonly needsReload = new Signal<ReloadReason | null>(null)
  /** A notification was tapped. */
  onOpen: (path: string) => void = (path) => location.assign(path)
  readonly #workbox: Workbox
  readonly #busy: Busy
  #isFollowing = false
  readonly #listeners = new Set<(message: MediaFault) => void>()

  constructor(url: string, type: 'classic' | 'module', busy: Busy) {
    this.#workbox = new Workbox(url, { type })
    this.#busy = busy
    this.#workbox.addEventListener('waiting', () => {
      // What it shows is loaded when it is needed. Whoever follows is not asked, and asks for nothing just then.
      if (!this.#isFollowing) void import('./update-banner.ts')
      this.updateWaits.value = true
    })
    navigator.serviceWorker?.addEventListener('message', ({ data }) => this.#hear(data))
  }

  #hear(data: unknown): void {
    const parsed = z.safeParse(workerMessage, data)
    // One of the two is newer than the other, and either of them was not understood.
    if (!parsed.success || parsed.data.type === 'unknown') this.needsReload.value = 'versions'
    else if (parsed.data.type === 'open') this.onOpen(parsed.data.path)
    else for (const listener of this.#listeners) listener(parsed.data)
  }

  async start(session: Pick<Session, 'state'>): Promise<void> {
    if (!('serviceWorker' in navigator)) return
    for (const data of early.takeMessages()) this.#hear(data)
    navigator.serviceWorker.addEventListener('controllerchange', () => {
      // None: somebody has cleared what the browser keeps, and nothing newer came.
      const isNewer = this.controls.value && navigator.serviceWorker.controller !== null
      this.controls.value = true
      this.needsReload.value = null
      // This tab was idle when it was asked, and may have begun something in the moment since.
      if (isNewer) void this.#reloadWhenIdle()
    })
    const registration = await this.#workbox.register()
    await navigator.serviceWorker.ready
    this.#lookForUpdates()
    if (navigator.serviceWorker.controller) {
      sessionStorage.removeItem(RELOADED)
      return
    }
    // After a hard reload a page has no controller until the worker claims it.
    registration?.active?.postMessage({ type: 'claim' })
    await Promise.race([this.controls.until(Boolean), new Promise((resolve) => setTimeout(resolve, CLAIM_MS))])
    if (this.controls.value) return
    // Nobody loses what they are typing or sending, and no page reloads for ever.
    const isCostly = this.#busy.isBusy || hasKeyInMemory()
    if (session.state.value.kind !== 'unlocked' || isCostly || sessionStorage.getItem(RELOADED)) {
      this.needsReload.value = 'player'
      return
    }
    sessionStorage.setItem(RELOADED, '1')
    location.reload()
  }

  /** An app that stays open for days asks by itself. */
  #lookForUpdates(): void {
    let lookedAt = Date.now()
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState !== 'visible' || Date.now() - lookedAt < LOOK_AFTER_MS) return
      lookedAt = Date.now()
      this.#workbox.update().catch(() => undefined)
    })
  }

  onMessage(listener: (message: MediaFault) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Takes the version that waits, in all tabs, once nothing goes on in any of them. */
  async update(): Promise<void> {
    this.updateComes.value = true
    await this.#busy.untilAllIdle()
    // Who has just ended something goes somewhere, and asks the old worker for it: see `QUIET_MS`.
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
    await this.#busy.untilAllIdle()
    this.#workbox.messageSkipWaiting()
  }

  /** Another tab is of a newer version already: this one follows by itself. */
  async follow(): Promise<void> {
    this.#isFollowing = true
    await navigator.serviceWorker?.ready
    // A server that cannot be reached now is asked again by the next page that is shown.
    void this.#workbox.update().catch(() => undefined)
    await this.updateWaits.until(Boolean)
    await this.update()
  }

  async #reloadWhenIdle(): Promise<void> {
    await this.#busy.reasons.until(({ size }) => size === 0)
    location.reload()
  }
}
