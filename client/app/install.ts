import { early } from './early.ts'
import { Signal } from './signal.ts'

/** Chromium's own event; no other engine has it. */
interface InstallEvent extends Event {
  prompt(): Promise<{ outcome: 'accepted' | 'dismissed' }>
}
interface LaunchParams {
  readonly targetURL?: string
  readonly files: readonly { getFile(): Promise<File> }[]
}

/** How Kith can get onto this device: `can`: the browser asks; `by-hand`: the person does it, see `InstallPlace`. */
export type InstallState = 'installed' | 'can' | 'by-hand' | 'no'
/** Where it is done by hand: in Safari's bar, at another browser's Share, or nowhere, inside of another app. */
export type InstallPlace = 'safari' | 'browser' | 'in-app'

/** Kith as an installed app: whether it is one, how it becomes one, and what it is opened with. */
export class Install {
  readonly state: Signal<InstallState>
  readonly place: InstallPlace = installPlaceOf(navigator.userAgent)
  /** Files that the system opened Kith with, until the person has said what becomes of them. */
  readonly opened = new Signal<readonly File[]>([])
  readonly #visit: (link: URL) => void
  #event: InstallEvent | undefined

  constructor(visit: (link: URL) => void) {
    this.#visit = visit
    const isApp = matchMedia('(display-mode: standalone)').matches || isStandalone(navigator)
    this.state = new Signal(installStateOf(isApp, navigator))
    // Kept for the button in the settings: a banner over the first screen would come before anybody knows what this is.
    const offered = (event: Event) => {
      event.preventDefault()
      this.#event = event as InstallEvent
      if (this.state.value !== 'installed') this.state.value = 'can'
    }
    addEventListener('beforeinstallprompt', offered)
    if (early.install) offered(early.install)
    addEventListener('appinstalled', () => {
      this.#event = undefined
      this.state.value = 'installed'
    })
    let isRunning = false
    window.launchQueue?.setConsumer((params) => {
      if (params.files.length > 0) return void this.#open(params).catch(() => undefined)
      if (!params.targetURL) return
      const link = new URL(params.targetURL)
      if (link.origin !== location.origin) return
      // What a launch has loaded has all of it from its address; and Chromium tells a page that is loaded again, as by
      // a lock, of its last launch once more.
      if (isRunning || (link.pathname !== location.pathname && !isReload())) visit(link)
    })
    isRunning = true
  }

  /** Resolves when the person has chosen. */
  async ask(): Promise<void> {
    const event = this.#event
    if (!event) return
    // It may be asked once.
    this.#event = undefined
    const { outcome } = await event.prompt()
    this.state.value = outcome === 'accepted' ? 'installed' : 'no'
  }

  async #open({ files }: LaunchParams): Promise<void> {
    const read = await Promise.all(files.map((file) => file.getFile()))
    this.opened.value = [...this.opened.value, ...read]
    // It asks where they go; while Kith is locked, once it is not.
    this.#visit(new URL('/share', location.origin))
  }
}

export type Device = { readonly userAgent: string; readonly maxTouchPoints: number }

/** An iPad says that it is a Mac; no Mac has a screen to touch. */
export function installStateOf(isApp: boolean, { userAgent, maxTouchPoints }: Device): InstallState {
  if (isApp) return 'installed'
  const isApple = /iPhone|iPad|iPod/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1)
  return isApple ? 'by-hand' : 'no'
}

/** On iPhone and iPad. Of browsers whose Share is not known to have it, as of pages inside of apps, Safari is the way. */
export function installPlaceOf(userAgent: string): InstallPlace {
  if (/CriOS|FxiOS|EdgiOS/.test(userAgent)) return 'browser'
  return /Version\/[\d.]+ (Mobile\/\w+ )?Safari\/[\d.]+$/.test(userAgent) ? 'safari' : 'in-app'
}

const isReload = () =>
  performance.getEntriesByType('navigation').some((entry) => (entry as PerformanceNavigationTiming).type === 'reload')

/** Safari's own word for it, older than the media query. */
const isStandalone = (device: Navigator) => 'standalone' in device && device.standalone === true

declare global {
  interface Window {
    launchQueue?: { setConsumer(consumer: (params: LaunchParams) => void): void }
  }
}
