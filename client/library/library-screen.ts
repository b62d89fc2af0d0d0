import { css, html, nothing } from 'lit'
import type { KeptRow } from '../../shared/device/db.ts'
import { AppError, isAppError } from '../../shared/errors.ts'
import type { GroupId, MediaId } from '../../shared/format/ids.ts'
import { KithElement } from '../app/element.ts'
import { sentenceFor } from '../app/messages.ts'
import { passAppError } from '../app/passing.ts'
import { Watch } from '../app/signal.ts'
import '../elements/camera-button.ts'
import { icon } from '../elements/icon.ts'
import type { Group } from '../groups/group.ts'
import type { Item, Tell } from '../media/items.ts'
import { playsHere } from '../offline/kept-parts.ts'
import { keeperOf } from '../offline/my-keeper.ts'
import { sentenceForBegun } from '../offline/problem.ts'
import { controls } from '../styles/controls.ts'
import { rail } from '../styles/rail.ts'
import { chosenGroup, currentGroup, groupLabel, settledGroup, sortedGroups } from './current-group.ts'
import { takeIncoming } from './incoming.ts'
import './item-grid.ts'
import { UnderWay, withUnderWay } from './under-way.ts'

/** Everything of a group, newest first, by days. */
export class LibraryScreen extends KithElement {
  static override properties = {
    items: { state: true },
    underWay: { state: true },
    dragging: { state: true },
    chosen: { state: true },
  }
  static override styles = [
    controls,
    css`
      :host {
        display: block;
      }
      header {
        position: sticky;
        top: 0;
        z-index: 5;
        display: flex;
        align-items: center;
        gap: 0.5rem;
        /* The same with tabs and with tools: what lies below does not jump. */
        min-height: 74px;
        padding: 0.75rem 1rem;
        background: color-mix(in srgb, var(--ground) 92%, transparent);
        backdrop-filter: blur(12px);
      }
      .groups {
        display: flex;
        gap: 4px;
        padding: 4px;
        border-radius: 999px;
        background: var(--sunken);
        overflow-x: auto;
      }
      .groups button {
        min-height: 36px;
        border-color: transparent;
        background: transparent;
        white-space: nowrap;
      }
      .groups button[aria-pressed='true'] {
        background: var(--raised);
        box-shadow: 0 1px 3px rgb(0 0 0 / 12%);
      }
      .fabs {
        position: fixed;
        right: calc(16px + var(--safe-right));
        bottom: calc(var(--nav-height) + var(--safe-bottom) + 16px);
        z-index: 6;
        display: flex;
        gap: 12px;
      }
      .fab {
        min-width: 56px;
        min-height: 56px;
        padding: 0 1.25rem;
        box-shadow: var(--shadow);
      }
      header button {
        flex: none;
      }
      header .quiet {
        padding: 0 0.5rem;
      }
      .spread {
        flex: 1;
        /* Whatever the letters' width: a second line would move what lies below. */
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .empty {
        display: grid;
        justify-items: center;
        gap: 1rem;
        max-width: 360px;
        margin: 14vh auto 0;
        padding: 0 1.5rem;
        text-align: center;
      }
      .empty .mark {
        display: grid;
        place-items: center;
        width: 88px;
        height: 88px;
        border-radius: 28px;
        background: var(--accent-soft);
        color: var(--accent);
      }
      .drop {
        position: fixed;
        inset: 12px;
        z-index: 40;
        display: grid;
        place-items: center;
        border: 3px dashed var(--accent);
        border-radius: 20px;
        background: color-mix(in srgb, var(--ground) 86%, transparent);
        font-size: 1.25rem;
        font-weight: 650;
        pointer-events: none;
      }
      .skeletons {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(30vw, 180px), 1fr));
        gap: 3px;
        padding: 1rem 3px;
      }
      .skeletons div {
        aspect-ratio: 1;
        border-radius: 4px;
      }
      @media ${rail} {
        .fabs {
          bottom: calc(24px + var(--safe-bottom));
        }
      }
      @media (min-width: 900px) {
        header,
        .skeletons {
          padding-left: 1.5rem;
          padding-right: 1.5rem;
        }
        .skeletons {
          gap: 6px;
        }
      }
    `,
  ]
  declare items: readonly Item[] | null
  /** What this device uploads to this group. */
  declare underWay: readonly Item[]
  declare dragging: boolean
  /** What is chosen to be taken along; `null`: nobody chooses. */
  declare chosen: ReadonlyMap<MediaId, Item> | null
  /** Both together, made anew only when one of them changes: the grid sorts them. */
  #shown: readonly Item[] = []
  readonly #opened = new UnderWay()
  #keptOf: { readonly rows: unknown; readonly whole: ReadonlySet<MediaId> } = { rows: null, whole: new Set() }
  #group: Group | null = null
  #uncover: () => void = () => undefined
  readonly #ends: (() => void)[] = []

