import { css, html, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { KeepRule, KeptRow } from '../../shared/device/db.ts'
import { readKeepRules } from '../../shared/device/kept.ts'
import type { MediaId } from '../../shared/format/ids.ts'
import { mediaUrl } from '../../shared/wire/page-sw.ts'
import { KithElement } from '../app/element.ts'
import { Watch } from '../app/signal.ts'
import { icon } from '../elements/icon.ts'
import { currentGroup, groupLabel } from '../library/current-group.ts'
import { sizeLabel } from '../library/days.ts'
import type { Item } from '../media/items.ts'
import { controls } from '../styles/controls.ts'
import { goesOnWhenClosed, LEAVE_OPEN } from './background.ts'
import { keeperOf } from './my-keeper.ts'
import { USUAL_LINES } from './plan.ts'
import { problemOf, UNMADE } from './problem.ts'
import { type Room, readRoom, readTaken, type Taken, toMakeRoom } from './room.ts'
import { readWatched } from './watched.ts'

const NEWEST = [0, 10, 25, 50, 100] as const
/** What the worker makes, and the original. */
const QUALITIES = [360, 480, USUAL_LINES, 1080, null] as const
const MAKE_ROOM_BYTES = 500 * 2 ** 20
const NO_RULE = { newest: 0, most: USUAL_LINES }

/** What this device keeps, what it takes, and how to make room. */
export class OfflineScreen extends KithElement {
  static override properties = {
    room: { state: true },
    taken: { state: true },
    items: { state: true },
    rule: { state: true },
    isTied: { state: true },
  }
  static override styles = [
    controls,
    css`
      img,
      .blank {
        width: 56px;
        height: 56px;
        border-radius: 8px;
        object-fit: cover;
        background: var(--sunken);
        flex: none;
      }
      .name {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .name a {
        color: inherit;
        text-decoration: none;
      }
      meter {
        width: 100%;
        height: 10px;
      }
    `,
  ]
  declare room: Room | null
  declare taken: Taken
  declare items: ReadonlyMap<MediaId, Item>
  declare rule: Required<KeepRule>
  /** Keeping stops when Kith is closed. */
  declare isTied: boolean
  readonly #ends: (() => void)[] = []

  constructor() {
    super()
    this.room = null
    this.taken = new Map()
    this.items = new Map()
    this.rule = NO_RULE
    this.isTied = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    const keeper = keeperOf(this.services)
    const { session } = this.services
    const { groups } = session.requireUnlocked()
    new Watch(this, keeper.rows, keeper.progress)
    const load = () => void this.#load()
    this.#ends.push(
      keeper.rows.watch(load),
      // Which group the rule is for may be known only then.
      groups.all.watch(load),
      groups.failures.watch(load),
      session.state.watch(({ kind }) => kind === 'unlocked' && load()),
    )
    load()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    for (const end of this.#ends.splice(0)) end()
  }

  async #load(): Promise<void> {
    const { items, session } = this.services
    this.room = await readRoom()
    this.taken = await readTaken([...keeperOf(this.services).rows.value.values()])
    this.isTied = !(await goesOnWhenClosed())
    const group = currentGroup(session)
    this.rule = { ...NO_RULE, ...(group && (await readKeepRules()).get(group.groupId)) }
    const known = new Map<MediaId, Item>()
    for (const groupId of session.requireUnlocked().groups.all.value.keys())
      for (const item of await items.kept(groupId)) known.set(item.record.mediaId, item)
    this.items = known
  }

  override render() {
    const rows = [...keeperOf(this.services).rows.value.values()].sort((a, b) => b.createdAt - a.createdAt)
    const takenBytes = rows.reduce((sum, { mediaId }) => sum + (this.taken.get(mediaId) ?? 0), 0)
    const group = currentGroup(this.services.session)
    return html`<main class="page">
      <header class="row">
        <button class="icon" aria-label="Back" @click=${() => this.services.router.back('/settings')}>${icon('back')}</button>
        <h1>On this device</h1>
      </header>
      <section class="card stack" aria-labelledby="room">
        <h2 id="room">Room</h2>
        <p>
          ${rows.length === 0 ? 'Nothing is kept here yet.' : `${rows.length === 1 ? 'One item takes' : `${rows.length} items take`} ${sizeLabel(takenBytes)}.`}
          ${this.room ? html`<span class="soft">${sizeLabel(this.room.freeBytes)} more would fit.</span>` : html`<span class="soft">This browser does not tell how much more would fit.</span>`}
        </p>
        ${
          this.room
            ? html`<meter
                min="0"
                max=${this.room.usedBytes + this.room.freeBytes}
                value=${this.room.usedBytes}
                aria-label="Room that Kith takes on this device"
              ></meter>`
            : nothing
        }
        ${takenBytes > 0 ? html`<button @click=${this.#makeRoom} ?disabled=${this.working}>Make room</button>` : nothing}
        ${takenBytes > 0 ? html`<p class="soft small">Takes off what was watched longest ago, about ${sizeLabel(MAKE_ROOM_BYTES)} of it.</p>` : nothing}
      </section>
      ${
        group
          ? html`<section class="card stack" aria-labelledby="newest-title">
              <h2 id="newest-title">Newest of ${groupLabel(group)}</h2>
              <div>
                <label for="newest">Keep by itself</label>
                <select id="newest" @change=${this.#setRule}>
                  ${NEWEST.map(
                    (count) =>
                      html`<option value=${count} ?selected=${count === this.rule.newest}>${count === 0 ? 'None' : `The newest ${count}`}</option>`,
                  )}
                </select>
              </div>
              ${
                this.rule.newest > 0
                  ? html`<div>
                        <label for="most">Quality of videos</label>
                        <select id="most" @change=${this.#setRule}>
                          ${QUALITIES.map(
                            (lines) =>
                              html`<option value=${lines ?? ''} ?selected=${lines === this.rule.most}>${qualityLabel(lines)}</option>`,
                          )}
                        </select>
                      </div>
                      <p class="soft small">What you take off stays off, until you keep it again.</p>`
                  : nothing
              }
            </section>`
          : nothing
      }
      ${
        rows.length > 0
          ? html`<section class="card" aria-labelledby="kept">
              <h2 id="kept">Kept</h2>
              ${this.isTied && rows.some(({ state }) => state === 'waiting') ? html`<p class="soft small">${LEAVE_OPEN}</p>` : nothing}
              <ul class="list">
                ${repeat(
                  rows,
                  ({ mediaId }) => mediaId,
                  (row) => this.#row(row),
                )}
              </ul>
            </section>`
          : html`<p class="soft">Open an item and tap ${icon('keep', 18)} to take it along: it then plays in flight mode.</p>`
      }
      ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
    </main>`
  }

  #row(row: KeptRow) {
    const keeper = keeperOf(this.services)
    const item = this.items.get(row.mediaId)
    const picture = item?.card?.hasThumb ? 'thumb' : item?.made?.poster
    const part = keeper.progress.value.get(row.mediaId)
    const title = item?.card?.title ?? 'An item'
    return html`<li data-state=${row.state}>
      ${picture ? html`<img src=${mediaUrl(row.mediaId, picture)} alt="" loading="lazy" />` : html`<span class="blank"></span>`}
      <div class="grow">
        <p class="name"><a href="/item/${row.mediaId}">${title}</a></p>
        <p class="soft small">${this.#stateOf(row, part)}</p>
        ${part === undefined ? nothing : html`<progress max="100" value=${Math.round(part * 100)} aria-label="Kept so far"></progress>`}
      </div>
      ${row.state === 'waiting' ? html`<button class="quiet" @click=${() => void keeper.pause(row.mediaId)}>Pause</button>` : nothing}
      ${
        row.state === 'paused' || row.state === 'no-room' || row.state === 'failed'
          ? html`<button class="quiet" @click=${() => void keeper.resume(row.mediaId)}>${row.state === 'paused' ? 'Go on' : 'Try again'}</button>`
          : nothing
      }
      <button class="icon" aria-label="Take ${title} off this device" @click=${() => void keeper.remove(row.mediaId)}>${icon('trash', 20)}</button>
    </li>`
  }

  #stateOf(row: KeptRow, part: number | undefined): string {
    const quality = row.height === null ? '' : ` · ${row.height}p`
    if (row.state === 'unmade') return UNMADE
    if (row.problem && row.state !== 'kept') return problemOf(row, row.problem)
    const size = sizeLabel(this.taken.get(row.mediaId) ?? 0)
    if (row.state === 'kept')
      return row.problem ? `${size}${quality} · ${problemOf(row, row.problem)}` : `${size}${quality}`
    if (row.state === 'paused') return `Paused at ${size}${quality}`
    return part === undefined ? `Waits for its turn${quality}` : `${Math.round(part * 100)} %${quality}`
  }

  #setRule = (): void => {
    const group = currentGroup(this.services.session)
    const chosen = (id: string) => this.renderRoot.querySelector<HTMLSelectElement>(`#${id}`)?.value
    const newest = Number(chosen('newest'))
    const most = chosen('most') ?? String(USUAL_LINES)
    void navigator.storage?.persist?.().catch(() => false)
    void this.attempt(async () => {
      if (group) await keeperOf(this.services).keepNewest(group.groupId, newest, most === '' ? null : Number(most))
      await this.#load()
    })
  }

  #makeRoom = (): void => {
    const keeper = keeperOf(this.services)
    void this.attempt(async () => {
      const rows = [...keeper.rows.value.values()]
      const chosen = toMakeRoom(rows, await readTaken(rows), MAKE_ROOM_BYTES, await readWatched())
      for (const { mediaId } of chosen) await keeper.remove(mediaId)
      this.room = await readRoom()
    })
  }
}

function qualityLabel(lines: number | null): string {
  if (lines === null) return 'Original'
  return lines === USUAL_LINES ? `Usual: up to ${lines}p` : `Up to ${lines}p`
}
customElements.define('offline-screen', OfflineScreen)
