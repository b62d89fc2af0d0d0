import { html, nothing } from 'lit'
import { type Person, readPerson } from '../../shared/wire/people.ts'
import { KithElement } from '../app/element.ts'
import { controls } from '../styles/controls.ts'
import './ask-dialog.ts'
import { type PersonLink, parsePersonFragment } from './people.ts'

/** Where a personal link leads: says whose it is, and asks them. */
export class AddScreen extends KithElement {
  static override properties = { person: { state: true } }
  static override styles = [controls]
  declare person: Person | null
  #link: PersonLink | null = null
  /** What it was read from. */
  #text = ''
  #stop: (() => void) | undefined

  constructor() {
    super()
    this.person = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    const { secret } = this.services.router
    this.#stop = secret.watch(() => this.#read())
    this.#read()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#stop?.()
    // An invite that came meanwhile is for the next screen.
    const { secret } = this.services.router
    if (secret.value === this.#text) secret.value = ''
  }

  #read(): void {
    const { api, router, session } = this.services
    const text = router.secret.value
    if (text === '' || router.path.value !== '/add') return
    this.#text = text
    void this.attempt(async () => {
      const link = parsePersonFragment(text)
      if (link.userId === session.requireUnlocked().account.userId) {
        this.services.toasts.show('That is your own link.')
        router.go('/friends', { replace: true })
        return
      }
      this.person = await api.call(readPerson, { params: { userId: link.userId } })
      this.#link = link
    })
  }

  override render() {
    const { router } = this.services
    return html`<main class="page">
      <h1>Add a friend</h1>
      ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
      ${
        this.person && this.#link
          ? html`<ask-dialog
              .person=${this.person}
              .keyHash=${this.#link.keyHash}
              @close=${() => router.go('/friends', { replace: true })}
              @asked=${() => router.go('/friends', { replace: true })}
            ></ask-dialog>`
          : this.working
            ? html`<p class="soft" role="status">Looking who it is…</p>`
            : html`<p class="soft">Open the link once more: it is not kept.</p>
                <p><a class="button" href="/friends">To your friends</a></p>`
      }
      ${nothing}
    </main>`
  }
}
customElements.define('add-screen', AddScreen)
