import { css, html, nothing, svg } from 'lit'
import { KithElement } from '../app/element.ts'
import { Watch } from '../app/signal.ts'
import { icon } from '../elements/icon.ts'
import { controls } from '../styles/controls.ts'

/**
 * Kith as an app of its own: by a button where the browser has one, by a guide in pictures where the person does it.
 * With `early`, before anything is made here: an app added later begins with an empty storage there, and with no
 * invite either: an app on the home screen is not opened by a link.
 */
export class InstallCard extends KithElement {
  static override properties = { early: { type: Boolean }, invite: {} }
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
  /** The link of the invite that the person came by, to be taken along. */
  declare invite: string | null

  constructor() {
    super()
    this.early = false
    this.invite = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    new Watch(this, this.services.install.state)
  }

  override render() {
    const state = this.services.install.state.value
    if (state === 'installed') return nothing
    return html`<section class="card stack" aria-labelledby="app">
      <h2 id="app">${this.early ? 'Put Kith on your home screen first' : 'Kith as an app'}</h2>
      ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
      ${state === 'can' ? this.#button() : state === 'by-hand' ? this.#guide() : this.#none()}
    </section>`
  }

  #button() {
    return html`<p class="soft">It gets an icon of its own, opens without the browser around it, and keeps its storage longer.</p>
      <button ?disabled=${this.working} @click=${this.#ask}>${icon('download', 20)} Install Kith</button>`
  }

  #none() {
    return html`<p class="soft">This browser does not offer to install Kith now; in a tab it does the same. Chrome, Edge, and Safari on iPhone and iPad can put it among your apps.</p>`
  }

  #guide() {
    const why = this.early
      ? 'On an iPhone or iPad the app on the home screen keeps its things apart from the browser. Add it before you make your account or sign in, and you do it only once.'
      : 'On the home screen it can notify you and keeps its storage. The app begins empty: sign in there once more.'
    const { place } = this.services.install
    if (place === 'in-app') return this.#way(why)
    return html`<p class="soft">${why}</p>
      ${
        this.invite
          ? html`<p class="soft">Take your invite along: copy it here, and in the app tap <b>I have an invite</b> and paste it.</p>
              <button ?disabled=${this.working} @click=${() => this.#copy(this.invite ?? '')}>${icon('copy', 20)} Copy the invite</button>`
          : nothing
      }
      <ol>
        <li>${picture(SHARE)}<span>Tap <b>Share</b> ${place === 'safari' ? 'in Safari’s bar' : 'beside the address, or in the browser’s menu'}.</span></li>
        <li>${picture(ADD)}<span>Choose <b>Add to Home Screen</b>.</span></li>
        <li>${picture(APP)}<span>Open <b>Kith</b> from there.</span></li>
      </ol>`
  }

  /** Out of a browser that cannot do it. */
  #way(why: string) {
    return html`<p class="soft">${why}</p>
      <p>From here that cannot be done. <b>Open this page in Safari first</b>: copy its link, and paste it there.</p>
      <button ?disabled=${this.working} @click=${() => this.#copy(this.services.router.link)}>${icon('copy', 20)} Copy the link</button>`
  }

  #copy(link: string): void {
    void this.attempt(async () => {
      await navigator.clipboard.writeText(link)
      this.services.toasts.show('Copied.')
    })
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
