import { css, html, nothing, svg } from 'lit'
import { KithElement } from '../app/element.ts'
import { Watch } from '../app/signal.ts'
import { icon } from '../elements/icon.ts'
import { controls } from '../styles/controls.ts'

/**
 * Kith as an app of its own: by a button where the browser has one, by a guide in pictures where the person does it.
 * With `early`, before anything is made here: an app added later begins with an empty storage there.
 */
export class InstallCard extends KithElement {
  static override properties = { early: { type: Boolean } }
  static override styles = [
    controls,
    css`
      ol {
        display: grid;
        gap: 0.75rem;
        margin: 0;
        padding: 0;
        list-style: none;
        counter-reset: step;
      }
      li {
        display: flex;
        gap: 0.875rem;
        align-items: center;
      }
      li svg {
        flex: none;
        width: 52px;
        height: 52px;
        border-radius: 12px;
        background: var(--sunken);
        color: var(--accent);
      }
    `,
  ]
  declare early: boolean

  constructor() {
    super()
    this.early = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    new Watch(this, this.services.install.state)
  }

  override render() {
    const state = this.services.install.state.value
    if (state === 'installed' || state === 'no') return nothing
    return html`<section class="card stack" aria-labelledby="app">
      <h2 id="app">${this.early ? 'Put Kith on your home screen first' : 'Kith as an app'}</h2>
      ${state === 'can' ? this.#button() : this.#guide()}
    </section>`
  }

  #button() {
    return html`<p class="soft">It gets an icon of its own, opens without the browser around it, and keeps its storage longer.</p>
      <button ?disabled=${this.working} @click=${this.#ask}>${icon('download', 20)} Install Kith</button>`
  }

  #guide() {
    const why = this.early
      ? 'On an iPhone or iPad the app on the home screen keeps its things apart from Safari. Add it before you make your account or sign in, and you do it only once.'
      : 'On the home screen it can notify you and keeps its storage. The app begins empty: sign in there once more.'
    return html`<p class="soft">${why}</p>
      <ol>
        <li>${picture(SHARE)}<span>Tap <b>Share</b> in Safari’s bar.</span></li>
        <li>${picture(ADD)}<span>Choose <b>Add to Home Screen</b>.</span></li>
        <li>${picture(APP)}<span>Open <b>Kith</b> from there.</span></li>
      </ol>`
  }

  #ask = (): void => void this.attempt(() => this.services.install.ask())
}

const SHARE = svg`<path d="M26 31V12M19 18l7-7 7 7M17 24h-3v17h24V24h-3" />`
const ADD = svg`<path d="M13 13h26v26H13zM26 19v14M19 26h14" />`
const APP = svg`<path d="M12 20a8 8 0 0 1 8-8h12a8 8 0 0 1 8 8v12a8 8 0 0 1-8 8H20a8 8 0 0 1-8-8zM23 20v12l10-6z" />`
const picture = (path: unknown) => html`<svg
  viewBox="0 0 52 52"
  fill="none"
  stroke="currentColor"
  stroke-width="2.2"
  stroke-linecap="round"
  stroke-linejoin="round"
  aria-hidden="true"
>
  ${path}
</svg>`
customElements.define('install-card', InstallCard)
