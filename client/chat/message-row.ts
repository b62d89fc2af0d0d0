import { css, html, LitElement, nothing } from 'lit'
import { sentenceFor } from '../app/messages.ts'
import { icon } from '../elements/icon.ts'
import { controls } from '../styles/controls.ts'
import { previewOf, STATE_LABELS, timeLabel } from './lines.ts'
import './message-media.ts'
import { isEmojiAlone, textParts } from './text-parts.ts'
import type { Message } from './types.ts'

/**
 * One message: what was said, to what, with which reactions, and how far it has come.
 * @fires more when the person wants to do something with it
 * @fires quoted when the quote was tapped
 * @fires retry, take-back of one's own that failed
 */
export class MessageRow extends LitElement {
  static override properties = {
    message: { attribute: false },
    quoted: { attribute: false },
    isContinued: { type: Boolean },
    isLit: { type: Boolean, reflect: true },
    friend: {},
  }
  static override styles = [
    controls,
    css`
      :host {
        display: flex;
        flex-direction: column;
        padding: 6px 12px 0;
      }
      :host([isLit]) .bubble {
        outline: 3px solid var(--focus);
      }
      .bubble {
        max-width: min(84%, 560px);
        align-self: flex-start;
        padding: 8px 12px;
        border: 1px solid var(--line);
        border-radius: 18px 18px 18px 6px;
        background: var(--raised);
        overflow-wrap: anywhere;
      }
      .mine .bubble,
      .bubble.mine {
        align-self: flex-end;
        border-color: transparent;
        border-radius: 18px 18px 6px 18px;
        background: var(--accent-soft);
      }
      .text {
        white-space: pre-wrap;
      }
      .emoji {
        font-size: 2.25rem;
        line-height: 1.2;
      }
      .gone {
        color: var(--ink-soft);
        font-style: italic;
      }
      .quote {
        display: block;
        width: 100%;
        min-height: 0;
        margin-bottom: 6px;
        padding: 4px 10px;
        border: 0;
        border-left: 3px solid var(--accent);
        border-radius: 6px;
        background: color-mix(in srgb, var(--ink) 6%, transparent);
        font-size: 0.875rem;
        font-weight: 400;
        text-align: left;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .foot {
        display: flex;
        align-items: center;
        justify-content: flex-end;
        gap: 6px;
        color: var(--ink-soft);
        font-size: 0.75rem;
        font-variant-numeric: tabular-nums;
      }
      .foot button {
        min-height: 28px;
        padding: 0 6px;
        border: 0;
        background: transparent;
        color: inherit;
      }
      .reactions {
        align-self: flex-start;
        margin: -6px 0 0 10px;
        padding: 1px 8px;
        border: 1px solid var(--line);
        border-radius: 999px;
        background: var(--raised);
        font-size: 0.9375rem;
        z-index: 1;
      }
      .reactions.mine {
        align-self: flex-end;
        margin: -6px 10px 0 0;
      }
      .note {
        align-self: center;
        padding: 4px 12px;
        color: var(--ink-soft);
        font-size: 0.8125rem;
        text-align: center;
      }
      .failed {
        align-self: flex-end;
        max-width: min(84%, 560px);
        margin-top: 4px;
      }
    `,
  ]
  declare message: Message
  /** The message that this one answers; `null`: none, or not here. */
  declare quoted: Message | null
  declare isContinued: boolean
  /** Just jumped to. */
  declare isLit: boolean
  declare friend: string

  override render() {
    const { message } = this
    const { content, isMine, reactions } = message
    if (content.type === 'settings')
      return html`<p class="note">${isMine ? 'You' : this.friend}: ${previewOf(message)}</p>`
    const side = isMine ? 'mine' : ''
    return html`
      <div class="bubble ${side}">
        ${this.isContinued ? nothing : html`<span class="visually-hidden">${isMine ? 'You' : this.friend}:</span>`}
        ${message.reply ? html`<button class="quote" @click=${() => this.#tell('quoted')}>${this.quoted ? previewOf(this.quoted) : 'An earlier message'}</button>` : nothing}
        ${this.#content()}
        <div class="foot">
          ${message.isEdited ? html`<span>edited</span>` : nothing}
          <time datetime=${new Date(message.sentAt).toISOString()}>${timeLabel(message.sentAt)}</time>
          ${isMine && message.state && content.type !== 'deleted' ? html`<span data-state=${message.state}>${marks(message)}<span class="visually-hidden">${STATE_LABELS[message.state]}</span></span>` : nothing}
          <button aria-label="More about this message" aria-haspopup="dialog" @click=${() => this.#tell('more')}>${icon('more', 18)}</button>
        </div>
      </div>
      ${
        reactions.length > 0
          ? html`<span class="reactions ${side}" role="img" aria-label="Reactions: ${reactions.map(({ emoji }) => emoji).join(' ')}">${reactions.map(({ emoji }) => emoji).join(' ')}</span>`
          : nothing
      }
      ${message.state === 'failed' ? this.#failed() : nothing}
    `
  }

  #content() {
    const { content, progress } = this.message
    switch (content.type) {
      case 'deleted':
        return html`<p class="gone">${previewOf(this.message)}</p>`
      case 'media':
        return html`<message-media .media=${content.media} .progress=${progress}></message-media>
          ${content.text ? html`<p class="text">${linked(content.text)}</p>` : nothing}`
      case 'text':
        return html`<p class="text ${isEmojiAlone(content.text) ? 'emoji' : ''}">${linked(content.text)}</p>`
      default:
        return nothing
    }
  }

  #failed() {
    const { problem } = this.message
    return html`<div class="failed error" role="alert">
      <p>${problem ? sentenceFor(problem) : 'This was not sent.'}</p>
      <div class="row">
        <button @click=${() => this.#tell('retry')}>Try again</button>
        <button class="quiet" @click=${() => this.#tell('take-back')}>Take it back</button>
      </div>
    </div>`
  }

  #tell(name: string): void {
    this.dispatchEvent(new CustomEvent(name))
  }
}

const MARKS = { waiting: '◷', sending: '◷', sent: '✓', delivered: '✓✓', read: '✓✓', failed: '!' } as const
const marks = ({ state }: Message) =>
  html`<span aria-hidden="true">${state ? MARKS[state] : ''}${state === 'read' ? ' read' : ''}</span>`
const linked = (text: string) =>
  textParts(text).map(({ text: part, href }) =>
    href ? html`<a href=${href} target="_blank" rel="noopener noreferrer nofollow">${part}</a>` : part,
  )

customElements.define('message-row', MessageRow)
