import { html, nothing } from 'lit'
import { KithElement } from '../app/element.ts'
import '../elements/dialog.ts'
import { icon } from '../elements/icon.ts'
import type { PasswordField } from '../elements/password-field.ts'
import '../elements/password-field.ts'
import { controls } from '../styles/controls.ts'
import { hasPasskey, isPasskeyPossible, removePasskey } from '../vault/passkey.ts'

/** A passkey of this device as a second way to unlock. */
export class PasskeyCard extends KithElement {
  static override properties = { isThere: { state: true }, isPossible: { state: true }, isAsking: { state: true } }
  static override styles = [controls]
  /** `null`: not known yet. */
  declare isThere: boolean | null
  declare isPossible: boolean
  declare isAsking: boolean

  constructor() {
    super()
    this.isThere = null
    this.isPossible = false
    this.isAsking = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    void this.attempt(() => this.#look())
  }

  override render() {
    if (this.isThere === null) return nothing
    return html`<section class="card stack" aria-labelledby="passkey">
      <h2 id="passkey">Passkey</h2>
      <p class="soft">
        ${
          !this.isPossible
            ? 'This browser cannot unlock Kith with a passkey: it gives no secret to open with. Your password works as before.'
            : this.isThere
              ? 'Your face, finger or device code unlocks Kith here. Your password still does, too.'
              : 'Unlock Kith on this device by face, finger or device code. The password stays: the passkey is a second way, never the only one.'
        }
      </p>
      ${this.failure && !this.isAsking ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
      ${
        this.isThere
          ? html`<button ?disabled=${this.working} @click=${this.#remove}>Remove the passkey</button>`
          : this.isPossible
            ? html`<button @click=${() => (this.isAsking = true)}>${icon('shield', 20)} Unlock with a passkey</button>`
            : nothing
      }
      ${this.isAsking ? this.#dialog() : nothing}
    </section>`
  }

  #dialog() {
    return html`<kith-dialog heading="Unlock with a passkey" @close=${this.#close}>
      <form class="stack" @submit=${this.#make}>
        <p class="soft">First your password, so that nobody else adds a way in. Then your device asks.</p>
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        <password-field label="Password"></password-field>
        <button class="primary wide" ?disabled=${this.working}>${this.working ? 'One moment…' : 'Make the passkey'}</button>
      </form>
    </kith-dialog>`
  }

  #close = (): void => {
    this.isAsking = false
    this.failure = null
  }

  async #look(): Promise<void> {
    this.isPossible = await isPasskeyPossible()
    this.isThere = await hasPasskey()
  }

  #make = (event: SubmitEvent): void => {
    event.preventDefault()
    const field = this.renderRoot.querySelector('password-field') as PasswordField
    void this.attempt(async () => {
      await this.services.session.addPasskey(field.value)
      this.#close()
      await this.#look()
      this.services.toasts.show('From now on the passkey unlocks Kith here.')
    })
  }

  #remove = (): void =>
    void this.attempt(async () => {
      await removePasskey()
      await this.#look()
    })
}
customElements.define('passkey-card', PasskeyCard)
