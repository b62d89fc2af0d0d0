import workerPath from 'hls.js/dist/hls.worker.js?url'
import type Hls from 'hls.js/light'
import { FROM_START } from '../../shared/wire/page-sw.ts'

/** A quality that can be chosen; `null` is "as the network allows". */
export type Quality = { readonly index: number | null; readonly label: string }

export type PlaybackEvents = {
  /** Which qualities there are, which is chosen, and which is shown now. */
  onQualities(qualities: readonly Quality[], chosen: number | null, shown: number | null): void
  /** The stream cannot go on by itself; the Service Worker has said why, or the network is gone. */
  onFatal(isNetwork: boolean): void
}

/** hls.js asks for half a minute else: too long beside something that plays. */
const KEPT_RETRIES = 2

/** Plays a master playlist through hls.js in every engine: Chromium's own player refuses a Service Worker's answers. */
export class Playback {
  readonly #video: HTMLVideoElement
  readonly #events: PlaybackEvents
  #hls: Hls | undefined
  #recovered = false

  constructor(video: HTMLVideoElement, events: PlaybackEvents) {
    this.#video = video
    this.#events = events
  }

  /**
   * @param isKept whether something of it is on the device, which goes on where the server does not answer.
   * @param isHere whether a rendition's playlist can be had now; those that cannot are not offered. Left out: all.
   * @returns `false` where the engine has no Media Source.
   */
  async start(
    url: string,
    atSeconds: number,
    isKept: boolean,
    isHere?: (url: string) => Promise<boolean>,
  ): Promise<boolean> {
    const { default: Player } = await import('hls.js/light')
    if (!Player.isSupported()) return false
    this.stop()
    const { default: policy } = Player.DefaultConfig.fragLoadPolicy
    const errorRetry = policy.errorRetry && { ...policy.errorRetry, maxNumRetry: KEPT_RETRIES }
    const hls = new Player({
      workerPath,
      startPosition: atSeconds > 0 ? atSeconds : -1,
      autoStartLoad: !isHere,
      // Every byte of it is opened on this device: keep little.
      maxBufferLength: 20,
      maxMaxBufferLength: 60,
      backBufferLength: 30,
      ...(isKept && { fragLoadPolicy: { default: { ...policy, errorRetry } } }),
    })
    this.#hls = hls
    hls.on(Player.Events.MANIFEST_PARSED, () => {
      if (isHere) void this.#limit(hls, isHere, atSeconds)
      this.#tell()
    })
    hls.on(Player.Events.LEVEL_SWITCHED, () => this.#tell())
    hls.on(Player.Events.ERROR, (_event, { fatal, type }) => {
      if (!fatal) return
      if (type === Player.ErrorTypes.MEDIA_ERROR && !this.#recovered) {
        this.#recovered = true
        hls.recoverMediaError()
        return
      }
      this.#events.onFatal(type === Player.ErrorTypes.NETWORK_ERROR)
    })
    // Whoever pressed play while this was on its way meant it: a new source pauses.
    const isWanted = !this.#video.paused
    hls.loadSource(atSeconds > 0 ? url : `${url}?${FROM_START}`)
    hls.attachMedia(this.#video)
    if (isWanted) this.#video.play().catch(() => undefined)
    return true
  }

  /** Without network only what is on the device can be played. */
  async #limit(hls: Hls, isHere: (url: string) => Promise<boolean>, atSeconds: number): Promise<void> {
    const here = await Promise.all(hls.levels.map(({ uri }) => isHere(uri)))
    if (this.#hls !== hls) return
    if (!here.includes(true)) {
      this.#events.onFatal(true)
      return
    }
    for (let index = here.length - 1; index >= 0; index--) if (!here[index]) hls.removeLevel(index)
    hls.startLoad(atSeconds > 0 ? atSeconds : -1)
    this.#tell()
  }

  choose(index: number | null): void {
    if (!this.#hls) return
    this.#hls.nextLevel = index ?? -1
    this.#tell()
  }

  /** After an unlock, or when the network is back. */
  resume(): void {
    this.#hls?.startLoad()
  }

  stop(): void {
    this.#hls?.destroy()
    this.#hls = undefined
  }

  #tell(): void {
    const hls = this.#hls
    if (!hls) return
    const levels = hls.levels.map(({ width, height }, index) => ({ index, label: `${Math.min(width, height)}p` }))
    const qualities: Quality[] = [{ index: null, label: 'Auto' }, ...levels.reverse()]
    const chosen = hls.autoLevelEnabled ? null : hls.nextLevel
    this.#events.onQualities(qualities, chosen, hls.currentLevel >= 0 ? hls.currentLevel : null)
  }
}
