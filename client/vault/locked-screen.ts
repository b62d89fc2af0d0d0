import { html, nothing } from 'lit'
import { isAppError } from '../../shared/errors.ts'
import { KithElement } from '../app/element.ts'
import type { PasswordField } from '../elements/password-field.ts'
import { controls } from '../styles/controls.ts'
import { welcome } from '../styles/welcome.ts'
import '../elements/password-field.ts'

/** Kith is locked: the password opens it, with or without network. */
export class LockedScreen extends KithElement {
  static override styles = [controls, welcome]

  override render() {
    const state = this.services.session.state.value
    const name = state.kind === 'locked' ? state.account.username : ''
    return html`<main>
      <img src="/icon.svg" alt="" width="72" height="72" />
      <h1>Kith is locked</h1>
      <form @submit=${this.#submit}>
        <p class="soft">Unlock as <strong>${name}</strong>. This works without network too.</p>
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        <input type="hidden" name="username" autocomplete="username" .value=${name} />
        <password-field label="Password"></password-field>
        <button class="primary wide" ?disabled=${this.working}>${this.working ? 'Opening…' : 'Unlock'}</button>
      </form>
      <p class="others"><button class="quiet" @click=${() => void this.services.session.signOut()}>Sign out of this device</button></p>
    </main>`
  }

  protected override firstUpdated(): void {
    this.renderRoot.querySelector('password-field')?.focus()
  }

  #submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const field = this.renderRoot.querySelector('password-field') as PasswordField
    const { session } = this.services
    const state = session.state.value
    void this.attempt(async () => {
      try {
        await session.unlock(field.value)
      } catch (error) {
        if (isAppError(error, 'auth/failed')) throw error
        // No copy for unlocking here (a private window, a wiped store): a sign-in is the other way.
        if (!isAppError(error, 'key/unavailable') || state.kind !== 'locked') throw error
        await session.signIn(state.account.username, field.value)
      }
    })
  }
}
customElements.define('locked-screen', LockedScreen)
