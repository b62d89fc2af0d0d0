import { css, html, nothing } from 'lit'
import { keyed } from 'lit/directives/keyed.js'
import { AppError, type ErrorCode, isAppError } from '../../shared/errors.ts'
import { type MediaId, parseMediaId } from '../../shared/format/ids.ts'
import { ORIGINAL, THUMB } from '../../shared/format/object-name.ts'
import type { Card } from '../../shared/wire/card.ts'
import type { MediaRecord } from '../../shared/wire/media.ts'
import { mediaUrl } from '../../shared/wire/page-sw.ts'
import { KithElement } from '../app/element.ts'
import { sentenceFor, sentenceForCode } from '../app/messages.ts'
import { isPassing } from '../app/passing.ts'
import { icon } from '../elements/icon.ts'
import { authorName, type Group, mayManage } from '../groups/group.ts'
import { durationLabel, sizeLabel } from '../library/days.ts'
import { changeOf, type Item, isMedia } from '../media/items.ts'
import { keptParts } from '../offline/kept-parts.ts'
import { keeperOf } from '../offline/my-keeper.ts'
import { watch } from '../offline/watched.ts'
import { controls } from '../styles/controls.ts'
import { isTaken } from './keyboard.ts'
import { type Neighbours, neighboursOf } from './neighbours.ts'
import type { VideoPlayer } from './video-player.ts'
import '../chat/share-dialog.ts'
import '../elements/dialog.ts'
import '../offline/keep-button.ts'
import './photo-view.ts'
import './video-player.ts'

const SWIPE_PX = 60

/** One item, large: a video plays, a photo shows, every other file can be downloaded. */
export class ViewerScreen extends KithElement {
  static override properties = {
    mediaId: {},
    group: { state: true },
    item: { state: true },
    broken: { state: true },
    originalFailed: { state: true },
    neighbours: { state: true },
    editing: { state: true },
    sharing: { state: true },
  }
  static override styles = [
    controls,
    css`
      :host {
        display: block;
        min-height: 100dvh;
      }
      header {
        display: flex;
        align-items: center;
        gap: 0.25rem;
        padding: 0.375rem 0.5rem;
      }
      header h1 {
        flex: 1;
        min-width: 0;
        overflow: hidden;
        font-size: 1.0625rem;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .stage {
        display: grid;
        place-items: center;
        background: #0b0812;
        min-height: 40dvh;
      }
      .stage .preview {
        display: block;
        max-width: 100%;
        max-height: 70dvh;
        object-fit: contain;
      }
      .turn {
        display: none;
      }
      @media (min-width: 600px) {
        .turn {
          display: inline-flex;
        }
      }
      video-player {
        width: 100%;
      }
      .file {
        display: grid;
        justify-items: center;
        gap: 1rem;
        padding: 3rem 1.5rem;
        color: #f4f0fa;
        text-align: center;
      }
      .details {
        display: grid;
        gap: 1rem;
        max-width: 900px;
        margin: 0 auto;
        padding: 1rem 1rem 3rem;
      }
      .description {
        white-space: pre-wrap;
        overflow-wrap: anywhere;
      }
    `,
  ]
  declare mediaId: string
  declare group: Group | null
  declare item: Item | null
  /** Why bytes of this item were refused. */
  declare broken: ErrorCode | null
  /** The original picture does not show here, or the original sound does not play. */
  declare originalFailed: boolean
  declare neighbours: Neighbours
  /** The description that is being edited, as it was when that began. */
  declare editing: Card | null
  declare sharing: boolean
  #touchedAt: { x: number; y: number } | null = null
  #setPlaying: (isOn: boolean) => void = () => undefined
  readonly #ends: (() => void)[] = []
  #endWatching: (() => void) | undefined
  /** Why the original's bytes did not come. */
  /** Where a sound was when it failed. */
  #soundAt: { readonly seconds: number; readonly isPlaying: boolean } | null = null
  #unreachable: ErrorCode | null = null

