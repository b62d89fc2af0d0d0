import { css, html, nothing } from 'lit'
import { KithElement } from '../app/element.ts'
import type { KeptParts } from '../offline/kept-parts.ts'
import { controls } from '../styles/controls.ts'
import { isTaken, videoAction } from './keyboard.ts'
import { type Place, recallPlace, rememberPlace } from './place.ts'
import { Playback, type Quality } from './playback.ts'

const CANNOT_PLAY = 'This browser cannot play the original. It starts here as soon as the first quality is ready.'
const REACH_MS = 1500
const NO_ANSWER = 'The video stopped: the server does not answer.'

/** Plays renditions where there are some, else the original where this browser can; better ones come in at the same place. */
export class VideoPlayer extends KithElement {
  static override properties = {
    master: {},
    original: {},
    originalType: {},
    poster: {},
    name: {},
    kept: { attribute: false },
    qualities: { state: true },
    chosen: { state: true },
    shown: { state: true },
    trouble: { state: true },
    better: { state: true },
  }
  static override styles = [
    controls,
    css`
      :host {
        display: block;
        position: relative;
      }
      video {
        display: block;
        width: 100%;
        max-height: 82dvh;
        background: #0b0812;
      }
      .bar {
        display: flex;
        align-items: center;
        gap: 0.75rem;
        flex-wrap: wrap;
        padding: 0.5rem 0.75rem;
        color: #f4f0fa;
        font-size: 0.875rem;
      }
      .bar label {
        display: flex;
        align-items: center;
        gap: 0.5rem;
        font-weight: 500;
      }
      .bar select {
        width: auto;
        min-height: 40px;
        margin: 0;
        padding: 0.25rem 0.5rem;
        border-color: #8a80a3;
        background: #1f1b2d;
        color: #f4f0fa;
      }
      .trouble {
        padding: 2rem 1.5rem;
        color: #f4f0fa;
        text-align: center;
      }
    `,
  ]
  /** URL of the newest master playlist; `null` while there is none. */
  declare master: string | null
  declare original: string
  /** Set where the item is on this device: it plays without network. */
  declare kept: KeptParts | null
  declare originalType: string
  declare poster: string | null
  declare name: string
  declare qualities: readonly Quality[]
  declare chosen: number | null
  declare shown: number | null
  declare trouble: string | null
  /** A newer master that waits until the person, or the end of playing, lets it in. */
  declare better: string | null
  #playback: Playback | undefined
  #playing: string | null = null
  /** Where to begin: where this page was before it was locked, loaded anew, or refused a byte. */
  #place: Place | null = null
  #path = ''
  /** Stopped for want of an answer: goes on by itself when the server is back. */
  #waitsFor: Place | null = null
  #setBusy: (isOn: boolean) => void = () => undefined
  readonly #ends: (() => void)[] = []

