import { html, nothing } from 'lit'
import { KithElement } from '../app/element.ts'
import { controls } from '../styles/controls.ts'
import '../elements/dialog.ts'

/** What is about to be done, and what it means. */
export type Ask = { readonly heading: string; readonly text: string; readonly label: string; run(): Promise<void> }

/**
 * Asks before something that cannot be taken back; stays open while it runs, and says why it failed.
 * @fires close when it is done or was called off
 */
export class ConfirmDialog extends KithElement {
  static override properties = { ask: { attribute: false } }
  static override styles = [controls]
  declare ask: Ask

  override render() {
    const { heading, text, label } = this.ask
    return html`<kith-dialog .heading=${heading} @close=${this.#close}>
      <div class="stack">
        <p>${text}</p>
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        <button class="danger" ?disabled=${this.working} @click=${this.#confirm}>${label}</button>
      </div>
    </kith-dialog>`
  }

  #close = (): void => void this.dispatchEvent(new CustomEvent('close'))
  #confirm = (): void => void this.attempt(() => this.ask.run()).then((ok) => ok && this.#close())
}
customElements.define('confirm-dialog', ConfirmDialog)