  constructor() {
    super()
    this.items = null
    this.underWay = []
    this.dragging = false
    this.chosen = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    const { session, events, uploads } = this.services
    const { groups } = session.requireUnlocked()
    new Watch(this, groups.all, groups.failures, session.state, chosenGroup, uploads.all, keeperOf(this.services).rows)
    this.#ends.push(
      groups.all.watch(() => void this.#load()),
      // Without the server, or where the circle does not open, what is open is shown.
      groups.failures.watch(() => !this.#group && void this.#load()),
      session.state.watch(({ kind }) => kind === 'unlocked' && !this.#group && void this.#load()),
      chosenGroup.watch(() => {
        this.chosen = null
        void this.#load()
      }),
      events.on('media', ({ groupId }) => groupId === this.#group?.groupId && void this.#sync()),
      events.on('job', ({ groupId }) => groupId === this.#group?.groupId && void this.#sync()),
      events.connected.watch((isConnected) => isConnected && void this.#sync()),
      // Where no connection can be held, that is all there is.
      session.caughtUpAt.watch(() => !events.connected.value && void this.#sync()),
    )
    this.#ends.push(uploads.all.watch(() => void this.#openUploads()))
    uploads.onDone = () => void this.#sync()
    const drag = (isOver: boolean) => {
      this.dragging = isOver
    }
    this.#ends.push(takeIncoming((files) => void this.#upload(files), drag))
    void this.#load()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    for (const end of this.#ends.splice(0)) end()
    this.#uncover()
  }

  override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (changed.has('items') || changed.has('underWay')) this.#shown = withUnderWay(this.items ?? [], this.underWay)
  }

  /** Going back ends the choosing, not the library. */
  override updated(changed: Map<PropertyKey, unknown>): void {
    if (!changed.has('chosen') || (this.chosen === null) === ((changed.get('chosen') ?? null) === null)) return
    this.#uncover()
    if (this.chosen) {
      this.#uncover = this.services.router.cover(() => {
        this.chosen = null
      })
    }
  }

  /** What is kept at once, then what the server has. */
  async #load(): Promise<void> {
    this.#group = currentGroup(this.services.session)
    if (!this.#group) return
    const group = this.#group
    void this.#openUploads()
    this.#show(group, await this.services.items.kept(group.groupId, this.#partOf(group)))
    await this.#sync()
  }

  async #sync(): Promise<void> {
    const group = this.#group
    if (!group) return
    try {
      await this.services.items.sync(group.groupId, this.#partOf(group))
      this.failure = null
      void keeperOf(this.services).follow(group.groupId).catch(passAppError)
    } catch (error) {
      if (!isAppError(error)) throw error
      if (!error.code.startsWith('server/un')) this.failure = sentenceFor(error)
    }
    this.#show(group, await this.services.items.kept(group.groupId))
  }

  /** A tile for each at once, with network or without. */
  async #openUploads(): Promise<void> {
    const group = this.#group
    if (!group) return
    const { session, uploads } = this.services
    const { userId } = session.requireUnlocked().account
    const items = await this.#opened.open(group, userId, uploads.all.value)
    if (this.#group?.groupId !== group.groupId) return
    // Some may have ended meanwhile.
    const underWay = items.filter(({ record }) => uploads.all.value.has(record.mediaId))
    const isSame = underWay.length === this.underWay.length && underWay.every((item, i) => item === this.underWay[i])
    if (!isSame) this.underWay = underWay
  }

  #show(group: Group, items: readonly Item[]): void {
    if (this.#group?.groupId === group.groupId) this.items = items
  }

  /** Shows what is there so far; that there is nothing is said when all is known. */
  #partOf(group: Group): Tell {
    return (items) => {
      if (items.length > 0) this.#show(group, items)
    }
  }

  override render() {
    const { groups } = this.services.session.requireUnlocked()
    const group = currentGroup(this.services.session)
    const faults = [...groups.failures.value.values()]
    return html`<main>
      <h1 class="visually-hidden">Library</h1>
      ${this.chosen ? this.#choosing(this.chosen) : this.#head(groups.all.value, group)}
      ${faults.map((fault) => html`<p class="error" role="alert" data-code=${fault.code}>${sentenceFor(fault)}</p>`)}
      ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
      ${this.#shown.length > 0 ? this.#grid(this.#shown, group) : this.items === null ? this.#skeletons() : this.#empty(group)}
      <div class="fabs">
        <camera-button round @taken=${({ detail }: CustomEvent<File[]>) => void this.#upload(detail)}></camera-button>
        <button class="primary fab" @click=${this.#pick}>${icon('upload')} Upload</button>
      </div>
      <input type="file" multiple hidden aria-label="Files to upload" @change=${this.#picked} />
      ${this.dragging ? html`<div class="drop" aria-hidden="true">Drop to share with ${group ? groupLabel(group) : 'your circle'}</div>` : nothing}
    </main>`
  }

  #skeletons() {
    return html`<div class="skeletons" role="status" aria-label="Opening the library">
      ${Array.from({ length: 12 }, () => html`<div class="skeleton"></div>`)}
    </div>`
  }

  #empty(group: Group | null) {
    return html`<div class="empty">
      <span class="mark">${icon('library', 44)}</span>
      <p><strong>Nothing here yet</strong></p>
      <p class="soft">
        ${group?.kind === 'personal' ? 'What you put here only you can open.' : 'Share a video or a photo. It is sealed on this device; only your circle can open it.'}
      </p>
    </div>`
  }

