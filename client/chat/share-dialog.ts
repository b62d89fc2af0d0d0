import { html, nothing } from 'lit'
import type { ConnectionId, MediaId } from '../../shared/format/ids.ts'
import { listGrants } from '../../shared/wire/grants.ts'
import { KithElement } from '../app/element.ts'
import type { Talk } from '../app/services.ts'
import '../elements/dialog.ts'
import { icon } from '../elements/icon.ts'
import { controls } from '../styles/controls.ts'

/**
 * Passes one item on to a friend, with its keys in a message, and takes that back.
 * @fires close
 */
export class ShareDialog extends KithElement {
  static override properties = { mediaId: {}, talk: { state: true }, granted: { state: true } }
  static override styles = [controls]
  declare mediaId: MediaId
  declare talk: Talk | null
  declare granted: ReadonlySet<ConnectionId>

  constructor() {
    super()
    this.talk = null
    this.granted = new Set()
  }

  protected override firstUpdated(): void {
    void this.attempt(() => this.#load())
  }

  async #load(): Promise<void> {
    this.talk = await this.services.openTalk()
    const { connectionIds } = await this.services.api.call(listGrants, { params: { mediaId: this.mediaId } })
    this.granted = new Set(connectionIds)
  }

  override render() {
    const friends = this.talk?.chat.conversations.value.filter(({ canSend }) => canSend) ?? []
    return html`<kith-dialog heading="Send to a friend" @close=${() => this.dispatchEvent(new CustomEvent('close'))}>
      <div class="stack">
        <p class="soft">They get this one item, and nothing else of the library. What they have seen, they may have kept.</p>
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        ${this.talk && friends.length === 0 ? html`<p>You have no friends to write to yet. <a href="/friends">Find one</a></p>` : nothing}
        <ul class="list">
          ${friends.map(
            ({ connectionId, peer }) =>
              html`<li>
                <span class="avatar" aria-hidden="true">${peer.username.slice(0, 1)}</span>
                <span class="grow">${peer.username}</span>
                ${
                  this.granted.has(connectionId)
                    ? html`<button ?disabled=${this.working} aria-label="Take it back from ${peer.username}" @click=${() => this.#set(connectionId, false)}>Take back</button>`
                    : html`<button class="primary" ?disabled=${this.working} aria-label="Send to ${peer.username}" @click=${() => this.#set(connectionId, true)}>${icon('send', 20)} Send</button>`
                }
              </li>`,
          )}
        </ul>
      </div>
    </kith-dialog>`
  }

  #set(connection: ConnectionId, isGranted: boolean): void {
    void this.attempt(async () => {
      const { chat } = await this.services.openTalk()
      if (isGranted) await chat.shareItem(connection, this.mediaId)
      else await chat.unshareItem(connection, this.mediaId)
      // The server hears of it with the message, now or when there is a network.
      const granted = new Set(this.granted)
      if (isGranted) granted.add(connection)
      else granted.delete(connection)
      this.granted = granted
    })
  }
}
customElements.define('share-dialog', ShareDialog)
