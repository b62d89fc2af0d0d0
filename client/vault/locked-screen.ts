import { html, nothing } from 'lit'
import { isAppError } from '../../shared/errors.ts'
import { KithElement } from '../app/element.ts'
import type { PasswordField } from '../elements/password-field.ts'
import { controls } from '../styles/controls.ts'
import { welcome } from '../styles/welcome.ts'
import '../elements/password-field.ts'
import './sign-out-dialog.ts'

/** Kith is locked: the password opens it, with or without network. */
export class LockedScreen extends KithElement {
  static override properties = { anew: { state: true }, leaving: { state: true } }
  static override styles = [controls, welcome]
  /** By the server instead of what this device keeps. */
  declare anew: boolean
  declare leaving: boolean

  constructor() {
    super()
    this.anew = false
    this.leaving = false
  }

  override render() {
    const state = this.services.session.state.value
    const name = state.kind === 'locked' ? state.account.username : ''
    return html`<main>
      <img src="/icon.svg" alt="" width="72" height="72" />
      <h1>${this.anew ? 'Sign in anew' : 'Kith is locked'}</h1>
      <form @submit=${this.#submit}>
        <p class="soft">
          ${
            this.anew
              ? html`As <strong>${name}</strong>, with the password that you set on another device.`
              : html`Unlock as <strong>${name}</strong>. This works without network too.`
          }
        </p>
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        <input type="hidden" name="username" autocomplete="username" .value=${name} />
        <password-field label="Password"></password-field>
        <button class="primary wide" ?disabled=${this.working}>${this.#label()}</button>
      </form>
      <p class="others">
        <button class="quiet" @click=${this.#toggle}>${this.anew ? 'Unlock instead' : 'My password has changed'}</button>
        <button class="quiet" @click=${() => (this.leaving = true)}>Sign out of this device</button>
      </p>
      ${this.leaving ? html`<sign-out-dialog @close=${() => (this.leaving = false)}></sign-out-dialog>` : nothing}
    </main>`
  }

  #label(): string {
    if (this.working) return 'Opening…'
    return this.anew ? 'Sign in' : 'Unlock'
  }

  #toggle = (): void => {
    this.anew = !this.anew
    this.failure = null
  }

  protected override firstUpdated(): void {
    this.renderRoot.querySelector('password-field')?.focus()
  }

  #submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const field = this.renderRoot.querySelector('password-field') as PasswordField
    const { session } = this.services
    const state = session.state.value
    if (state.kind !== 'locked') return
    const signIn = () => session.signIn(state.account.username, field.value)
    void this.attempt(async () => {
      if (this.anew) return signIn()
      try {
        await session.unlock(field.value)
      } catch (error) {
        // No copy for unlocking here (a private window, a wiped store): a sign-in is the other way.
        if (!isAppError(error, 'key/unavailable')) throw error
        await signIn()
      }
    })
  }
}
customElements.define('locked-screen', LockedScreen)
