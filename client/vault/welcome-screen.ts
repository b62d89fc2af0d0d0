import { html, nothing } from 'lit'
import { isUsername, parseUsername } from '../../shared/format/username.ts'
import { readInstance } from '../../shared/wire/accounts.ts'
import type { ReplyOf } from '../../shared/wire/route.ts'
import { KithElement } from '../app/element.ts'
import { sentenceFor } from '../app/messages.ts'
import type { PasswordField } from '../elements/password-field.ts'
import { controls } from '../styles/controls.ts'
import { welcome } from '../styles/welcome.ts'
import '../elements/password-field.ts'

type Mode = 'create' | 'sign-in' | 'recover'

/** The first thing that anybody sees: make a circle, sign in, or get back in by the 24 words. */
export class WelcomeScreen extends KithElement {
  static override properties = { mode: { state: true }, instance: { state: true }, unreachable: { state: true } }
  static override styles = [controls, welcome]
  declare mode: Mode
  declare instance: ReplyOf<typeof readInstance> | null
  declare unreachable: string | null

  constructor() {
    super()
    this.mode = 'sign-in'
    this.instance = null
    this.unreachable = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    void this.#ask()
    if (this.services.install.state.value === 'by-hand') void import('../settings/install-card.ts')
  }

  async #ask(): Promise<void> {
    this.unreachable = null
    try {
      this.instance = await this.services.api.call(readInstance)
      if (this.instance.needsOwner) this.mode = 'create'
    } catch (error) {
      this.unreachable = sentenceFor(error)
    }
  }

  override render() {
    return html`<main>
      <img src="/icon.svg" alt="" width="72" height="72" />
      ${this.services.install.state.value === 'by-hand' ? html`<install-card early></install-card>` : nothing}
      ${this.unreachable ? this.#unreachable(this.unreachable) : this.instance ? this.#form() : html`<div class="skeleton tall"></div>`}
    </main>`
  }

  #unreachable(sentence: string) {
    return html`<h1>Kith</h1>
      <p class="error" role="alert">${sentence}</p>
      <button class="primary" @click=${this.#ask}>Try again</button>`
  }

  #form() {
    const isFirst = this.instance?.needsOwner === true
    const heading = {
      create: isFirst ? 'Make your circle' : 'Make an account',
      'sign-in': 'Welcome back',
      recover: 'Get back in',
    }[this.mode]
    return html`<h1>${heading}</h1>
      <form @submit=${this.#submit} @input=${() => this.requestUpdate()}>
        <p class="soft">${this.#lead(isFirst)}</p>
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        <div>
          <label for="username">Your name</label>
          <input
            id="username"
            name="username"
            autocomplete="username"
            autocapitalize="none"
            spellcheck="false"
            required
            maxlength="64"
            aria-describedby="username-hint"
          />
          ${this.mode === 'create' ? html`<p class="hint" id="username-hint">3 to 32 of a–z, 0–9, dot, dash, underscore. Members see it.</p>` : nothing}
        </div>
        ${
          this.mode === 'recover'
            ? html`<div>
                <label for="words">Recovery key, 24 words</label>
                <textarea id="words" name="words" rows="4" autocapitalize="none" autocomplete="off" spellcheck="false" required></textarea>
              </div>`
            : nothing
        }
        <password-field
          .label=${this.mode === 'recover' ? 'New password' : 'Password'}
          .kind=${this.mode === 'sign-in' ? 'current' : 'new'}
        ></password-field>
        ${
          this.mode === 'create' && isFirst
            ? html`<div>
                <label for="circle">Name of your circle</label>
                <input id="circle" name="circle" value="Our circle" required maxlength="80" autocomplete="off" />
              </div>`
            : nothing
        }
        <button class="primary wide" ?disabled=${this.working}>${this.working ? this.#workingText() : this.#action(isFirst)}</button>
      </form>
      ${this.#others(isFirst)}`
  }

  #lead(isFirst: boolean): string {
    if (this.mode === 'recover') return 'Type the words that you wrote down, and choose a new password.'
    if (this.mode === 'sign-in') return 'Your password never leaves this device.'
    return isFirst
      ? 'You are the first one here. Everything that you share is sealed on your device; the server never sees it.'
      : 'Everything that you share is sealed on your device; the server never sees it.'
  }

  #action(isFirst: boolean): string {
    if (this.mode === 'create') return isFirst ? 'Make the circle' : 'Make the account'
    return this.mode === 'recover' ? 'Set the password' : 'Sign in'
  }

  #workingText(): string {
    return this.mode === 'create' ? 'Making your keys…' : 'Opening…'
  }

  #others(isFirst: boolean) {
    if (isFirst) return nothing
    // An installed app has no address bar, and opens no link: there it is the way in for whoever was invited.
    const isApp = this.services.install.state.value === 'installed'
    const invite = html`<a class=${isApp ? 'button wide' : 'small'} href="/join">I have an invite</a>`
    const go = (mode: Mode) => () => {
      this.mode = mode
      this.failure = null
    }
    return html`<p class="others">
      ${this.mode === 'sign-in' ? html`<button class="quiet" @click=${go('recover')}>I forgot my password</button>` : html`<button class="quiet" @click=${go('sign-in')}>Sign in instead</button>`}
      ${this.mode !== 'create' && this.instance?.signup === 'open' ? html`<button class="quiet" @click=${go('create')}>Make an account</button>` : nothing}
      ${this.mode !== 'create' && !isApp ? invite : nothing}
    </p>
    ${this.mode !== 'create' && isApp ? invite : nothing}`
  }

  #submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const data = new FormData(event.target as HTMLFormElement)
    const field = this.renderRoot.querySelector('password-field') as PasswordField
    const username = String(data.get('username') ?? '')
    void this.attempt(async () => {
      const { session, router, install } = this.services
      if (this.mode === 'sign-in') await session.signIn(username, field.value)
      else if (!(await checkNewPassword(this, field))) return
      else if (this.mode === 'recover') await session.recover(username, String(data.get('words') ?? ''), field.value)
      else {
        if (!isUsername(parseUsername(username))) return
        const circleName = this.instance?.needsOwner ? String(data.get('circle') ?? '').trim() : null
        await session.signUp({ username, password: field.value, circleName, invite: null })
      }
      // Whoever came by an invite, or opened a file with Kith, and signed in first goes on with it.
      const first = install.opened.value.length > 0 ? '/share' : '/'
      router.go(router.secret.value === '' ? first : '/join', { replace: true })
    })
  }
}

/** Says why a new password is not taken. */
export async function checkNewPassword(screen: KithElement, field: PasswordField): Promise<boolean> {
  if (await field.isAcceptable()) return true
  screen.failure = 'This password is too easy to guess. Make it longer, or use several unrelated words.'
  field.focus()
  return false
}
customElements.define('welcome-screen', WelcomeScreen)
