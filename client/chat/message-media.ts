import { css, html, nothing } from 'lit'
import { AppError, type ErrorCode } from '../../shared/errors.ts'
import { ORIGINAL, THUMB } from '../../shared/format/object-name.ts'
import type { MediaReference } from '../../shared/wire/message-body.ts'
import { type MediaFault, mediaUrl } from '../../shared/wire/page-sw.ts'
import { KithElement } from '../app/element.ts'
import { sentenceForCode } from '../app/messages.ts'
import { isPassing } from '../app/passing.ts'
import { icon } from '../elements/icon.ts'
import { durationLabel, sizeLabel } from '../library/days.ts'
import { controls } from '../styles/controls.ts'

type Fault = Pick<MediaFault, 'objectName' | 'code'>

/**
 * A photo, video, voice note or file inside a message; the Service Worker opens it. What it refuses is said in place;
 * what it opens and this browser cannot show is offered as a file.
 */
export class MessageMedia extends KithElement {
  static override properties = {
    media: { attribute: false },
    progress: { attribute: false },
    isLarge: { state: true },
    failed: { state: true },
  }
  static override styles = [
    controls,
    css`
      :host {
        display: block;
      }
      img,
      video {
        display: block;
        max-width: 100%;
        max-height: 320px;
        border-radius: 12px;
        background: var(--sunken);
      }
      .tile {
        display: block;
        width: auto;
        min-height: 0;
        padding: 0;
        border: 0;
        border-radius: 12px;
        background: transparent;
      }
      .file {
        display: flex;
        align-items: center;
        gap: 0.625rem;
        min-height: 52px;
        color: inherit;
        text-decoration: none;
      }
      .fault {
        display: grid;
        gap: 0.5rem;
        justify-items: start;
        max-width: 320px;
      }
      .wave {
        display: block;
        width: 220px;
        max-width: 100%;
        height: 36px;
        color: var(--accent);
      }
      audio {
        width: 260px;
        max-width: 100%;
        height: 44px;
      }
      dialog {
        width: 100vw;
        height: 100dvh;
        max-width: none;
        max-height: none;
        padding: 0;
        border: 0;
        background: #0b0812;
        color: #f4f0fa;
      }
      dialog[open] {
        display: grid;
        place-items: center;
      }
      dialog .other {
        display: grid;
        gap: 1rem;
        justify-items: center;
        padding: 1.5rem;
        text-align: center;
      }
      dialog .other img {
        width: auto;
        height: auto;
        max-height: 60dvh;
      }
      dialog img,
      dialog video {
        width: 100%;
        height: 100%;
        max-height: none;
        border-radius: 0;
        object-fit: contain;
        background: transparent;
      }
      dialog .close {
        position: fixed;
        top: calc(8px + var(--safe-top));
        left: 8px;
        z-index: 1;
        color: #fff;
        background: rgb(0 0 0 / 40%);
      }
    `,
  ]
  #setBusy: (isOn: boolean) => void = () => undefined
  #uncover: () => void = () => undefined
  /** What the Service Worker said of objects that it had no answer for. */
  readonly #told = new Map<string, ErrorCode>()
  readonly #ends: (() => void)[] = []
  declare media: MediaReference
  /** 0 to 1 while one's own is on its way. */
  declare progress: number | null
  declare isLarge: boolean
  /** Objects that the browser was given, or was not, and does not show. */
  declare failed: ReadonlySet<string>

  constructor() {
    super()
    this.progress = null
    this.isLarge = false
    this.failed = new Set()
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#setBusy = this.services.busy.switch('playback')
    window.addEventListener('online', this.#goOn)
    this.#ends.push(
      this.services.mediaWorker.onMessage((fault) => this.#refused(fault)),
      this.services.events.connected.watch((isConnected) => isConnected && this.#goOn()),
      () => window.removeEventListener('online', this.#goOn),
    )
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    for (const end of this.#ends.splice(0)) end()
    this.#uncover()
    this.#setBusy(false)
  }

  #refused({ mediaId, objectName, code }: MediaFault): void {
    if (mediaId !== this.media.mediaId) return
    this.#told.set(objectName, code)
    this.requestUpdate()
  }

  #faultOf(objectName: string): Fault | null {
    const code = this.#told.get(objectName)
    // A player asks again by itself; only what cannot is told.
    return code && (this.failed.has(objectName) || !isForNow(code)) ? { objectName, code } : null
  }

  /** A preview that is gone, or does not show, takes nothing from what it stands for. */
  get #hasPreview(): boolean {
    const code = this.#told.get(THUMB)
    return this.media.hasThumb && code !== 'object/not-found' && (code !== undefined || !this.failed.has(THUMB))
  }

  get #isUnknownHere(): boolean {
    return this.failed.has(ORIGINAL) && !this.#told.has(ORIGINAL)
  }

