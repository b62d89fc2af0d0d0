import { css, html, nothing } from 'lit'
import { KithElement } from '../app/element.ts'
import '../elements/dialog.ts'
import { icon } from '../elements/icon.ts'
import '../groups/confirm-dialog.ts'
import type { Ask } from '../groups/confirm-dialog.ts'
import { controls } from '../styles/controls.ts'
import type { Connection } from './types.ts'

type Doubt = 'remove' | 'block'

/**
 * What can be done with a friend besides writing to them.
 * @fires verify
 */
export class FriendMenu extends KithElement {
  static override properties = { connection: { attribute: false }, open: { state: true }, doubt: { state: true } }
  static override styles = [
    controls,
    css`
      .choices {
        display: grid;
        gap: 0.5rem;
      }
      .choices button {
        justify-content: flex-start;
      }
    `,
  ]
  declare connection: Connection
  declare open: boolean
  declare doubt: Doubt | null

  constructor() {
    super()
    this.open = false
    this.doubt = null
  }

  override render() {
    const { username } = this.connection.peer
    return html`<button class="icon" aria-label="More about ${username}" aria-haspopup="dialog" @click=${() => (this.open = true)}>
        ${icon('more')}
      </button>
      ${this.open ? (this.doubt ? this.#asks(this.doubt) : this.#choices()) : nothing}`
  }

  #choices() {
    return html`<kith-dialog heading=${this.connection.peer.username} @close=${this.#close}>
      <div class="choices">
        <button @click=${this.#verify}>${icon('shield', 20)} Verify</button>
        <button @click=${() => (this.doubt = 'remove')}>${icon('close', 20)} Remove from friends</button>
        <button class="danger" @click=${() => (this.doubt = 'block')}>${icon('lock', 20)} Block</button>
      </div>
    </kith-dialog>`
  }

  #asks(doubt: Doubt) {
    const { connectionId, peer } = this.connection
    const friends = async () => (await this.services.openTalk()).friends
    const ask: Ask =
      doubt === 'remove'
        ? {
            heading: `Remove ${peer.username}?`,
            text: 'You can no longer write to each other. What was written stays on your devices; to write again, one of you has to ask.',
            label: 'Remove',
            run: async () => (await friends()).end(connectionId),
          }
        : {
            heading: `Block ${peer.username}?`,
            text: 'Their messages and requests are refused, and they do not find you any more. They are not told.',
            label: 'Block',
            run: async () => (await friends()).block(peer.userId),
          }
    return html`<confirm-dialog .ask=${ask} @close=${this.#close}></confirm-dialog>`
  }

  #verify = (): void => {
    this.#close()
    this.dispatchEvent(new CustomEvent('verify'))
  }

  #close = (): void => {
    this.open = false
    this.doubt = null
  }
}
customElements.define('friend-menu', FriendMenu)
