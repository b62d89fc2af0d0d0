import { css, html, nothing } from 'lit'
import { KithElement } from '../app/element.ts'
import { controls } from '../styles/controls.ts'
import { Playback, type Quality } from './playback.ts'

const SEEK_SECONDS = 5
const LONG_SEEK_SECONDS = 10

/** Plays renditions where there are some, else the original where this browser can; better ones come in at the same place. */
export class VideoPlayer extends KithElement {
  static override properties = {
    master: {},
    original: {},
    originalType: {},
    poster: {},
    isPartial: {},
    name: {},
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
  declare originalType: string
  declare poster: string | null
  declare isPartial: boolean
  declare name: string
  declare qualities: readonly Quality[]
  declare chosen: number | null
  declare shown: number | null
  declare trouble: string | null
  /** A newer master that waits until the person, or the end of playing, lets it in. */
  declare better: string | null
  #playback: Playback | undefined
  #playing: string | null = null
  #endBusy: (() => void) | undefined
  readonly #ends: (() => void)[] = []

  constructor() {
    super()
    this.master = null
    this.poster = null
    this.isPartial = false
    this.name = ''
    this.originalType = ''
    this.qualities = []
    this.chosen = null
    this.shown = null
    this.trouble = null
    this.better = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    window.addEventListener('keydown', this.#keyDown)
    this.#ends.push(
      this.services.events.connected.watch((isConnected) => isConnected && this.#playback?.resume()),
      () => window.removeEventListener('keydown', this.#keyDown),
    )
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    for (const end of this.#ends.splice(0)) end()
    this.#playback?.stop()
    this.#endBusy?.()
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
      await this.#play(master, video.currentTime, false)
      return
    }
    if (this.#playing !== null) return
    if (this.originalType !== '' && video.canPlayType(this.originalType) !== '') {
      this.#playing = this.original
      video.src = this.original
      return
    }
    this.trouble = 'This video is being made playable. It starts here as soon as the first quality is ready.'
  }

  async #play(master: string, atSeconds: number, resume: boolean): Promise<void> {
    this.#playing = master
    this.better = null
    this.trouble = null
    this.#playback?.stop()
    this.#playback = new Playback(this.video, {
      onQualities: (qualities, chosen, shown) => {
        this.qualities = qualities
        this.chosen = chosen
        this.shown = shown
      },
      onFatal: (isNetwork) => {
        this.video.pause()
        this.trouble = isNetwork ? 'The video stopped: the server does not answer.' : 'The video cannot be played on.'
      },
    })
    if (!(await this.#playback.start(master, atSeconds))) {
      this.video.src = master
      this.video.currentTime = atSeconds
    }
    if (resume) await this.video.play().catch(() => undefined)
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
        @playing=${this.#started}
        @pause=${this.#stopped}
        @ended=${this.#ended}
        @error=${this.#failed}
      ></video>
      ${this.trouble ? html`<p class="trouble" role="status">${this.trouble} ${this.#playing ? html`<button @click=${this.#again}>Try again</button>` : nothing}</p>` : nothing}
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
    if (this.better) await this.#play(this.better, this.video.currentTime, !this.video.paused)
  }

  #again = (): void => {
    const { master } = this
    if (master) void this.#play(master, this.video.currentTime, true)
    else {
      this.trouble = null
      this.video.load()
    }
  }

  #started = (): void => {
    this.#endBusy ??= this.services.busy.start('playback')
  }

  #stopped = (): void => {
    this.#endBusy?.()
    this.#endBusy = undefined
  }

  #ended = (): void => {
    this.#stopped()
    if (this.better) void this.#takeBetter()
  }

  /** The original may be of a kind that only claims to be playable: then it waits for the renditions. */
  #failed = (): void => {
    if (this.#playing !== this.original) return
    this.#playing = null
    if (this.master) void this.#choose()
    else this.trouble = 'This browser cannot play the original. It starts here as soon as the first quality is ready.'
  }

  #keyDown = (event: KeyboardEvent): void => {
    const target = event.composedPath()[0]
    const isTyping =
      target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement
    if (isTyping || target instanceof HTMLButtonElement || event.ctrlKey || event.metaKey || event.altKey) return
    const action = this.#actionFor(event.key)
    if (!action) return
    event.preventDefault()
    action()
  }

  #actionFor(key: string): (() => void) | null {
    const { video } = this
    const seek = (seconds: number) => () => {
      video.currentTime = Math.max(0, Math.min(video.duration || 0, video.currentTime + seconds))
    }
    if (/^[0-9]$/.test(key)) return () => (video.currentTime = ((video.duration || 0) * Number(key)) / 10)
    const actions: Readonly<Record<string, () => void>> = {
      ' ': () => void (video.paused ? video.play() : video.pause()),
      k: () => void (video.paused ? video.play() : video.pause()),
      ArrowRight: seek(SEEK_SECONDS),
      ArrowLeft: seek(-SEEK_SECONDS),
      l: seek(LONG_SEEK_SECONDS),
      j: seek(-LONG_SEEK_SECONDS),
      m: () => (video.muted = !video.muted),
      f: () => void (document.fullscreenElement ? document.exitFullscreen() : video.requestFullscreen()),
      '>': () => (video.playbackRate = Math.min(4, video.playbackRate + 0.25)),
      '<': () => (video.playbackRate = Math.max(0.25, video.playbackRate - 0.25)),
    }
    return actions[key] ?? null
  }
}
customElements.define('video-player', VideoPlayer)