  override render() {
    const fault = (this.#hasPreview ? this.#faultOf(THUMB) : null) ?? this.#faultOf(ORIGINAL)
    return html`${this.#body(fault)}
    ${fault && !this.isLarge ? this.#said(fault) : nothing}
    ${this.progress !== null ? html`<progress max="100" value=${Math.round(this.progress * 100)} aria-label="Sent so far"></progress>` : nothing}
    ${this.isLarge ? this.#large() : nothing}`
  }

  #body(fault: Fault | null) {
    const { mediaId, kind, name, durationMs, waveform } = this.media
    const original = mediaUrl(mediaId, ORIGINAL)
    // Its bytes are not with the server yet.
    const isOnItsWay = this.progress !== null
    const shown = this.#hasPreview ? THUMB : ORIGINAL
    const isRefused = fault !== null && fault.objectName === shown && !this.isLarge
    const picture = html`<img src=${mediaUrl(mediaId, shown)} alt=${kind === 'photo' ? name : ''} loading="lazy" decoding="async" @error=${() => this.#fails(shown)} />`
    switch (kind) {
      case 'photo':
        if (isRefused) return nothing
        if (this.#isUnknownHere && shown === ORIGINAL && !this.isLarge) return this.#file()
        return html`<button class="tile" aria-label="Photo ${name}, show large" ?disabled=${isOnItsWay} @click=${this.#show}>
          ${isOnItsWay ? html`<span class="file">${icon('file')} ${name}</span>` : picture}
        </button>`
      case 'video': {
        const preview = shown === THUMB && !isOnItsWay && !isRefused ? picture : nothing
        if (this.#isUnknownHere && !this.isLarge) return html`${preview}${this.#file()}`
        return html`<button class="tile" aria-label="Video ${name}, play" ?disabled=${isOnItsWay} @click=${this.#show}>
          ${preview}
          <span class="file">${icon('play')} ${name}${durationMs ? ` · ${durationLabel(durationMs)}` : ''}</span>
        </button>`
      }
      case 'voice':
      case 'audio':
        return html`${waveform ? wave(waveform) : html`<span class="file">${icon('play')} ${name}</span>`}
          ${this.#isUnknownHere ? this.#file() : isOnItsWay || fault ? nothing : html`<audio controls preload="none" src=${original} @playing=${this.#plays} @pause=${this.#rests} @error=${() => this.#fails(ORIGINAL)} aria-label=${kind === 'voice' ? 'Voice note' : name}></audio>`}`
      default:
        return this.#file()
    }
  }

  #file() {
    const { mediaId, name, sizeBytes } = this.media
    return html`<a class="file" href="${mediaUrl(mediaId, ORIGINAL)}?download" aria-label="Download ${name}">
      ${icon('file')}<span>${name}<br /><span class="soft small">${sizeLabel(sizeBytes)}</span></span>
    </a>`
  }

  #said({ code }: Fault) {
    return html`<div class="fault error" role=${isForNow(code) ? 'status' : 'alert'} data-code=${code}>
      <p>${sentenceForCode(code)}</p>
      <button @click=${this.#again}>Try again</button>
    </div>`
  }

  #large() {
    const { name } = this.media
    return html`<dialog aria-label=${name} @close=${this.#hide}>
      <button class="icon close" aria-label="Close" @click=${() => this.renderRoot.querySelector('dialog')?.close()}>${icon('close')}</button>
      ${this.#original()}
    </dialog>`
  }

  #original() {
    const { mediaId, kind, name } = this.media
    const fault = this.#faultOf(ORIGINAL)
    if (fault) return this.#said(fault)
    const original = mediaUrl(mediaId, ORIGINAL)
    const fails = () => this.#fails(ORIGINAL)
    if (this.#isUnknownHere) {
      return html`<div class="other">
        ${this.#hasPreview ? html`<img src=${mediaUrl(mediaId, THUMB)} alt=${name} />` : nothing}
        <p>This browser cannot ${kind === 'video' ? 'play videos' : 'show pictures'} of this kind${this.#hasPreview ? '; this is its preview' : ''}.</p>
        <a class="button" href="${original}?download">${icon('download', 20)} Download</a>
      </div>`
    }
    return kind === 'video'
      ? html`<video controls autoplay playsinline src=${original} @loadedmetadata=${this.#measured} @playing=${this.#plays} @pause=${this.#rests} @error=${fails}></video>`
      : html`<img src=${original} alt=${name} @error=${fails} />`
  }

  /** Nothing to see or hear: why, the Service Worker has told, or it is of a kind that this browser does not know. */
  #fails(objectName: string): void {
    this.failed = new Set([...this.failed, objectName])
    this.#rests()
  }

  /** Chromium plays the sound alone where it does not know the picture's codec. */
  #measured = ({ target }: Event): void => {
    if ((target as HTMLVideoElement).videoWidth === 0) this.#fails(ORIGINAL)
  }

  #again = (): void => {
    this.#told.clear()
    this.failed = new Set()
  }

  /** The server answers again. */
  #goOn = (): void => {
    if ([...this.#told.values()].some(isForNow)) this.#again()
  }

  /** Also said at the end of it. */
  #rests = (): void => this.#setBusy(false)

  #plays = (): void => this.#setBusy(true)

  #hide = (): void => {
    this.#uncover()
    this.isLarge = false
    this.#rests()
  }

  #show = (): void => {
    this.isLarge = true
    this.#uncover = this.services.router.cover(() => this.#hide())
    void this.updateComplete.then(() => this.renderRoot.querySelector('dialog')?.showModal())
  }
}

/** Whether it may be another answer soon, without anybody having done wrong. */
const isForNow = (code: ErrorCode): boolean => code === 'vault/locked' || isPassing(new AppError(code))

/** Bars, the louder the longer. */
function wave(peaks: readonly number[]) {
  const path = peaks.map((peak, i) => `M${i * 4 + 2} ${32 - Math.max(1, peak)}V${32 + Math.max(1, peak)}`).join('')
  return html`<svg class="wave" viewBox="0 0 256 64" preserveAspectRatio="none" aria-hidden="true">
    <path d=${path} stroke="currentColor" stroke-width="2.5" stroke-linecap="round" />
  </svg>`
}
customElements.define('message-media', MessageMedia)
