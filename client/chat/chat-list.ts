import { css, html, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { ConnectionId } from '../../shared/format/ids.ts'
import { KithElement } from '../app/element.ts'
import type { Talk } from '../app/services.ts'
import { Watch } from '../app/signal.ts'
import { icon } from '../elements/icon.ts'
import { controls } from '../styles/controls.ts'
import { listTimeLabel, previewOf } from './lines.ts'
import type { Conversation, Message } from './types.ts'

const SEARCH_AFTER_MS = 250

/** Conversations, newest first, and what is found in them. */
export class ChatList extends KithElement {
  static override properties = { talk: { attribute: false }, current: {}, found: { state: true } }
  static override styles = [
    controls,
    css`
      :host {
        display: block;
      }
      .search {
        padding: 0 1rem 0.75rem;
      }
      ul {
        margin: 0;
        padding: 0;
        list-style: none;
      }
      a {
        display: flex;
        align-items: center;
        gap: 0.75rem;
        min-height: 72px;
        padding: 0.5rem 1rem;
        color: inherit;
        text-decoration: none;
      }
      a[aria-current] {
        background: var(--accent-soft);
      }
      a[aria-current] .avatar {
        background: var(--raised);
      }
      a:focus-visible {
        outline-offset: -3px;
      }
      .line {
        display: flex;
        align-items: baseline;
        gap: 0.5rem;
      }
      .name,
      .preview {
        flex: 1;
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .name {
        font-weight: 650;
      }
      .preview {
        color: var(--ink-soft);
      }
      .draft {
        color: var(--accent);
        font-weight: 600;
      }
      .mark {
        display: inline-flex;
        vertical-align: -3px;
        color: var(--accent);
      }
      .unread {
        min-width: 22px;
        padding: 0 7px;
        border-radius: 999px;
        background: var(--accent);
        color: var(--accent-ink);
        font-size: 0.8125rem;
        font-weight: 650;
        line-height: 22px;
        text-align: center;
      }
    `,
  ]
  declare talk: Talk
  declare current: ConnectionId | null
  declare found: readonly { readonly conversation: Conversation; readonly message: Message }[] | null
  #searching: ReturnType<typeof setTimeout> | undefined
  /** The answer of a search that another has followed is not shown. */
  #turn = 0

  constructor() {
    super()
    this.current = null
    this.found = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    new Watch(this, this.talk.chat.conversations)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    clearTimeout(this.#searching)
  }

  override render() {
    const all = this.talk.chat.conversations.value
    if (all.length === 0) {
      return html`<div class="search stack">
        <p class="soft">Nobody to write to yet. Find a friend first; once they accept, you write to each other here.</p>
        <p><a class="button primary" href="/friends">${icon('friends', 20)} Find a friend</a></p>
      </div>`
    }
    return html`
      <div class="search">
        <input type="search" aria-label="Search in all chats" placeholder="Search" @input=${this.#search} />
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
      </div>
      ${
        this.found
          ? html`<ul aria-label="Found">
              ${this.found.map(({ conversation, message }) => this.#row(conversation, message, null))}
              ${this.found.length === 0 ? html`<li class="search soft">Nothing found on this device.</li>` : nothing}
            </ul>`
          : html`<ul aria-label="Chats">
              ${repeat(
                all,
                ({ connectionId }) => connectionId,
                (one) => this.#row(one, one.last, one.unread),
              )}
            </ul>`
      }
    `
  }

  #row(one: Conversation, message: Message | null, unread: number | null) {
    return html`<li>
      <a href="/chats/${one.connectionId}" aria-current=${this.current === one.connectionId ? 'page' : nothing} @click=${() => this.#want(one, message)}>
        <span class="avatar" aria-hidden="true">${one.peer.username.slice(0, 1) || '?'}</span>
        <span class="grow">
          <span class="line">
            <span class="name"
              >${one.peer.username || 'Somebody who is gone'}
              ${one.isVerified ? html`<span class="mark">${icon('shield', 15)}<span class="visually-hidden">verified</span></span>` : nothing}</span
            >
            ${message ? html`<time class="soft small" datetime=${new Date(message.sentAt).toISOString()}>${listTimeLabel(message.sentAt, Date.now())}</time>` : nothing}
          </span>
          <span class="line">
            <span class="preview">${this.#preview(one, message)}</span>
            ${unread ? html`<span class="unread">${unread > 99 ? '99+' : unread}<span class="visually-hidden"> unread</span></span>` : nothing}
          </span>
        </span>
      </a>
    </li>`
  }

  #preview(one: Conversation, message: Message | null) {
    if (one.fault) return 'Something is wrong here. Open to see what.'
    if (one.isTyping) return 'is typing…'
    if (one.draft.trim() && message === one.last) return html`<span class="draft">Draft:</span> ${one.draft}`
    if (!message) return 'Say hello.'
    return `${message.isMine ? 'You: ' : ''}${previewOf(message)}`
  }

  /** What was found is where one lands. */
  #want({ connectionId }: Conversation, message: Message | null): void {
    if (this.found && message?.ref) this.talk.wanted.value = { connectionId, ref: message.ref }
  }

  #search = (event: Event): void => {
    const text = (event.target as HTMLInputElement).value.trim()
    clearTimeout(this.#searching)
    const turn = ++this.#turn
    if (text.length < 2) {
      this.found = null
      return
    }
    this.#searching = setTimeout(() => {
      void this.attempt(async () => {
        const found = await this.talk.chat.search(text)
        if (turn === this.#turn) this.found = found
      })
    }, SEARCH_AFTER_MS)
  }
}
customElements.define('chat-list', ChatList)
