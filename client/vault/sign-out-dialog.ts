import { html, nothing } from 'lit'
import { KithElement } from '../app/element.ts'
import { controls } from '../styles/controls.ts'
import '../elements/dialog.ts'

/**
 * Asks before this device forgets everything.
 * @fires close
 */
export class SignOutDialog extends KithElement {
  static override styles = [controls]

  override render() {
    return html`<kith-dialog heading="Sign out?" @close=${() => this.dispatchEvent(new CustomEvent('close'))}>
      <div class="stack">
        <p>You need your password, or your recovery key, to come back. Uploads that are not finished are dropped.</p>
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        <button class="danger" ?disabled=${this.working} @click=${this.#signOut}>Sign out</button>
      </div>
    </kith-dialog>`
  }

  #signOut = (): void => void this.attempt(() => this.services.session.signOut())
}
customElements.define('sign-out-dialog', SignOutDialog)
