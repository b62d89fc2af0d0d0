import { css, html, LitElement, nothing } from 'lit'
import { thumbHashToDataURL } from 'thumbhash'
import { fromBase64Url } from '../../shared/format/base64url.ts'
import { mediaUrl } from '../../shared/wire/page-sw.ts'
import { sentenceFor } from '../app/messages.ts'
import { icon } from '../elements/icon.ts'
import { type Item, isMedia } from '../media/items.ts'
import { controls } from '../styles/controls.ts'
import type { UploadView } from '../upload/uploads.ts'
import { durationLabel } from './days.ts'
import { isUnderWay, uploadState } from './under-way.ts'

/** One item of the grid: its picture, how long it is, and what is being done with it. */
export class ItemTile extends LitElement {
  static override properties = {
    item: { attribute: false },
    upload: { attribute: false },
    isKept: { type: Boolean },
    isChosen: { attribute: false },
    isHurried: { type: Boolean },
  }
  static override styles = [
    controls,
    css`
      :host {
        display: block;
      }
      .tile {
        position: relative;
        display: block;
        width: 100%;
        padding: 0;
        border: 0;
        aspect-ratio: 1;
        overflow: hidden;
        border-radius: 4px;
        background: var(--sunken) center / cover;
        color: #fff;
        text-decoration: none;
      }
      .tile:focus-visible {
        outline-offset: -3px;
      }
      .tile[aria-pressed='true'] img {
        transform: scale(0.86);
        border-radius: 8px;
      }
      .tick {
        position: absolute;
        top: 6px;
        left: 6px;
        display: grid;
        place-items: center;
        width: 26px;
        height: 26px;
        border: 2px solid #fff;
        border-radius: 50%;
        background: rgb(10 6 20 / 45%);
        color: #fff;
      }
      .tile[aria-pressed='true'] .tick {
        background: var(--accent);
        color: var(--accent-ink);
      }
      img {
        display: block;
        width: 100%;
        height: 100%;
        object-fit: cover;
      }
      /* Not asked for yet: without an address what it is called would be drawn. */
      img:not([src]) {
        opacity: 0;
      }
      .name {
        position: absolute;
        inset: 0;
        display: grid;
        place-items: center;
        align-content: center;
        gap: 6px;
        padding: 8px;
        /* On the dark ground a tile without a picture would not be seen. */
        border: 1px solid var(--line);
        border-radius: 4px;
        color: var(--ink-soft);
        font-size: 0.8125rem;
        text-align: center;
        overflow-wrap: anywhere;
      }
      .badge {
        position: absolute;
        right: 5px;
        bottom: 5px;
        padding: 1px 7px;
        border-radius: 999px;
        background: rgb(10 6 20 / 72%);
        color: #fff;
        font-size: 0.75rem;
        font-weight: 650;
        font-variant-numeric: tabular-nums;
      }
      .kept {
        position: absolute;
        top: 5px;
        right: 5px;
        display: grid;
        padding: 3px;
        border-radius: 50%;
        background: rgb(10 6 20 / 72%);
        color: #fff;
      }
      .badge.state {
        right: auto;
        left: 5px;
      }
    `,
  ]
  declare item: Item
  /** As long as this device uploads it. */
  declare upload: UploadView | null
  /** All of it is on this device. */
  declare isKept: boolean
  /** `null`: a tap opens it; else a tap chooses it, or no longer. */
  declare isChosen: boolean | null
  /** It flies by: a picture that is not asked for yet waits. */
  declare isHurried: boolean
  #hasAsked = false
  /** Drawing the blurred shape costs more than all the rest of a tile. */
  #drawn: { readonly on: Element | null; readonly hash: string } = { on: null, hash: '' }

  constructor() {
    super()
    this.upload = null
    this.isKept = false
    this.isChosen = null
    this.isHurried = false
  }

  override render() {
    const isHere = isUnderWay(this.item)
    if (this.isChosen === null) {
      const address = isHere ? '/activity' : `/item/${this.item.record.mediaId}`
      return html`<a class="tile" href=${address}>${this.#picture()}</a>`
    }
    const { card } = this.item
    return html`<button
      type="button"
      class="tile"
      ?disabled=${isHere}
      aria-pressed=${this.isChosen}
      aria-label="Choose ${card?.title ?? 'an item that cannot be opened'}"
      @click=${() => this.dispatchEvent(new CustomEvent('toggle'))}
    >
      ${this.#picture()}<span class="tick">${this.isChosen ? icon('tick', 16) : nothing}</span>
    </button>`
  }

  #picture() {
    const { isKept, upload } = this
    const { record, card, made, fault } = this.item
    const title = card?.title ?? 'An item that cannot be opened'
    const name = card?.hasThumb ? 'thumb' : made?.poster
    const there = name && record.state === 'ready' ? mediaUrl(record.mediaId, name) : null
    const picture = upload?.thumbUrl ?? there
    if (picture && !this.isHurried) this.#hasAsked = true
    const duration = card?.durationMs ?? made?.durationMs
    const state = this.#state()
    return html`${
      picture
        ? html`<img src=${this.#hasAsked ? picture : nothing} alt=${title} decoding="async" @error=${hide} />`
        : html`<span class="name">${icon(fault ? 'warning' : 'file', 28)}${fault ? sentenceFor(fault) : title}</span>`
    }
      ${state ? html`<span class="badge state">${state}</span>` : nothing}
      ${isKept ? html`<span class="kept">${icon('shield', 18)}<span class="visually-hidden">Kept on this device</span></span>` : nothing}
      ${duration ? html`<span class="badge">${durationLabel(duration)}</span>` : nothing}`
  }

  /** Through the style object: the page's policy refuses style attributes. */
  override updated(changed: Map<PropertyKey, unknown>): void {
    if (changed.has('item')) this.#askAgain()
    const { card, made } = this.item
    const hash = card?.thumbhash ?? made?.thumbhash ?? ''
    const tile = this.renderRoot.querySelector<HTMLElement>('.tile')
    if (!tile || (tile === this.#drawn.on && hash === this.#drawn.hash)) return
    this.#drawn = { on: tile, hash }
    tile.style.backgroundImage = hash ? `url(${placeholder(hash)})` : ''
  }

  /** A picture that did not come may be there by now: something of the item has changed. */
  #askAgain(): void {
    const image = this.renderRoot.querySelector('img')
    if (!image || image.style.opacity === '') return
    image.style.opacity = ''
    if (!image.hasAttribute('src')) return
    const { src } = image
    image.src = src
  }

  #state(): string {
    const { record, card, made } = this.item
    if (this.upload) return uploadState(this.upload)
    if (record.state === 'uploading') return 'Uploading'
    if (made?.status === 'failed') return card && isMedia(card) ? 'Not processed' : ''
    const job = record.job
    if (!job) return ''
    if (job.state === 'running') return `Converting ${Math.round(job.permille / 10)} %`
    return job.state === 'waiting_resource' ? 'Waiting' : ''
  }
}

/** The blurred shape shows until, and unless, the picture comes; what it is called stays. */
function hide(event: Event): void {
  ;(event.target as HTMLElement).style.opacity = '0'
}

function placeholder(thumbhash: string): string {
  try {
    return thumbHashToDataURL(fromBase64Url(thumbhash))
  } catch {
    return ''
  }
}
customElements.define('item-tile', ItemTile)
