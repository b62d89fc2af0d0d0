import { css, html, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import { isAppError } from '../../shared/errors.ts'
import { KithElement } from '../app/element.ts'
import { sentenceFor } from '../app/messages.ts'
import { passAppError } from '../app/passing.ts'
import { Watch } from '../app/signal.ts'
import { cameraButton } from '../elements/camera.ts'
import { icon } from '../elements/icon.ts'
import type { Group } from '../groups/group.ts'
import type { Item } from '../media/items.ts'
import { keeperOf } from '../offline/my-keeper.ts'
import { controls } from '../styles/controls.ts'
import { chosenGroup, currentGroup, groupLabel, sortedGroups } from './current-group.ts'
import { dayLabel } from './days.ts'
import { takeIncoming } from './incoming.ts'
import './item-tile.ts'

/** Everything of a group, newest first, by days. */
export class LibraryScreen extends KithElement {
  static override properties = { items: { state: true }, dragging: { state: true } }
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
      .fab.round {
        padding: 0;
      }
      h2 {
        padding: 1rem 1rem 0.5rem;
        font-size: 1rem;
      }
      .grid {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(30vw, 180px), 1fr));
        gap: 3px;
        margin: 0;
        padding: 0 3px;
        list-style: none;
      }
      .grid li {
        content-visibility: auto;
        contain-intrinsic-size: 120px;
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
      @media (min-width: 900px) {
        .fabs {
          bottom: 24px;
        }
        header,
        h2 {
          padding-left: 1.5rem;
          padding-right: 1.5rem;
        }
        .grid,
        .skeletons {
          padding-left: 1.5rem;
          padding-right: 1.5rem;
          gap: 6px;
        }
      }
    `,
  ]
  declare items: readonly Item[] | null
  declare dragging: boolean
  #group: Group | null = null
  readonly #ends: (() => void)[] = []

  constructor() {
    super()
    this.items = null
    this.dragging = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    const { session, events, uploads } = this.services
    const { groups } = session.requireUnlocked()
    new Watch(this, groups.all, groups.failures, chosenGroup, uploads.all, keeperOf(this.services).rows)
    this.#ends.push(
      groups.all.watch(() => void this.#load()),
      chosenGroup.watch(() => void this.#load()),
      events.on('media', ({ groupId }) => groupId === this.#group?.groupId && void this.#sync()),
      events.on('job', ({ groupId }) => groupId === this.#group?.groupId && void this.#sync()),
      events.connected.watch((isConnected) => isConnected && void this.#sync()),
    )
    uploads.onDone = () => void this.#sync()
    this.#ends.push(this.services.install.opened.watch(() => this.#takeOpened()))
    const drag = (isOver: boolean) => {
      this.dragging = isOver
    }
    this.#ends.push(takeIncoming((files) => void this.#upload(files), drag))
    void this.#load()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    for (const end of this.#ends.splice(0)) end()
  }

  /** What is kept at once, then what the server has. */
  async #load(): Promise<void> {
    this.#group = currentGroup(this.services.session.requireUnlocked().groups.all.value)
    if (!this.#group) return
    this.#takeOpened()
    this.items = await this.services.items.kept(this.#group.groupId)
    await this.#sync()
  }

  async #sync(): Promise<void> {
    const group = this.#group
    if (!group) return
    try {
      await this.services.items.sync(group.groupId)
      this.failure = null
      void keeperOf(this.services).follow(group.groupId).catch(passAppError)
    } catch (error) {
      if (!isAppError(error)) throw error
      if (!error.code.startsWith('server/un')) this.failure = sentenceFor(error)
    }
    if (this.#group === group) this.items = await this.services.items.kept(group.groupId)
  }

  override render() {
    const { groups } = this.services.session.requireUnlocked()
    const group = currentGroup(groups.all.value)
    const faults = [...groups.failures.value.values()]
    return html`<main>
      <h1 class="visually-hidden">Library</h1>
      <header>
        <div class="groups" role="group" aria-label="Whose library">
          ${sortedGroups(groups.all.value).map(
            (each) =>
              html`<button aria-pressed=${each.groupId === group?.groupId} @click=${() => (chosenGroup.value = each.groupId)}>${groupLabel(each)}</button>`,
          )}
        </div>
      </header>
      ${faults.map((fault) => html`<p class="error" role="alert" data-code=${fault.code}>${sentenceFor(fault)}</p>`)}
      ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
      ${this.items === null ? this.#skeletons() : this.items.length === 0 ? this.#empty(group) : this.#days(this.items)}
      <div class="fabs">
        ${cameraButton('fab round', (files) => void this.#upload(files))}
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

  #days(items: readonly Item[]) {
    const days = new Map<string, Item[]>()
    const takenAt = ({ card, record }: Item) => card?.capturedAt ?? record.createdAt
    for (const item of items.toSorted((a, b) => takenAt(b) - takenAt(a))) {
      const day = dayLabel(takenAt(item), Date.now())
      days.set(day, [...(days.get(day) ?? []), item])
    }
    return [...days].map(
      ([day, list]) => html`<section>
        <h2>${day}</h2>
        <ul class="grid">
          ${repeat(
            list,
            ({ record }) => record.mediaId,
            (item) =>
              html`<li><item-tile .item=${item} ?isKept=${keeperOf(this.services).rows.value.get(item.record.mediaId)?.state === 'kept'}></item-tile></li>`,
          )}
        </ul>
      </section>`,
    )
  }

  /** Files that the system opened Kith with. */
  #takeOpened(): void {
    const { opened } = this.services.install
    if (!this.#group || opened.value.length === 0) return
    const files = opened.value
    opened.value = []
    void this.#upload(files)
  }

  #pick = (): void => this.renderRoot.querySelector<HTMLInputElement>('input[multiple]')?.click()

  #picked = (event: Event): void => {
    const input = event.target as HTMLInputElement
    void this.#upload([...(input.files ?? [])])
    input.value = ''
  }

  async #upload(files: readonly File[]): Promise<void> {
    const group = this.#group
    if (!group || files.length === 0) return
    const { toasts, uploads, router } = this.services
    try {
      const more = files.length === 1 ? '1 file' : `${files.length} files`
      toasts.show(`Sealing ${more}`, { action: { label: 'Show', run: () => router.go('/activity') } })
      await uploads.add(group.groupId, files)
    } catch (error) {
      toasts.error(sentenceFor(error))
    }
  }
}
customElements.define('library-screen', LibraryScreen)
