import { css, html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { MediaId } from '../../shared/format/ids.ts'
import { nextFrame } from '../app/next-task.ts'
import { type Item, takenAtOf } from '../media/items.ts'
import { controls } from '../styles/controls.ts'
import type { UploadView } from '../upload/uploads.ts'
import { dayLabel } from './days.ts'
import { type Anchor, anchorAt, HEAD_PX, type Layout, layOut, type Row, rowsWithin, topFor } from './grid-layout.ts'
import './item-tile.ts'

const GAP_PX = 3
const WIDE_GAP_PX = 6
const WIDE_PX = 700
/** Faster than anybody can look: pictures wait until it is slower, so that the movement itself is smooth. */
const HURRY_PX_PER_MS = 1.2
/** After this long without such a movement somebody can look again. */
const REST_MS = 150
/** Below the bar that stays on top: whoever looks at items looks below it. */
const LOOK_PX = 80
/** Tiles above and below what is seen, in screens: they are there before somebody scrolls to them. */
const AROUND = 0.5
/** How much of a screen is made in one task while the app starts, which has enough to do. */
const COLD_STEP = 0.25
/** Until a grid has filled: whoever comes back finds it full at once. */
let isCold = true
/** What the person looked at, by library: they come back from an item, and turn the phone, to where they were. */
const places = new Map<string, Anchor>()

/** Items by days, newest first; only what is near the screen is in the page, of however many there are. */
export class ItemGrid extends LitElement {
  static override properties = {
    items: { attribute: false },
    uploads: { attribute: false },
    kept: { attribute: false },
    chosen: { attribute: false },
    place: {},
    layout: { state: true },
    rows: { state: true },
    isHurried: { state: true },
  }
  static override styles = [
    controls,
    css`
      :host {
        display: block;
        padding: 0 3px;
      }
      .whole {
        position: relative;
        overflow: clip;
      }
      .near {
        position: absolute;
        inset: 0 0 auto;
      }
      h2 {
        display: flex;
        align-items: end;
        box-sizing: border-box;
        height: var(--head);
        margin: 0;
        padding: 0 calc(1rem - 3px) 0.5rem;
        font-size: 1rem;
      }
      ul {
        display: grid;
        grid-template-columns: repeat(var(--columns), var(--tile));
        grid-auto-rows: calc(var(--tile) + var(--gap));
        column-gap: var(--gap);
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        padding-bottom: var(--gap);
        contain: layout paint;
      }
      @media (min-width: 900px) {
        :host {
          padding: 0 1.5rem;
        }
        h2 {
          padding-left: 0;
        }
      }
    `,
  ]
  declare items: readonly Item[]
  /** What this device uploads. */
  declare uploads: ReadonlyMap<MediaId, UploadView>
  /** Those that are on this device whole. */
  declare kept: ReadonlySet<MediaId>
  /** Those that are chosen; `null`: nobody chooses, a tap opens. */
  declare chosen: ReadonlySet<MediaId> | null
  /** Under which name the place is remembered. */
  declare place: string
  declare layout: Layout | null
  declare rows: readonly Row[]
  /** It flies by. */
  declare isHurried: boolean
  #sorted: readonly Item[] = []
  #widthPx = 0
  #isBack = false
  /** How far around what is seen there are tiles, in screens. It fills from its top, a part in each frame. */
  #around = isCold ? COLD_STEP - 1 : 0
  #isFilling = false
  readonly #step = isCold ? COLD_STEP : AROUND
  #before = { top: 0, at: 0 }
  #rest: ReturnType<typeof setTimeout> | undefined
  readonly #path = location.pathname
  #sizes: ResizeObserver | undefined

  constructor() {
    super()
    this.items = []
    this.uploads = new Map()
    this.kept = new Set()
    this.chosen = null
    this.place = ''
    this.layout = null
    this.rows = []
    this.isHurried = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    window.addEventListener('scroll', this.#scrolled, { passive: true })
    window.addEventListener('resize', this.#look)
    this.#sizes = new ResizeObserver(() => this.#measure())
    void this.updateComplete.then(() => {
      const whole = this.renderRoot.querySelector('.whole')
      if (whole) this.#sizes?.observe(whole)
    })
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    window.removeEventListener('scroll', this.#scrolled)
    window.removeEventListener('resize', this.#look)
    this.#sizes?.disconnect()
    clearTimeout(this.#rest)
    this.isHurried = false
  }

  override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (changed.has('place') && changed.get('place') !== undefined) this.#isBack = false
    if (!changed.has('items') && !changed.has('layout')) return
    if (changed.has('items')) this.#sorted = this.items.toSorted((a, b) => takenAtOf(b) - takenAtOf(a))
    if (this.#widthPx === 0) return
    const gapPx = this.#widthPx < WIDE_PX ? GAP_PX : WIDE_GAP_PX
    this.layout = layOut(this.#sorted.map(takenAtOf), this.#widthPx, gapPx)
    this.rows = this.#near(this.layout)
  }

  override render() {
    return html`<div class="whole"><div class="near">${repeat(
      this.#days(),
      ([day]) => day,
      ([day, rows]) => this.#day(day, rows),
    )}</div></div>`
  }

  /** Through the style object: the page's policy refuses style attributes. */
  override updated(): void {
    const { layout } = this
    const whole = this.renderRoot.querySelector<HTMLElement>('.whole')
    const near = this.renderRoot.querySelector<HTMLElement>('.near')
    if (!layout || !whole || !near) return
    whole.style.height = `${layout.heightPx}px`
    whole.style.setProperty('--columns', String(layout.columns))
    whole.style.setProperty('--tile', `${layout.tilePx}px`)
    whole.style.setProperty('--gap', `${layout.gapPx}px`)
    whole.style.setProperty('--head', `${HEAD_PX}px`)
    // Not by a transform: all that stays where it was would be painted anew.
    near.style.top = `${this.rows[0]?.top ?? 0}px`
    this.#goBack(layout)
    if (this.#around < AROUND && layout.rows.length > 0) void this.#fill()
  }

  async #fill(): Promise<void> {
    if (this.#isFilling) return
    this.#isFilling = true
    await nextFrame()
    this.#isFilling = false
    if (!this.layout) return
    this.#around += this.#step
    if (this.#around >= AROUND) isCold = false
    this.rows = this.#near(this.layout)
  }

  /** Once for each width, when enough is there to stand on. */
  #goBack(layout: Layout): void {
    if (this.#isBack || layout.heightPx === 0) return
    const place = places.get(this.place)
    const top = place ? topFor(layout, place) : this.#top
    if (top === null) return
    this.#isBack = true
    if (place) window.scrollBy(0, top - this.#top)
    // That was no hurry.
    this.#before = { top: this.#top, at: performance.now() }
  }

  #days(): [number, Row[]][] {
    const days = new Map<number, Row[]>()
    for (const row of this.rows) {
      const rows = days.get(row.day)
      if (rows) rows.push(row)
      else days.set(row.day, [row])
    }
    return [...days]
  }

  #day(day: number, rows: readonly Row[]) {
    const hasHead = rows[0]?.kind === 'day'
    const tiles = rows.flatMap((row) => (row.kind === 'tiles' ? this.#sorted.slice(row.from, row.to) : []))
    const label = dayLabel(day, Date.now())
    return html`<section aria-label=${label}>
      ${hasHead ? html`<h2>${label}</h2>` : nothing}
      <ul>
        ${repeat(
          tiles,
          ({ record }) => record.mediaId,
          (item) => this.#tile(item),
        )}
      </ul>
    </section>`
  }

  #tile(item: Item) {
    const { mediaId } = item.record
    const isChosen = this.chosen?.has(mediaId) ?? null
    return html`<li>
      <item-tile
        .item=${item}
        .upload=${this.uploads.get(mediaId) ?? null}
        ?isKept=${this.kept.has(mediaId)}
        .isChosen=${isChosen}
        ?isHurried=${this.isHurried}
        @toggle=${() => this.#toggle(item)}
      ></item-tile>
    </li>`
  }

  #toggle(item: Item): void {
    this.dispatchEvent(new CustomEvent('toggle', { detail: item }))
  }

  #measure(): void {
    const widthPx = this.renderRoot.querySelector('.whole')?.clientWidth ?? 0
    if (widthPx === 0 || widthPx === this.#widthPx) return
    this.#widthPx = widthPx
    this.#isBack = false
    this.requestUpdate('items', null)
  }

  #scrolled = (): void => {
    const { layout } = this
    if (!layout) return
    this.#measureSpeed()
    // On the way to another screen the page goes to its top before this one is gone.
    const place = this.#isBack && location.pathname === this.#path && anchorAt(layout, this.#top, LOOK_PX)
    if (place) places.set(this.place, place)
    this.#look()
  }

  /** What is near changes with the window's height, too. */
  #look = (): void => {
    if (!this.layout) return
    const rows = this.#near(this.layout)
    if (rows[0] !== this.rows[0] || rows.at(-1) !== this.rows.at(-1)) this.rows = rows
  }

  #measureSpeed(): void {
    const [top, at] = [this.#top, performance.now()]
    const { top: topBefore, at: before } = this.#before
    this.#before = { top, at }
    if (Math.abs(top - topBefore) <= HURRY_PX_PER_MS * Math.min(at - before, REST_MS)) return
    this.isHurried = true
    clearTimeout(this.#rest)
    this.#rest = setTimeout(() => {
      this.isHurried = false
    }, REST_MS)
  }

  /** Where what is seen begins, in px of the layout. */
  get #top(): number {
    return -(this.renderRoot.querySelector('.whole')?.getBoundingClientRect().top ?? 0)
  }

  /** What is seen, and half a screen around it once it has filled. */
  #near(layout: Layout): readonly Row[] {
    const top = this.#top
    const { first, end } = rowsWithin(
      layout,
      top - innerHeight * Math.max(0, this.#around),
      top + innerHeight * (1 + this.#around),
    )
    return layout.rows.slice(first, end)
  }
}
customElements.define('item-grid', ItemGrid)
