import { html, nothing } from 'lit'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { Person } from '../../shared/wire/people.ts'
import { KithElement } from '../app/element.ts'
import '../elements/dialog.ts'
import { controls } from '../styles/controls.ts'

/**
 * Asks somebody to connect, with a note if one likes.
 * @fires close
 * @fires asked once the request is with the server
 */
export class AskDialog extends KithElement {
  static override properties = { person: { attribute: false }, keyHash: { attribute: false } }
  static override styles = [controls]
  declare person: Person
  /** From a personal link. */
  declare keyHash: Bytes | null

  constructor() {
    super()
    this.keyHash = null
  }

  override render() {
    const { username } = this.person
    return html`<kith-dialog heading="Ask ${username}" @close=${() => this.dispatchEvent(new CustomEvent('close'))}>
      <form class="stack" @submit=${this.#ask}>
        <p class="soft">${username} sees your name and your note, and decides. The note is sealed: the server cannot read it.</p>
        ${this.keyHash ? html`<p class="soft">You came by ${username}’s own link: the server cannot put somebody else in their place.</p>` : nothing}
        <div>
          <label for="note">Note (you may leave it empty)</label>
          <textarea id="note" name="note" rows="3" maxlength="500"></textarea>
        </div>
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        <button class="primary wide" ?disabled=${this.working}>${this.working ? 'Sealing…' : 'Ask'}</button>
      </form>
    </kith-dialog>`
  }

  #ask = (event: SubmitEvent): void => {
    event.preventDefault()
    const note = String(new FormData(event.target as HTMLFormElement).get('note'))
    void this.attempt(async () => {
      const { friends } = await this.services.openTalk()
      await friends.request(this.person, note, this.keyHash ?? undefined)
      this.dispatchEvent(new CustomEvent('asked'))
    })
  }
}
customElements.define('ask-dialog', AskDialog)
