import { html, nothing } from 'lit'
import { KithElement } from '../app/element.ts'
import '../elements/dialog.ts'
import type { PasswordField } from '../elements/password-field.ts'
import '../elements/password-field.ts'
import { controls } from '../styles/controls.ts'

/** Another password, and a second one that destroys. */
export class PasswordCard extends KithElement {
  static override properties = { open: { state: true } }
  static override styles = [controls]
  declare open: 'change' | 'destruction' | null

  constructor() {
    super()
    this.open = null
  }

  override render() {
    return html`<section class="card stack" aria-labelledby="password">
      <h2 id="password">Passwords</h2>
      <button @click=${() => (this.open = 'change')}>Change the password</button>
      <p class="soft">
        A <strong>destruction password</strong> looks like a sign-in that fails; what it does is erase your account’s keys at the
        server for good. Nobody can see whether you have one.
      </p>
      <button @click=${() => (this.open = 'destruction')}>Set or remove a destruction password</button>
      ${this.open === 'change' ? this.#change() : this.open === 'destruction' ? this.#destruction() : nothing}
    </section>`
  }

  #change() {
    return html`<kith-dialog heading="Change the password" @close=${this.#close}>
      <form class="stack" @submit=${this.#saveChange}>
        <p class="soft">
          Your other devices are signed out, and forget everything that Kith keeps there when they are online next. The recovery key stays the same. A destruction password, if you have one, ends with the old password: set it again.
        </p>
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        <password-field class="current" label="Current password"></password-field>
        <password-field class="new" label="New password" kind="new"></password-field>
        <button class="primary wide" ?disabled=${this.working}>${this.working ? 'Changing…' : 'Change it'}</button>
      </form>
    </kith-dialog>`
  }

  #destruction() {
    return html`<kith-dialog heading="Destruction password" @close=${this.#close}>
      <form class="stack" @submit=${this.#saveDestruction}>
        <p class="soft">
          Whoever signs in with it, or unlocks with it while there is network, you or somebody who makes you, ends your account: its keys, vault and friends are erased at
          the server, every device is signed out and forgets what it keeps, and no recovery key brings it back. What you shared with a circle stays with the others.
          Leave the second field empty to have none. Your other devices are signed out now, and forget what Kith keeps there.
        </p>
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        <password-field class="current" label="Current password"></password-field>
        <password-field class="new" label="Destruction password" kind="new"></password-field>
        <button class="primary wide" ?disabled=${this.working}>${this.working ? 'Saving…' : 'Save'}</button>
      </form>
    </kith-dialog>`
  }

  #field(name: 'current' | 'new'): PasswordField {
    return this.renderRoot.querySelector(`password-field.${name}`) as PasswordField
  }

  #say(sentence: string): void {
    this.failure = sentence
    this.requestUpdate()
  }

  #close = (): void => {
    this.open = null
    this.failure = null
  }

  #saveChange = (event: SubmitEvent): void => {
    event.preventDefault()
    const [current, wanted] = [this.#field('current'), this.#field('new')]
    void this.#save(wanted, 'Your password is changed.', () =>
      this.services.session.setPasswords(current.value, { password: wanted.value, destruction: null }),
    )
  }

  #saveDestruction = (event: SubmitEvent): void => {
    event.preventDefault()
    const [current, wanted] = [this.#field('current'), this.#field('new')]
    if (wanted.value !== '' && wanted.value === current.value) {
      this.#say('It has to be another one than your password.')
      return
    }
    const destruction = wanted.value === '' ? null : wanted.value
    const said = destruction === null ? 'There is no destruction password now.' : 'The destruction password is set.'
    void this.#save(destruction === null ? null : wanted, said, () =>
      this.services.session.setPasswords(current.value, { password: null, destruction }),
    )
  }

  /** @param checked has to be hard to guess. */
  async #save(checked: PasswordField | null, said: string, run: () => Promise<void>): Promise<void> {
    if (checked && !(await checked.isAcceptable())) {
      this.#say('This password is too easy to guess. Make it longer, or use several unrelated words.')
      checked.focus()
      return
    }
    if (await this.attempt(run)) {
      this.#close()
      this.services.toasts.show(said)
    }
  }
}
customElements.define('password-card', PasswordCard)
