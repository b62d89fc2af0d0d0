import { html, nothing } from 'lit'
import { isAppError } from '../../shared/errors.ts'
import { KithElement } from '../app/element.ts'
import { passAppError } from '../app/passing.ts'
import { icon } from '../elements/icon.ts'
import type { PasswordField } from '../elements/password-field.ts'
import { controls } from '../styles/controls.ts'
import { welcome } from '../styles/welcome.ts'
import '../elements/password-field.ts'
import { hasPasskey, isPasskeyPossible } from './passkey.ts'
import './sign-out-dialog.ts'

/** Kith is locked: the password opens it, with or without network. */
export class LockedScreen extends KithElement {
  static override properties = { anew: { state: true }, leaving: { state: true }, passkey: { state: true } }
  static override styles = [controls, welcome]
  /** By the server instead of what this device keeps. */
  declare anew: boolean
  declare leaving: boolean
  /** There is one on this device. */
  declare passkey: boolean

  constructor() {
    super()
    this.anew = false
    this.leaving = false
    this.passkey = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    void Promise.all([hasPasskey(), isPasskeyPossible()]).then(([isThere, isPossible]) => {
      this.passkey = isThere && isPossible
    }, passAppError)
  }

  override render() {
    const state = this.services.session.state.value
    const name = state.kind === 'locked' ? state.account.username : ''
    return html`<main>
      <img src="/icon.svg" alt="" width="72" height="72" />
      <h1>${this.anew ? 'Sign in anew' : 'Kith is locked'}</h1>
      ${this.passkey && !this.anew ? html`<button class="primary wide passkey" ?disabled=${this.working} @click=${this.#byPasskey}>${icon('shield', 20)} Unlock with passkey</button>` : nothing}
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
        <button class=${this.passkey && !this.anew ? 'wide' : 'primary wide'} ?disabled=${this.working}>${this.#label()}</button>
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

  override updated(changed: Map<PropertyKey, unknown>): void {
    // The quicker way first; whoever types already goes on.
    const field = this.renderRoot.querySelector('password-field') as PasswordField | null
    if (changed.has('passkey') && this.passkey && field?.value === '')
      this.renderRoot.querySelector<HTMLElement>('.passkey')?.focus()
  }

  #byPasskey = (): void => void this.attempt(() => this.services.session.unlockByPasskey())

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
