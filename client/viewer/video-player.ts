import { css, html, nothing } from 'lit'
import { KithElement } from '../app/element.ts'
import type { KeptParts } from '../offline/kept-parts.ts'
import { controls } from '../styles/controls.ts'
import { isTaken, videoAction } from './keyboard.ts'
import { type Place, recallPlace, rememberPlace } from './place.ts'
import { Playback, type Quality } from './playback.ts'
import { type Facts, isWay, type Trouble, type Way, waitsForServer, wayFor } from './way.ts'

const REACH_MS = 1500
const SENTENCES: Readonly<Record<Trouble, string>> = {
  'being-made': 'This video is being made playable. It starts here as soon as the first quality is ready.',
  'not-yet': 'This browser cannot play the original. It starts here as soon as the first quality is ready.',
  'original-alone':
    'This browser cannot play the original, which alone is on this device. It starts here when the server answers.',
  'no-answer': 'The server does not answer. The video goes on when it is back.',
  broken: 'The video cannot be played on.',
}

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
  declare trouble: Trouble | null
  /** A newer master that waits until the person, or the end of playing, lets it in. */
  declare better: string | null
  #playback: Playback | undefined
  /** What it is played by; `null`: nothing, or being looked for. */
  #way: Way | null = null
  /** Since something new has happened. */
  readonly #failed = new Set<Way>()
  /** Whether the original's bytes did not come: what the browser calls unplayable was only out of reach. */
  #isUnreachable = false
  /** Whether the server came back while something was being tried: that may have begun before. */
  #isBack = false
  /** The latest look for a way: an earlier one that ends later counts no more. */
  #turn = 0
  /** Where to begin: where this page was before it was locked or loaded anew, or where it stopped. */
  #place: Place | null = null
  /** In seconds, until what plays has got there: what fails before that has lost no place. */
  #startsAt = 0
  /** What the element said of its place when it stopped. */
  #stoodAt = 0
  #path = ''
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
    this.#turn += 1
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
    if (changed.has('master') || changed.has('original')) this.#choose()
  }

  get #here(): Place {
    return { seconds: this.#startsAt || this.video.currentTime, isPlaying: !this.video.paused }
  }

  /** Something better comes in only when it does not interrupt. */
  #choose(): void {
    const { video } = this
    const isUnderWay = this.#way !== null && !video.paused && !video.ended
    if (isUnderWay) this.better = this.master
    else this.#play(this.#place ?? { seconds: this.#here.seconds, isPlaying: false })
  }

  /** Begins anew with the best way: when something new has happened, never because one has failed. */
  #play(place: Place): void {
    this.#place = place
    this.#isUnreachable = false
    this.#isBack = false
    this.#failed.clear()
    void this.#next()
  }

  /** Goes on by the best way that is left. */
  async #next(): Promise<void> {
    const { video } = this
    this.#turn += 1
    const turn = this.#turn
    this.#way = null
    this.trouble = null
    this.better = null
    const found = wayFor(await this.#look(), this.#failed)
    if (turn !== this.#turn) return
    if (!isWay(found)) {
      this.#halt(found)
      return
    }
    const { seconds, isPlaying } = this.#place ?? this.#here
    // Whoever pressed play while it was looked for meant it; a source that is taken away pauses, and says nothing.
    const isWanted = isPlaying || !video.paused
    this.#playback?.stop()
    this.#playback = undefined
    this.#setBusy(false)
    this.#way = found
    this.#place = null
    this.#startsAt = seconds
    if (found === 'original') {
      this.qualities = []
      video.src = this.original
    } else if (!(await this.#stream(found, seconds, turn))) return
    if (isWanted) await video.play().catch(() => undefined)
  }

  async #look(): Promise<Facts> {
    const { master, kept, original, originalType } = this
    const claimsOriginal = originalType !== '' && this.video.canPlayType(originalType) !== ''
    const facts = { isMade: master !== null, claimsOriginal, isStreamHere: false, isOriginalHere: false }
    if (master === null || kept === null) return { ...facts, isServerThere: true }
    // What is on the device goes on at the same place where a server is there, and does not give the video.
    if (!this.#failed.has('stream') && (await isServerThere())) return { ...facts, isServerThere: true }
    const [isStreamHere, isOriginalHere] = await Promise.all([
      kept.isHere(kept.master ?? master),
      kept.isHere(original),
    ])
    return { ...facts, isServerThere: false, isStreamHere, isOriginalHere }
  }

  /** @returns `false`: another turn has begun meanwhile. */
  async #stream(way: 'stream' | 'kept', seconds: number, turn: number): Promise<boolean> {
    const { kept, video } = this
    const playlist = (way === 'kept' ? kept?.master : null) ?? this.master
    if (playlist === null) return false
    const playback = new Playback(video, {
      onQualities: (qualities, chosen, shown) => {
        this.qualities = qualities
        this.chosen = chosen
        this.shown = shown
      },
      onFatal: (isNetwork) => {
        if (turn !== this.#turn) return
        if (isNetwork) this.#fails(way)
        else this.#halt('broken')
      },
    })
    this.#playback = playback
    const isHere = way === 'kept' && kept ? (url: string) => kept.isHere(url) : undefined
    const isStarted = await playback.start(playlist, seconds, kept !== null, isHere)
    if (turn !== this.#turn) return false
    if (!isStarted) {
      video.src = playlist
      video.currentTime = seconds
    }
    return true
  }

  #fails(way: Way): void {
    this.#place = this.#here
    this.#failed.add(way)
    if (way === 'original' && !this.#isUnreachable) {
      this.video.removeAttribute('src')
      this.video.load()
    }
    void this.#next()
  }

  #halt(trouble: Trouble): void {
    const { video } = this
    const { seconds, isPlaying } = this.#place ?? this.#here
    this.#place = { seconds, isPlaying: isPlaying || !video.paused }
    this.#way = null
    const saysUnplayable = trouble === 'not-yet' || trouble === 'original-alone'
    this.trouble = saysUnplayable && this.#isUnreachable ? 'no-answer' : trouble
    video.pause()
    this.#stoodAt = video.currentTime
    // What has failed may say no `pause`.
    this.#setBusy(false)
    if (this.#isBack && waitsForServer(this.trouble)) this.#again()
  }

  /** The Service Worker had no answer for the original's bytes: before, or after, the browser says that it fails. */
  serverGone(): void {
    this.#isUnreachable = true
    if (this.trouble !== null) this.#halt(this.trouble)
  }

  #goOn = (): void => {
    const isLooking = this.#way === null && this.trouble === null && this.#place !== null
    if (isLooking || waitsForServer(this.trouble)) {
      this.#again()
      return
    }
    this.#isBack = true
    this.#playback?.resume()
  }

  #remember = (): void => {
    const place = this.#place ?? this.#here
    if (place.seconds > 0 && !this.video.ended) rememberPlace(place)
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
        @seeked=${this.#arrived}
        @playing=${this.#started}
        @pause=${this.#stopped}
        @ended=${this.#ended}
        @error=${this.#refused}
      ></video>
      ${this.trouble ? html`<p class="trouble" role="status">${SENTENCES[this.trouble]} ${waitsForServer(this.trouble) || this.trouble === 'broken' ? html`<button @click=${this.#again}>Try again</button>` : nothing}</p>` : nothing}
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
        ${this.better ? html`<button @click=${() => this.#play(this.#here)}>Better quality is ready: switch</button>` : nothing}
      </div>
    `
  }

  #pick = (event: Event): void => {
    const index = Number((event.target as HTMLSelectElement).value)
    this.#playback?.choose(index < 0 ? null : index)
  }

  #again = (): void => {
    const { currentTime: seconds } = this.video
    const isMoved = this.trouble !== null && seconds !== this.#stoodAt
    // Whoever went elsewhere while it stood still meant it.
    const place = this.#place && isMoved ? { ...this.#place, seconds } : this.#place
    this.#play(place ?? this.#here)
  }

  #started = (): void => {
    this.#arrived()
    // The server that came back was there for this.
    this.#isBack = false
    this.#setBusy(true)
  }

  #stopped = (): void => {
    this.#setBusy(false)
  }

  #ended = (): void => {
    this.#stopped()
    if (this.better) this.#play({ seconds: 0, isPlaying: false })
  }

  /** The original may be of a kind that only claims to be playable. */
  #refused = (): void => {
    this.#stopped()
    if (this.#way !== 'original') return
    if (this.video.error?.code === MediaError.MEDIA_ERR_NETWORK) this.#isUnreachable = true
    this.#fails('original')
  }

  /** Chromium plays the sound alone where it does not know the picture's codec. */
  #measured = (): void => {
    if (this.#way !== 'original') return
    if (this.video.videoWidth === 0) {
      this.#fails('original')
      return
    }
    if (this.#startsAt > 0) this.video.currentTime = this.#startsAt
  }

  #arrived = (): void => {
    if (this.video.currentTime > 0) this.#startsAt = 0
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
