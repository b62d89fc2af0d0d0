import { css, html, nothing } from 'lit'
import { type ErrorCode, isAppError } from '../../shared/errors.ts'
import { type MediaId, parseMediaId } from '../../shared/format/ids.ts'
import { ORIGINAL } from '../../shared/format/object-name.ts'
import { mediaUrl } from '../../shared/wire/page-sw.ts'
import { KithElement } from '../app/element.ts'
import { sentenceFor, sentenceForCode } from '../app/messages.ts'
import { icon } from '../elements/icon.ts'
import { authorName, type Group, mayManage } from '../groups/group.ts'
import { durationLabel, sizeLabel } from '../library/days.ts'
import { type Item, isMedia } from '../media/items.ts'
import { controls } from '../styles/controls.ts'
import '../elements/dialog.ts'
import './video-player.ts'

/** One item, large: a video plays, a photo shows, every other file can be downloaded. */
export class ViewerScreen extends KithElement {
  static override properties = {
    mediaId: {},
    group: { state: true },
    item: { state: true },
    broken: { state: true },
    editing: { state: true },
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
      .stage img {
        display: block;
        max-width: 100%;
        max-height: 82dvh;
        object-fit: contain;
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
  declare editing: boolean
  readonly #ends: (() => void)[] = []

  constructor() {
    super()
    this.group = null
    this.item = null
    this.broken = null
    this.editing = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    const { events, mediaWorker, session } = this.services
    const mine = (mediaId: MediaId) => mediaId === this.mediaId && void this.#load()
    this.#ends.push(
      events.on('media', ({ mediaId }) => mine(mediaId)),
      events.on('job', ({ mediaId }) => mine(mediaId)),
      session.requireUnlocked().groups.all.watch(() => this.item === null && void this.#load()),
      mediaWorker.onMessage(({ mediaId, code }) => {
        if (mediaId === this.mediaId && code !== 'server/unreachable') this.broken = code
      }),
    )
    void this.#load()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    for (const end of this.#ends.splice(0)) end()
  }

  async #load(): Promise<void> {
    try {
      const { group, item } = await this.services.items.read(parseMediaId(this.mediaId))
      this.group = group
      this.item = item
      this.failure = null
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
      ${item && group ? html`<div class="stage">${this.#stage(item)}</div>${this.#details(item, group)}` : this.failure ? nothing : html`<div class="stage skeleton"></div>`}
    </main>`
  }

  #actions(item: Item, group: Group) {
    const { account } = this.services.session.requireUnlocked()
    const mine = item.record.authorId === account.userId || mayManage(group, account.userId)
    return html`
      ${item.record.state === 'ready' ? this.#download(item, html`${icon('download')}`, 'icon') : nothing}
      ${mine && item.card ? html`<button class="icon" aria-label="Edit" @click=${() => (this.editing = true)}>${icon('edit')}</button>` : nothing}
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
    if (item.fault)
      return html`<div class="file">${icon('warning', 44)}<p data-code=${item.fault.code}>${sentenceFor(item.fault)}</p></div>`
    if (this.broken && this.broken !== 'vault/locked') {
      return html`<div class="file" role="alert" data-code=${this.broken}>
        ${icon('warning', 44)}
        <p>${sentenceForCode(this.broken)}</p>
        <button @click=${this.#again}>Try again</button>
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
      const poster = made?.poster ?? (card?.hasThumb ? 'thumb' : null)
      return html`<video-player
        .master=${master}
        .original=${url}
        .originalType=${card?.type ?? ''}
        .poster=${poster ? mediaUrl(record.mediaId, poster) : null}
        .isPartial=${made?.status === 'partial'}
        .name=${card?.title ?? 'Video'}
      ></video-player>`
    }
    if (card?.type.startsWith('image/')) {
      return html`<img src=${url} alt=${card.title} @error=${this.#pictureFailed} />`
    }
    if (card?.type.startsWith('audio/')) return html`<audio controls src=${url} aria-label=${card.title}></audio>`
    return html`<div class="file">
      ${icon('file', 44)}
      <p>${card?.fileName}<br />${card ? sizeLabel(card.sizeBytes) : ''}</p>
      ${this.#download(item, html`${icon('download', 20)} Download`, 'primary')}
    </div>`
  }

  #details(item: Item, group: Group) {
    const { card, record, made } = item
    if (!card) return nothing
    const facts = [
      `by ${authorName(group, record.authorId)}`,
      new Date(card.capturedAt ?? record.createdAt).toLocaleDateString('en', { dateStyle: 'long' }),
      sizeLabel(card.sizeBytes),
      ...(made?.durationMs ? [durationLabel(made.durationMs)] : []),
      ...(made?.width ? [`${made.width} × ${made.height}`] : []),
    ]
    return html`<section class="details" aria-label="Details">
        ${card.description ? html`<p class="description">${card.description}</p>` : nothing}
        <p class="soft small">${card.fileName}<br />${facts.join(' · ')}</p>
        ${made?.status === 'partial' ? html`<p class="soft small" role="status">Better qualities are being made.</p>` : nothing}
      </section>
      ${this.editing ? this.#editor(item) : nothing}`
  }

  #editor({ card }: Item) {
    return html`<kith-dialog heading="Edit" @close=${() => (this.editing = false)}>
      <form class="stack" @submit=${this.#save}>
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        <div>
          <label for="title">Title</label>
          <input id="title" name="title" required maxlength="300" .value=${card?.title ?? ''} />
        </div>
        <div>
          <label for="description">Description</label>
          <textarea id="description" name="description" rows="5" maxlength="10000" .value=${card?.description ?? ''}></textarea>
        </div>
        <button class="primary wide" ?disabled=${this.working}>Save</button>
      </form>
    </kith-dialog>`
  }

  #save = (event: SubmitEvent): void => {
    event.preventDefault()
    const data = new FormData(event.target as HTMLFormElement)
    const change = { title: String(data.get('title')).trim(), description: String(data.get('description')) }
    void this.attempt(async () => {
      await this.services.items.edit(parseMediaId(this.mediaId), change)
      this.editing = false
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
  }

  #pictureFailed = (): void => {
    this.broken ??= 'server/unreachable'
  }
}
customElements.define('viewer-screen', ViewerScreen)
