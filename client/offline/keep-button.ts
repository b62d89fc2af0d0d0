import { css, html, nothing } from 'lit'
import type { KeptRow } from '../../shared/device/db.ts'
import { KithElement } from '../app/element.ts'
import { Watch } from '../app/signal.ts'
import '../elements/dialog.ts'
import { icon } from '../elements/icon.ts'
import { sizeLabel } from '../library/days.ts'
import type { Item } from '../media/items.ts'
import { controls } from '../styles/controls.ts'
import { goesOnWhenClosed, LEAVE_OPEN } from './background.ts'
import { playsHere } from './kept-parts.ts'
import { keeperOf } from './my-keeper.ts'
import { choicesOf, usualHeight } from './plan.ts'
import { problemOf, UNMADE } from './problem.ts'
import { keptBytes, readRoom } from './room.ts'

/** Takes one item along: asks for the quality, shows how far it has come, and takes it off again. */
export class KeepButton extends KithElement {
  static override properties = {
    item: { attribute: false },
    open: { state: true },
    freeBytes: { state: true },
    isTied: { state: true },
  }
  static override styles = [
    controls,
    css`
      fieldset {
        display: grid;
        gap: 0.25rem;
        margin: 0;
        padding: 0;
        border: 0;
      }
      legend {
        padding: 0 0 0.5rem;
        font-weight: 600;
      }
      fieldset label {
        display: flex;
        align-items: center;
        gap: 0.75rem;
        min-height: var(--tap);
        font-weight: 500;
      }
      fieldset input {
        width: 20px;
        height: 20px;
        accent-color: var(--accent);
      }
      .size {
        margin-left: auto;
        color: var(--ink-soft);
        font-variant-numeric: tabular-nums;
      }
      button.icon.kept {
        color: var(--accent);
      }
    `,
  ]
  declare item: Item
  declare open: boolean
  declare freeBytes: number | null
  /** Keeping stops when Kith is closed. */
  declare isTied: boolean

  constructor() {
    super()
    this.open = false
    this.freeBytes = null
    this.isTied = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    const keeper = keeperOf(this.services)
    new Watch(this, keeper.rows, keeper.progress)
  }

  override render() {
    const row = keeperOf(this.services).rows.value.get(this.item.record.mediaId)
    const isHere = row !== undefined && playsHere(row)
    const label = isHere ? 'Kept on this device' : row ? 'Being kept on this device' : 'Keep offline'
    return html`<button class="icon ${row ? 'kept' : ''}" aria-label=${label} title=${label} @click=${this.#show}>
        ${icon(isHere ? 'shield' : 'keep')}
      </button>
      ${this.open ? this.#dialog() : nothing}`
  }

  #dialog() {
    const keeper = keeperOf(this.services)
    const { mediaId } = this.item.record
    const row = keeper.rows.value.get(mediaId)
    return html`<kith-dialog heading=${row ? 'On this device' : 'Keep offline'} @close=${() => (this.open = false)}>
      <div class="stack">${row ? this.#state(row) : nothing}${this.#choices(row)}</div>
    </kith-dialog>`
  }

  /** Of what is kept already, another quality: a smaller one takes less room. Of what is not made yet, what there is. */
  #choices(row: KeptRow | undefined) {
    const { card, made } = this.item
    if (!card) return nothing
    const choices = choicesOf(card, made)
    const isKept = row && row.state !== 'unmade'
    if (isKept && choices.length < 2) return nothing
    const usual = isKept ? row.height : usualHeight(choices)
    return html`<form class="stack" @submit=${this.#keep}>
      ${row ? nothing : html`<p class="soft">Its sealed bytes stay on this device and play without network, until you take them off.</p>`}
      <fieldset>
        <legend>Quality</legend>
        ${choices.map(
          ({ height, label, estimatedBytes }) =>
            html`<label
              ><input type="radio" name="height" value=${height ?? ''} ?checked=${height === usual} />${label}<span class="size"
                >${height === null ? '' : 'about '}${sizeLabel(estimatedBytes)}</span
              ></label
            >`,
        )}
      </fieldset>
      ${this.freeBytes === null ? nothing : html`<p class="soft small">${sizeLabel(this.freeBytes)} free for Kith on this device.</p>`}
      <button class="wide ${row ? '' : 'primary'}">${isKept ? 'Change the quality' : row ? 'Do not wait' : 'Keep offline'}</button>
    </form>`
  }

  #state(row: KeptRow) {
    const keeper = keeperOf(this.services)
    const { mediaId } = row
    const part = keeper.progress.value.get(mediaId)
    const percent = Math.round((part ?? 0) * 100)
    return html`
      ${row.state === 'kept' ? html`<p>It plays without network. It takes ${sizeLabel(keptBytes(row))}.</p>` : nothing}
      ${
        row.state === 'waiting'
          ? html`<p role="status">${part === undefined ? 'It waits for its turn, or for the network.' : `${percent} % is here.`}</p>
              <progress max="100" value=${percent} aria-label="Kept so far"></progress>
              ${this.isTied ? html`<p class="soft small">${LEAVE_OPEN}</p>` : nothing}`
          : nothing
      }
      ${row.state === 'unmade' ? html`<p role="status">${UNMADE}.</p>` : nothing}
      ${row.state === 'paused' ? html`<p>Paused.</p>` : nothing}
      ${row.before ? html`<p class="soft small">Until all of it is here, it plays as it was kept before.</p>` : nothing}
      ${row.problem ? html`<p class="error" role="alert" data-code=${row.problem}>${problemOf(row, row.problem)}</p>` : nothing}
      <div class="row">
        ${row.state === 'waiting' ? html`<button @click=${() => void keeper.pause(mediaId)}>Pause</button>` : nothing}
        ${
          row.state === 'paused' || row.state === 'failed' || row.state === 'no-room'
            ? html`<button class="primary" @click=${() => void keeper.resume(mediaId)}>
                ${row.state === 'paused' ? 'Go on' : 'Try again'}
              </button>`
            : nothing
        }
        ${row.state === 'no-room' ? html`<a class="button" href="/offline">Make room</a>` : nothing}
        ${row.before || !playsHere(row) ? html`<button class=${row.before ? '' : 'danger'} @click=${this.#cancel}>Cancel</button>` : nothing}
        ${playsHere(row) ? html`<button class="danger" @click=${this.#remove}>Take off this device</button>` : nothing}
      </div>
    `
  }

  #show = (): void => {
    this.open = true
    void goesOnWhenClosed().then((goesOn) => {
      this.isTied = !goesOn
    })
    void readRoom().then((room) => {
      this.freeBytes = room?.freeBytes ?? null
    })
  }

  #keep = (event: SubmitEvent): void => {
    event.preventDefault()
    const height = new FormData(event.target as HTMLFormElement).get('height')
    // Asked by a tap, and never waited for: Firefox leaves it open until the person answers.
    void navigator.storage?.persist?.().catch(() => false)
    void this.attempt(async () => {
      await keeperOf(this.services).keep([this.item], height ? Number(height) : null)
    })
  }

  #cancel = (): void => {
    this.open = false
    void this.attempt(() => keeperOf(this.services).cancel(this.item.record.mediaId))
  }

  #remove = (): void => {
    this.open = false
    void this.attempt(() => keeperOf(this.services).remove(this.item.record.mediaId))
  }
}
customElements.define('keep-button', KeepButton)
