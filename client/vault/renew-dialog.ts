import { html, nothing } from 'lit'
import { KithElement } from '../app/element.ts'
import type { PasswordField } from '../elements/password-field.ts'
import { controls } from '../styles/controls.ts'
import '../elements/dialog.ts'
import '../elements/password-field.ts'

/**
 * The server ended the session: the password begins a new one, and nothing that is open here closes.
 * @fires close
 */
export class RenewDialog extends KithElement {
  static override styles = [controls]

  override render() {
    const { account } = this.services.session.requireUnlocked()
    return html`<kith-dialog heading="Sign in again" @close=${this.#close}>
      <form class="stack" @submit=${this.#submit}>
        <p class="soft">As <strong>${account.username}</strong>. Your last session with the server is over.</p>
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        <password-field label="Password"></password-field>
        <button class="primary wide" ?disabled=${this.working}>${this.working ? 'Opening…' : 'Sign in'}</button>
      </form>
    </kith-dialog>`
  }

  #close = (): void => void this.dispatchEvent(new CustomEvent('close'))

  #submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const field = this.renderRoot.querySelector('password-field') as PasswordField
    void this.attempt(() => this.services.session.renew(field.value)).then((ok) => ok && this.#close())
  }
}
customElements.define('renew-dialog', RenewDialog)