  constructor() {
    super()
    this.group = null
    this.item = null
    this.broken = null
    this.originalFailed = false
    this.neighbours = { previous: null, next: null }
    this.editing = null
    this.sharing = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    const { events, mediaWorker, session } = this.services
    const mine = (mediaId: MediaId) => mediaId === this.mediaId && void this.#load()
    this.#ends.push(
      events.on('media', ({ mediaId }) => mine(mediaId)),
      events.on('job', ({ mediaId }) => mine(mediaId)),
      session.requireUnlocked().groups.all.watch(() => this.item === null && void this.#load()),
      session.caughtUpAt.watch(() => this.item === null && void this.#load()),
      mediaWorker.onMessage(({ mediaId, objectName, code }) => {
        if (mediaId === this.mediaId) this.#refused(objectName, code)
      }),
    )
    this.#setPlaying = this.services.busy.switch('playback')
    window.addEventListener('keydown', this.#keyDown)
    window.addEventListener('online', this.#goOn)
    this.#ends.push(
      events.connected.watch((isConnected) => isConnected && this.#goOn()),
      () => window.removeEventListener('keydown', this.#keyDown),
      () => window.removeEventListener('online', this.#goOn),
      () => this.#setPlaying(false),
    )
  }

  override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (!changed.has('mediaId')) return
    this.item = null
    this.failure = null
    this.broken = null
    this.originalFailed = false
    this.#unreachable = null
    this.#soundAt = null
    this.editing = null
    this.#setPlaying(false)
    void this.#load()
  }

  /** The Service Worker could not answer for one of this item's objects. */
  #refused(objectName: string, code: ErrorCode): void {
    if (isOnlyAway(code)) {
      // hls.js asks again by itself; only what cannot is told.
      if (objectName !== ORIGINAL) return
      if (this.originalFailed) this.broken = code
      this.#unreachable = code
      this.renderRoot.querySelector<VideoPlayer>('video-player')?.serverGone()
      return
    }
    const isOnlyPreview = objectName === THUMB || objectName === this.item?.made?.poster
    if (isOnlyPreview && code === 'object/not-found') return
    this.broken = code
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#endWatching?.()
    for (const end of this.#ends.splice(0)) end()
  }

  async #load(): Promise<void> {
    const { items } = this.services
    try {
      const mediaId = parseMediaId(this.mediaId)
      const { group, item } = await items.read(mediaId)
      if (mediaId !== this.mediaId) return
      this.group = group
      this.item = item
      this.failure = null
      this.#endWatching?.()
      this.#endWatching = watch(mediaId)
      void keeperOf(this.services).watched(mediaId)
      const neighbours = neighboursOf(await items.kept(group.groupId), mediaId)
      if (mediaId === this.mediaId) this.neighbours = neighbours
    } catch (error) {
      if (isAppError(error, 'group/not-found') && this.item === null) return
      this.failure = sentenceFor(error)
      this.requestUpdate()
    }
  }

  override render() {
    const { item, group } = this
    return html`<main>
      <header>
        <button class="icon" aria-label="Back" @click=${() => this.services.router.back('/')}>${icon('back')}</button>
        <h1>${item?.card?.title ?? (item ? 'An item' : 'Opening…')}</h1>
        ${item && group ? this.#actions(item, group) : nothing}
      </header>
      ${this.failure ? html`<div class="page"><p class="error" role="alert">${this.failure}</p></div>` : nothing}
      ${item && group ? html`<div class="stage" @touchstart=${this.#touched} @touchend=${this.#released}>${keyed(item.record.mediaId, this.#stage(item))}</div>${this.#details(item, group)}` : this.failure ? nothing : html`<div class="stage skeleton"></div>`}
    </main>`
  }

  #actions(item: Item, group: Group) {
    const { account } = this.services.session.requireUnlocked()
    const mine = item.record.authorId === account.userId || mayManage(group, account.userId)
    const { previous, next } = this.neighbours
    return html`
      ${previous ? html`<button class="icon turn" aria-label="Newer item" @click=${() => this.#turn(previous)}>${icon('back')}</button>` : nothing}
      ${next ? html`<button class="icon turn" aria-label="Older item" @click=${() => this.#turn(next)}>${icon('next')}</button>` : nothing}
      ${item.record.state === 'ready' && item.card ? html`<keep-button .item=${item}></keep-button>` : nothing}
      ${item.record.state === 'ready' && item.card ? html`<button class="icon" aria-label="Send to a friend" @click=${() => (this.sharing = true)}>${icon('send')}</button>` : nothing}
      ${item.record.state === 'ready' ? this.#download(item, html`${icon('download')}`, 'icon') : nothing}
      ${mine && item.card ? html`<button class="icon" aria-label="Edit" @click=${() => (this.editing = item.card)}>${icon('edit')}</button>` : nothing}
      ${mine ? html`<button class="icon" aria-label="Delete" @click=${() => this.#delete(item)}>${icon('trash')}</button>` : nothing}
    `
  }

  /** A link without `download`: with it, Chromium asks the server instead of the Service Worker. */
  #download(item: Item, content: unknown, look: string) {
    return html`<a
      class="button ${look}"
      href="${mediaUrl(item.record.mediaId, ORIGINAL)}?download"
      aria-label="Download the original"
      >${content}</a
    >`
  }

  #stage(item: Item) {
    const { record, card, made } = item
    const photo = card?.type.startsWith('image/') ? card : null
    if (item.fault)
      return html`<div class="file">${icon('warning', 44)}<p data-code=${item.fault.code}>${sentenceFor(item.fault)}</p></div>`
    if (this.broken && this.broken !== 'vault/locked') {
      return html`<div class="file" role="alert" data-code=${this.broken}>
        ${icon('warning', 44)}
        <p>${sentenceForCode(this.broken)}</p>
        <button @click=${this.#again}>Try again</button>
        ${photo?.hasThumb && isOnlyAway(this.broken) ? this.#preview(record, photo) : nothing}
      </div>`
    }
    if (record.state === 'uploading')
      return html`<div class="file">${icon('upload', 44)}<p>This is still being uploaded.</p></div>`
    const url = mediaUrl(record.mediaId, ORIGINAL)
    const isVideo = made?.kind === 'video' || card?.type.startsWith('video/')
    if (made?.status === 'failed' && (!card || isMedia(card))) {
      return html`<div class="file" data-testid="not-processed">
        ${icon('warning', 44)}
        <p>This could not be processed. ${made.reason?.message ?? ''}</p>
        ${this.#download(item, html`${icon('download', 20)} Download the original`, 'primary')}
      </div>`
    }
    if (isVideo) {
      const master = made?.master ? mediaUrl(record.mediaId, made.master) : null
      const poster = made?.poster ?? (card?.hasThumb ? THUMB : null)
      const row = keeperOf(this.services).rows.value.get(record.mediaId)
      return html`<video-player
        .master=${master}
        .original=${url}
        .originalType=${card?.type ?? ''}
        .poster=${poster ? mediaUrl(record.mediaId, poster) : null}
        .name=${card?.title ?? 'Video'}
        .kept=${row?.objects.some(({ sealedBytes }) => sealedBytes !== null) ? keptParts(record, row) : null}
      ></video-player>`
    }
    if (photo) {
      if (!this.originalFailed) {
        return html`<photo-view .src=${url} .name=${photo.title} @picture-failed=${this.#fails}></photo-view>`
      }
      return html`<div class="file">
        ${photo.hasThumb ? this.#preview(record, photo) : icon('file', 44)}
        <p>This browser cannot show pictures of this kind${photo.hasThumb ? '; this is its preview' : ''}.</p>
        ${this.#download(item, html`${icon('download', 20)} Download the original`, 'primary')}
      </div>`
    }
    if (card?.type.startsWith('audio/')) {
      if (!this.originalFailed) {
        return html`<audio controls src=${url} @playing=${() => this.#setPlaying(true)} @pause=${() => this.#setPlaying(false)} @loadedmetadata=${this.#goesOn} @error=${this.#fails} aria-label=${card.title}></audio>`
      }
      return html`<div class="file">
        ${icon('file', 44)}
        <p>This browser cannot play sound of this kind.</p>
        ${this.#download(item, html`${icon('download', 20)} Download the original`, 'primary')}
      </div>`
    }
    return html`<div class="file">
      ${icon('file', 44)}
      <p>${card?.fileName}<br />${card ? sizeLabel(card.sizeBytes) : ''}</p>
      ${this.#download(item, html`${icon('download', 20)} Download`, 'primary')}
    </div>`
  }

  /** Maybe not here either: then there is nothing to see. */
  #preview({ mediaId }: MediaRecord, { title }: Card) {
    const hide = ({ target }: Event) => {
      ;(target as HTMLImageElement).hidden = true
    }
    return html`<img class="preview" src=${mediaUrl(mediaId, THUMB)} alt=${title} @error=${hide} />`
  }

  #details(item: Item, group: Group) {
    const { card, record, made } = item
    if (!card) return nothing
    const facts = [
      `by ${authorName(group, record.authorId)}`,
      new Date(card.capturedAt ?? record.createdAt).toLocaleDateString('en', { dateStyle: 'long' }),
      sizeLabel(card.sizeBytes),
      ...(made?.durationMs ? [durationLabel(made.durationMs)] : []),
      ...(made?.width ? [`${made.width}\u00a0×\u00a0${made.height}`] : []),
    ]
    return html`<section class="details" aria-label="Details">
        ${card.description ? html`<p class="description">${card.description}</p>` : nothing}
        <p class="soft small">${card.fileName}<br />${facts.join(' · ')}</p>
        ${made?.status === 'partial' ? html`<p class="soft small" role="status">Better qualities are being made.</p>` : nothing}
      </section>
      ${this.editing ? this.#editor(this.editing) : nothing}
      ${this.sharing ? html`<share-dialog .mediaId=${record.mediaId} @close=${() => (this.sharing = false)}></share-dialog>` : nothing}`
  }

  #editor({ title, description }: Card) {
    return html`<kith-dialog heading="Edit" @close=${() => (this.editing = null)}>
      <form class="stack" @submit=${this.#save}>
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        <div>
          <label for="title">Title</label>
          <input id="title" name="title" required maxlength="300" .value=${title} />
        </div>
        <div>
          <label for="description">Description</label>
          <textarea id="description" name="description" rows="5" maxlength="10000" .value=${description ?? ''}></textarea>
        </div>
        <button class="primary wide" ?disabled=${this.working}>Save</button>
      </form>
    </kith-dialog>`
  }

  #save = (event: SubmitEvent): void => {
    event.preventDefault()
    const data = new FormData(event.target as HTMLFormElement)
    const wanted = { title: String(data.get('title')), description: String(data.get('description')) }
    const change = this.editing && changeOf(this.editing, wanted)
    void this.attempt(async () => {
      if (change) await this.services.items.edit(parseMediaId(this.mediaId), change)
      this.editing = null
      await this.#load()
    })
  }

  #delete(item: Item): void {
    const { items, toasts, router } = this.services
    void this.attempt(async () => {
      await items.delete(item.record)
      router.go('/', { replace: true })
      const undo = async () => {
        dismiss()
        try {
          await items.restore(item.record.mediaId)
          router.go(`/item/${item.record.mediaId}`)
        } catch (error) {
          toasts.error(sentenceFor(error))
        }
      }
      const dismiss = toasts.show('Deleted', { action: { label: 'Undo', run: () => void undo() }, forMs: 10_000 })
    })
  }

  #again = (): void => {
    this.broken = null
    this.originalFailed = false
  }

  /** The server answers again. */
  #goOn = (): void => {
    if (this.broken && isOnlyAway(this.broken)) this.#again()
  }