  constructor() {
    super()
    this.master = null
    this.poster = null
    this.name = ''
    this.originalType = ''
    this.kept = null
    this.qualities = []
    this.chosen = null
    this.shown = null
    this.trouble = null
    this.better = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#path = location.pathname
    this.#place = recallPlace()
    this.#setBusy = this.services.busy.switch('playback')
    window.addEventListener('keydown', this.#keyDown)
    window.addEventListener('pagehide', this.#remember)
    window.addEventListener('online', this.#goOn)
    this.#ends.push(
      this.services.events.connected.watch((isConnected) => isConnected && this.#goOn()),
      () => window.removeEventListener('keydown', this.#keyDown),
      () => window.removeEventListener('pagehide', this.#remember),
      () => window.removeEventListener('online', this.#goOn),
    )
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    if (location.pathname === this.#path) this.#remember()
    for (const end of this.#ends.splice(0)) end()
    this.#playback?.stop()
    // Else the browser goes on fetching until it clears away, and a new Service Worker waits for that.
    this.video.removeAttribute('src')
    this.video.load()
    this.#setBusy(false)
  }

  get video(): HTMLVideoElement {
    return this.renderRoot.querySelector('video') as HTMLVideoElement
  }

  override updated(changed: Map<PropertyKey, unknown>): void {
    if (changed.has('master') || changed.has('original')) void this.#choose()
  }

  /** What to play: the first thing that can be, and something better only when it does not interrupt. */
  async #choose(): Promise<void> {
    const { master, video } = this
    if (master !== null) {
      if (master === this.#playing) return
      const isUnderWay = this.#playing !== null && !video.paused && !video.ended
      if (isUnderWay) {
        this.better = master
        return
      }
      const place = this.#place ?? this.#waitsFor ?? { seconds: video.currentTime, isPlaying: false }
      await this.#play(master, place)
      return
    }
    if (this.#playing !== null) return
    if (this.originalType !== '' && video.canPlayType(this.originalType) !== '') {
      this.#playOriginal(this.#place ?? { seconds: 0, isPlaying: false })
      return
    }
    this.trouble = 'This video is being made playable. It starts here as soon as the first quality is ready.'
  }

  /** @param goesAlone from what is on the device, whether or not the server is there. */
  async #play(master: string, { seconds, isPlaying }: Place, goesAlone = false): Promise<void> {
    this.#begin(master)
    this.better = null
    const { kept } = this
    const isAlone = kept !== null && (goesAlone || !(await isServerThere()))
    if (this.#playing !== master) return
    const playlist = isAlone ? (kept.master ?? master) : master
    // Of a video whose original alone was kept, the original plays.
    if (isAlone && !(await kept.isHere(playlist))) {
      this.#playOriginal({ seconds, isPlaying })
      return
    }
    this.#playback = new Playback(this.video, {
      onQualities: (qualities, chosen, shown) => {
        this.qualities = qualities
        this.chosen = chosen
        this.shown = shown
      },
      onFatal: (isNetwork) => {
        // The network went while it played: what is on the device goes on at the same place. Not by asking again: a server
        // that is there, and does not give the video, would be asked without end.
        if (isNetwork && this.kept && !isAlone) {
          void this.#play(master, { seconds: this.video.currentTime, isPlaying: !this.video.paused }, true)
          return
        }
        if (isNetwork) this.#noAnswer()
        else this.trouble = 'The video cannot be played on.'
        this.video.pause()
      },
    })
    const isHere = isAlone ? (url: string) => kept.isHere(url) : undefined
    if (!(await this.#playback.start(playlist, seconds, kept !== null, isHere))) {
      this.video.src = playlist
      this.video.currentTime = seconds
    }
    if (isPlaying) await this.video.play().catch(() => undefined)
  }

  #playOriginal({ seconds, isPlaying }: Place): void {
    this.#begin(this.original)
    this.video.src = this.original
    if (seconds > 0) this.video.currentTime = seconds
    if (isPlaying) this.video.play().catch(() => undefined)
  }

  #begin(url: string): void {
    this.#playing = url
    this.#place = null
    this.#waitsFor = null
    this.trouble = null
    this.#playback?.stop()
    this.#playback = undefined
  }

  /** The Service Worker had no answer for this item's bytes: what a browser calls unplayable was only unreachable. */
  serverGone(): void {
    if (this.#playing === null && this.trouble === CANNOT_PLAY) this.#noAnswer()
  }

  #noAnswer(): void {
    this.#waitsFor ??= { seconds: this.video.currentTime, isPlaying: !this.video.paused }
    this.trouble = NO_ANSWER
  }

  #goOn = (): void => {
    if (this.#waitsFor) this.#again()
    else this.#playback?.resume()
  }

  #remember = (): void => {
    const { video } = this
    if (video.currentTime > 0 && !video.ended) {
      rememberPlace({ seconds: video.currentTime, isPlaying: this.#waitsFor?.isPlaying ?? !video.paused })
    }
  }

  override render() {
    const shown = this.qualities.find(({ index }) => index !== null && index === this.shown)
    return html`
      <video
        controls
        playsinline
        preload="metadata"
        poster=${this.poster ?? nothing}
        aria-label=${this.name}
        @loadedmetadata=${this.#measured}
        @playing=${this.#started}
        @pause=${this.#stopped}
        @ended=${this.#ended}
        @error=${this.#failed}
      ></video>
      ${this.trouble ? html`<p class="trouble" role="status">${this.trouble} ${this.trouble === NO_ANSWER || this.#playing ? html`<button @click=${this.#again}>Try again</button>` : nothing}</p>` : nothing}
      <div class="bar">
        ${
          this.qualities.length > 1
            ? html`<label>
                Quality
                <select @change=${this.#pick}>
                  ${this.qualities.map(
                    ({ index, label }) =>
                      html`<option value=${index ?? -1} ?selected=${index === this.chosen}>${index === null && shown ? `${label} (${shown.label})` : label}</option>`,
                  )}
                </select>
              </label>`
            : nothing
        }
        ${this.better ? html`<button @click=${() => void this.#takeBetter()}>Better quality is ready: switch</button>` : nothing}
      </div>
    `
  }

  #pick = (event: Event): void => {
    const index = Number((event.target as HTMLSelectElement).value)
    this.#playback?.choose(index < 0 ? null : index)
  }

  async #takeBetter(): Promise<void> {
    const { video, better } = this
    if (better) await this.#play(better, { seconds: video.currentTime, isPlaying: !video.paused })
  }

  #again = (): void => {
    const place = this.#waitsFor ?? { seconds: this.video.currentTime, isPlaying: true }
    if (this.master) void this.#play(this.master, place)
    else this.#playOriginal(place)
  }

  #started = (): void => {
    this.#setBusy(true)
  }

  #stopped = (): void => {
    this.#setBusy(false)
  }

  #ended = (): void => {
    this.#stopped()
    if (this.better) void this.#play(this.better, { seconds: 0, isPlaying: false })
  }

  /** The original may be of a kind that only claims to be playable: then it waits for the renditions. */
  #failed = (): void => {
    if (this.#playing !== this.original) return
    if (this.video.error?.code === MediaError.MEDIA_ERR_NETWORK) {
      this.#noAnswer()
      return
    }
    this.#giveUpOriginal()
  }

  /** Chromium plays the sound alone where it does not know the picture's codec. */
  #measured = (): void => {
    if (this.#playing === this.original && this.video.videoWidth === 0) this.#giveUpOriginal()
  }

  #giveUpOriginal(): void {
    this.#playing = null
    if (!this.video.paused) this.#place = { seconds: 0, isPlaying: true }
    this.video.removeAttribute('src')
    this.video.load()
    if (this.master) void this.#choose()
    else this.trouble = CANNOT_PLAY
  }

  #keyDown = (event: KeyboardEvent): void => {
    if (isTaken(event)) return
    const action = videoAction(this.video, event.key)
    if (!action) return
    event.preventDefault()
    action()
  }
}
/** Asked only of what is kept: whether to offer the qualities that are not. */
async function isServerThere(): Promise<boolean> {
  if (!navigator.onLine) return false
  const options = { cache: 'no-store', signal: AbortSignal.timeout(REACH_MS) } as const
  return fetch('/healthz', options).then(
    ({ ok }) => ok,
    () => false,
  )
}
customElements.define('video-player', VideoPlayer)
