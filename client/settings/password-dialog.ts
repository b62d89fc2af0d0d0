import { html, nothing } from 'lit'
import { KithElement } from '../app/element.ts'
import type { PasswordField } from '../elements/password-field.ts'
import { controls } from '../styles/controls.ts'
import '../elements/dialog.ts'
import '../elements/password-field.ts'

/** What is about to be done, what it means, and what needs the password. */
export type PasswordAsk = {
  readonly heading: string
  readonly text: string
  readonly label: string
  run(password: string): Promise<void>
}

/**
 * Asks for the password before something that takes more than a device which is open; says why it failed.
 * @fires close when it is done or was called off
 */
export class PasswordDialog extends KithElement {
  static override properties = { ask: { attribute: false } }
  static override styles = [controls]
  declare ask: PasswordAsk

  override render() {
    const { heading, text, label } = this.ask
    return html`<kith-dialog .heading=${heading} @close=${this.#close}>
      <form class="stack" @submit=${this.#submit}>
        <p>${text}</p>
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        <password-field label="Password"></password-field>
        <button class="danger" ?disabled=${this.working}>${label}</button>
      </form>
    </kith-dialog>`
  }

  #close = (): void => void this.dispatchEvent(new CustomEvent('close'))

  #submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const field = this.renderRoot.querySelector('password-field') as PasswordField
    void this.attempt(() => this.ask.run(field.value)).then((ok) => ok && this.#close())
  }
}
customElements.define('password-dialog', PasswordDialog)
