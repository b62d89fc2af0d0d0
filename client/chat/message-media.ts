import { css, html, nothing } from 'lit'
import { ORIGINAL, THUMB } from '../../shared/format/object-name.ts'
import type { MediaReference } from '../../shared/wire/message-body.ts'
import { mediaUrl } from '../../shared/wire/page-sw.ts'
import { KithElement } from '../app/element.ts'
import { icon } from '../elements/icon.ts'
import { durationLabel, sizeLabel } from '../library/days.ts'
import { controls } from '../styles/controls.ts'

/** A photo, video, voice note or file inside a message; the Service Worker opens it. */
export class MessageMedia extends KithElement {
  static override properties = { media: { attribute: false }, progress: { attribute: false }, isLarge: { state: true } }
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
  declare media: MediaReference
  /** 0 to 1 while one's own is on its way. */
  declare progress: number | null
  declare isLarge: boolean

  constructor() {
    super()
    this.progress = null
    this.isLarge = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#setBusy = this.services.busy.switch('playback')
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#uncover()
    this.#setBusy(false)
  }

  override render() {
    return html`${this.#body()}
    ${this.progress !== null ? html`<progress max="100" value=${Math.round(this.progress * 100)} aria-label="Sent so far"></progress>` : nothing}
    ${this.isLarge ? this.#large() : nothing}`
  }

  #body() {
    const { mediaId, kind, name, sizeBytes, durationMs, hasThumb, waveform } = this.media
    const original = mediaUrl(mediaId, ORIGINAL)
    // Its bytes are not with the server yet.
    const isOnItsWay = this.progress !== null
    switch (kind) {
      case 'photo':
        return html`<button class="tile" aria-label="Photo ${name}, show large" ?disabled=${isOnItsWay} @click=${this.#show}>
          ${isOnItsWay ? html`<span class="file">${icon('file')} ${name}</span>` : html`<img src=${hasThumb ? mediaUrl(mediaId, THUMB) : original} alt=${name} loading="lazy" decoding="async" />`}
        </button>`
      case 'video':
        return html`<button class="tile" aria-label="Video ${name}, play" ?disabled=${isOnItsWay} @click=${this.#show}>
          ${hasThumb && !isOnItsWay ? html`<img src=${mediaUrl(mediaId, THUMB)} alt="" loading="lazy" decoding="async" />` : nothing}
          <span class="file">${icon('play')} ${name}${durationMs ? ` · ${durationLabel(durationMs)}` : ''}</span>
        </button>`
      case 'voice':
      case 'audio':
        return html`${waveform ? wave(waveform) : html`<span class="file">${icon('play')} ${name}</span>`}
          ${isOnItsWay ? nothing : html`<audio controls preload="none" src=${original} @playing=${this.#plays} @pause=${this.#rests} aria-label=${kind === 'voice' ? 'Voice note' : name}></audio>`}`
      default:
        return html`<a class="file" href="${original}?download" aria-label="Download ${name}">
          ${icon('file')}<span>${name}<br /><span class="soft small">${sizeLabel(sizeBytes)}</span></span>
        </a>`
    }
  }

  #large() {
    const { mediaId, kind, name } = this.media
    const original = mediaUrl(mediaId, ORIGINAL)
    return html`<dialog aria-label=${name} @close=${this.#hide}>
      <button class="icon close" aria-label="Close" @click=${() => this.renderRoot.querySelector('dialog')?.close()}>${icon('close')}</button>
      ${kind === 'video' ? html`<video controls autoplay playsinline src=${original} @playing=${this.#plays} @pause=${this.#rests}></video>` : html`<img src=${original} alt=${name} />`}
    </dialog>`
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

/** Bars, the louder the longer. */
function wave(peaks: readonly number[]) {
  const path = peaks.map((peak, i) => `M${i * 4 + 2} ${32 - Math.max(1, peak)}V${32 + Math.max(1, peak)}`).join('')
  return html`<svg class="wave" viewBox="0 0 256 64" preserveAspectRatio="none" aria-hidden="true">
    <path d=${path} stroke="currentColor" stroke-width="2.5" stroke-linecap="round" />
  </svg>`
}
customElements.define('message-media', MessageMedia)
