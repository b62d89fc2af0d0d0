import { html, nothing } from 'lit'
import { type InviteTicket, parseInviteFragment } from '../../shared/crypto/invite.ts'
import { KithElement } from '../app/element.ts'
import { sentenceFor } from '../app/messages.ts'
import type { PasswordField } from '../elements/password-field.ts'
import { controls } from '../styles/controls.ts'
import { welcome } from '../styles/welcome.ts'
import { checkNewPassword } from '../vault/welcome-screen.ts'
import { ticketFromPassphrase } from './invites.ts'
import { type OpenedInvite, readInvite, standingIn } from './join.ts'
import '../elements/password-field.ts'

/** Somebody holds an invite: shows where it leads, then makes an account or joins with the one that is open. */
export class JoinScreen extends KithElement {
  static override properties = { invite: { state: true }, reading: { state: true }, refused: { state: true } }
  static override styles = [controls, welcome]
  declare invite: OpenedInvite | null
  declare reading: boolean
  declare refused: string | null
  #stop: () => void = () => undefined

  constructor() {
    super()
    this.invite = null
    this.reading = false
    this.refused = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    const { secret } = this.services.router
    const read = (fragment: string) => fragment !== '' && void this.#read(async () => parseInviteFragment(fragment))
    read(secret.value)
    this.#stop = secret.watch(read)
    if (this.#isEarly) void import('../settings/install-card.ts')
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#stop()
  }

  async #read(ticket: () => Promise<InviteTicket>): Promise<void> {
    this.reading = true
    this.invite = null
    this.refused = null
    try {
      const wanted = await ticket()
      const state = this.services.session.state.value
      // Before the invite is read: one that is used up may be so by them.
      const isIn = state.kind === 'unlocked' && (await standingIn(state.unlocked.groups, wanted.groupId)) === 'in'
      if (isIn) return this.#leave()
      this.invite = await readInvite(this.services.api, wanted)
    } catch (error) {
      this.refused = sentenceFor(error)
    }
    this.reading = false
  }

  override render() {
    const { secret } = this.services.router
    const link = secret.value === '' ? null : `${location.origin}/join#${secret.value}`
    return html`<main>
      <img src="/icon.svg" alt="" width="72" height="72" />
      ${this.#isEarly ? html`<install-card early .invite=${link}></install-card>` : nothing}
      ${this.invite ? this.#open(this.invite) : this.reading ? html`<p role="status">Opening the invite…</p><div class="skeleton tall"></div>` : this.#ask()}
    </main>`
  }

  #ask() {
    return html`<h1>Join a circle</h1>
      <form @submit=${this.#submitInvite}>
        <p class="soft">Paste the link that you were sent, or type the eight words of your invite.</p>
        ${this.refused ? html`<p class="error" role="alert">${this.refused}</p>` : nothing}
        <div>
          <label for="invite">Invite: the link or eight words</label>
          <input id="invite" name="invite" autocomplete="off" autocapitalize="none" spellcheck="false" required />
        </div>
        <button class="primary wide">Open the invite</button>
      </form>
      <p class="others"><a href="/">${this.#isIn ? 'Not now' : 'I have an account'}</a></p>`
  }

  #open({ name, state }: OpenedInvite) {
    const people = [...state.members.values()].map(({ username }) => username)
    return html`<h1>Join ${name ?? 'a circle'}</h1>
      <p class="soft">With ${new Intl.ListFormat('en').format(people)}. What is shared here is sealed on your device; the server never sees it.</p>
      ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
      ${this.#isIn ? this.#asMyself() : this.#newAccount()}`
  }

  /** No keys here yet, and the person would have to put the app on the home screen by hand. */
  get #isEarly(): boolean {
    return !this.#isIn && this.services.install.state.value === 'by-hand'
  }

  get #isIn(): boolean {
    return this.services.session.state.value.kind === 'unlocked'
  }

  #asMyself() {
    return html`<button class="primary wide" ?disabled=${this.working} @click=${this.#joinAsMyself}>
        ${this.working ? 'Joining…' : 'Join'}
      </button>
      <p class="others"><button class="quiet" @click=${this.#leave}>Not now</button></p>`
  }

  #newAccount() {
    return html`<form @submit=${this.#submitAccount}>
        <div>
          <label for="username">Your name</label>
          <input id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="64" aria-describedby="username-hint" />
          <p class="hint" id="username-hint">3 to 32 of a–z, 0–9, dot, dash, underscore. Members see it.</p>
        </div>
        <password-field label="Password" kind="new"></password-field>
        <button class="primary wide" ?disabled=${this.working}>${this.working ? 'Making your keys…' : 'Join'}</button>
      </form>
      <p class="others"><a href="/">I have an account</a></p>`
  }

  #submitInvite = (event: SubmitEvent): void => {
    event.preventDefault()
    const text = String(new FormData(event.target as HTMLFormElement).get('invite')).trim()
    const link = URL.canParse(text) ? new URL(text) : null
    const { api, crypto, router } = this.services
    if (!link?.host) void this.#read(() => ticketFromPassphrase(api, crypto, text))
    else if (link.origin !== location.origin)
      this.refused = `This invite leads to another Kith. Open it at ${link.host}.`
    else if (link.hash === '') this.refused = 'This link is not whole. Copy all of it, and paste it again.'
    // As if the link had been opened here: whoever signs in first goes on with it.
    else {
      router.secret.value = ''
      router.secret.value = link.hash.slice(1)
    }
  }

  #submitAccount = (event: SubmitEvent): void => {
    event.preventDefault()
    const username = String(new FormData(event.target as HTMLFormElement).get('username'))
    const field = this.renderRoot.querySelector('password-field') as PasswordField
    const { invite } = this
    void this.attempt(async () => {
      if (!invite || !(await checkNewPassword(this, field))) return
      await this.services.session.signUp({ username, password: field.value, circleName: null, invite })
      this.#leave()
    })
  }

  #joinAsMyself = (): void => {
    const { invite } = this
    void this.attempt(async () => {
      if (!invite) return
      await this.services.session.join(invite)
      this.#leave()
    })
  }

  #leave = (): void => {
    this.services.router.secret.value = ''
    this.services.router.go('/', { replace: true })
  }
}
customElements.define('join-screen', JoinScreen)