  #head(all: ReadonlyMap<GroupId, Group>, current: Group | null) {
    const hasItems = (this.items?.length ?? 0) > 0
    return html`<header>
      <div class="groups" role="group" aria-label="Whose library">
        ${sortedGroups(all).map(
          (each) =>
            html`<button aria-pressed=${each.groupId === current?.groupId} @click=${() => (chosenGroup.value = each.groupId)}>${groupLabel(each)}</button>`,
        )}
      </div>
      <span class="spread"></span>
      ${hasItems ? html`<button class="quiet" @click=${() => (this.chosen = new Map())}>Select</button>` : nothing}
    </header>`
  }

  #choosing(chosen: ReadonlyMap<MediaId, Item>) {
    const count = chosen.size
    return html`<header role="toolbar" aria-label="What was chosen">
      <button class="icon" aria-label="Cancel" @click=${() => (this.chosen = null)}>${icon('close')}</button>
      <strong class="spread" role="status">${count === 0 ? 'Tap to choose' : `${count} chosen`}</strong>
      <button class="primary" ?disabled=${count === 0 || this.working} @click=${this.#keepChosen}>Keep offline</button>
    </header>`
  }

  #grid(items: readonly Item[], group: Group | null) {
    return html`<item-grid
      .items=${items}
      .uploads=${this.services.uploads.all.value}
      .kept=${this.#kept(keeperOf(this.services).rows.value)}
      .chosen=${this.chosen ? new Set(this.chosen.keys()) : null}
      .place=${group?.groupId ?? ''}
      @toggle=${({ detail }: CustomEvent<Item>) => this.#toggle(detail)}
    ></item-grid>`
  }

  /** The same set for the same rows: a new one would have the grid look at every tile. */
  #kept(rows: ReadonlyMap<MediaId, KeptRow>): ReadonlySet<MediaId> {
    if (rows !== this.#keptOf.rows) {
      const whole = [...rows.values()].filter(playsHere)
      this.#keptOf = { rows, whole: new Set(whole.map(({ mediaId }) => mediaId)) }
    }
    return this.#keptOf.whole
  }

  #toggle(item: Item): void {
    const chosen = new Map(this.chosen)
    if (!chosen.delete(item.record.mediaId)) chosen.set(item.record.mediaId, item)
    this.chosen = chosen
  }

  #keepChosen = (): void => {
    const items = [...(this.chosen?.values() ?? [])]
    void navigator.storage?.persist?.().catch(() => false)
    void this.attempt(async () => {
      const begun = await keeperOf(this.services).keep(items)
      this.chosen = null
      const { router, toasts } = this.services
      toasts.show(sentenceForBegun(begun), { action: { label: 'Show', run: () => router.go('/offline') } })
    })
  }

  #pick = (): void => this.renderRoot.querySelector<HTMLInputElement>('input[multiple]')?.click()

  #picked = (event: Event): void => {
    const input = event.target as HTMLInputElement
    void this.#upload([...(input.files ?? [])])
    input.value = ''
  }

  async #upload(files: readonly File[]): Promise<void> {
    if (files.length === 0) return
    const { session, toasts, uploads, router, busy } = this.services
    // Until it is written down, nothing may load the page anew.
    const end = busy.start('upload')
    try {
      const group = await settledGroup(session, () => toasts.show('Waiting for your circle to open'))
      if (!group) throw new AppError('group/not-found')
      const more = files.length === 1 ? '1 file' : `${files.length} files`
      toasts.show(`Sealing ${more}`, { action: { label: 'Show', run: () => router.go('/activity') } })
      await uploads.add(group.groupId, files)
    } catch (error) {
      toasts.error(sentenceFor(error))
    } finally {
      end()
    }
  }
}
customElements.define('library-screen', LibraryScreen)