  /** A sound that failed and is there again, from where it was. */
  #goesOn = ({ currentTarget }: Event): void => {
    const sound = currentTarget as HTMLAudioElement
    const { seconds = 0, isPlaying = false } = this.#soundAt ?? {}
    this.#soundAt = null
    if (seconds > 0) sound.currentTime = seconds
    if (isPlaying) void sound.play().catch(() => undefined)
  }

  #fails = ({ currentTarget }: Event): void => {
    if (currentTarget instanceof HTMLAudioElement)
      this.#soundAt ??= { seconds: currentTarget.currentTime, isPlaying: !currentTarget.paused }
    this.originalFailed = true
    // What fails while it plays says no `pause`.
    this.#setPlaying(false)
    // Told before the original itself had failed: it was not the browser that could not show or play it.
    this.broken ??= this.#unreachable
    this.#unreachable = null
  }

  #turn(to: MediaId): void {
    this.services.router.go(`/item/${to}`, { replace: true })
  }

  /** Arrows seek in what plays, and lead on from everything else; Shift with N or P leads on from both. */
  #keyDown = (event: KeyboardEvent): void => {
    if (isTaken(event) || this.editing) return
    const { previous, next } = this.neighbours
    const plays = this.renderRoot.querySelector('video-player, audio') !== null
    const to =
      event.key === 'P' || (!plays && event.key === 'ArrowLeft')
        ? previous
        : event.key === 'N' || (!plays && event.key === 'ArrowRight')
          ? next
          : null
    if (to) this.#turn(to)
  }

  #touched = (event: TouchEvent): void => {
    const [touch] = event.touches
    const isVideo = event.composedPath().some((node) => node instanceof HTMLVideoElement)
    // Two fingers enlarge; a finger on a video moves its slider; the page itself may be enlarged.
    const isOther = event.touches.length > 1 || isVideo || (window.visualViewport?.scale ?? 1) > 1.01
    const isLarge = event.composedPath().some((node) => node instanceof Element && node.ariaPressed === 'true')
    this.#touchedAt = touch && !isOther && !isLarge ? { x: touch.clientX, y: touch.clientY } : null
  }

  #released = (event: TouchEvent): void => {
    const [touch] = event.changedTouches
    const from = this.#touchedAt
    this.#touchedAt = null
    if (!from || !touch) return
    const x = touch.clientX - from.x
    if (Math.abs(x) < SWIPE_PX || Math.abs(touch.clientY - from.y) > Math.abs(x) / 2) return
    const to = x > 0 ? this.neighbours.previous : this.neighbours.next
    if (to) this.#turn(to)
  }
}

/** Whether the server cannot be used for now, without anything being wrong with the item. */
const isOnlyAway = (code: ErrorCode): boolean => isPassing(new AppError(code))
customElements.define('viewer-screen', ViewerScreen)
