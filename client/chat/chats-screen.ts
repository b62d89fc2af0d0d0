import { css, html } from 'lit'
import { KithElement } from '../app/element.ts'
import { passAppError } from '../app/passing.ts'
import type { Talk } from '../app/services.ts'
import { controls } from '../styles/controls.ts'
import './chat-list.ts'

/** All conversations. */
export class ChatsScreen extends KithElement {
  static override properties = { talk: { state: true } }
  static override styles = [
    controls,
    css`
      :host {
        display: block;
        max-width: 720px;
        margin: 0 auto;
      }
      h1 {
        padding: 1.25rem 1rem 0.75rem;
      }
    `,
  ]
  declare talk: Talk | null

  constructor() {
    super()
    this.talk = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    void this.services
      .openTalk()
      .then((talk) => {
        this.talk = talk
        return talk.chat.catchUp()
      })
      .catch(passAppError)
  }

  override render() {
    return html`<main>
      <h1>Chats</h1>
      ${this.talk ? html`<chat-list .talk=${this.talk}></chat-list>` : html`<div class="skeleton tall"></div>`}
    </main>`
  }
}
customElements.define('chats-screen', ChatsScreen)
