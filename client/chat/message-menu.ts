import { css, html, nothing } from 'lit'
import type { MessageRef } from '../../shared/wire/message-body.ts'
import { KithElement } from '../app/element.ts'
import '../elements/dialog.ts'
import { icon } from '../elements/icon.ts'
import { controls } from '../styles/controls.ts'
import { oneEmoji } from './emoji.ts'
import type { Message, Thread } from './types.ts'

/** At hand; every other one can be typed. */
const EMOJI: readonly string[] = ['👍', '❤️', '😂', '😮', '😢', '🙏']

/**
 * What can be done with a message.
 * @fires close
 * @fires reply, edit for the composer
 */
export class MessageMenu extends KithElement {
  static override properties = { message: { attribute: false }, thread: { attribute: false }, isSure: { state: true } }
  static override styles = [
    controls,
    css`
      .emoji {
        display: flex;
        flex-wrap: wrap;
        gap: 0.375rem;
      }
      .emoji button {
        width: 48px;
        padding: 0;
        font-size: 1.375rem;
      }
      .emoji input {
        flex: 1;
        min-width: 96px;
        margin: 0;
      }
      .emoji button[aria-pressed='true'] {
        border-color: var(--accent);
        background: var(--accent-soft);
      }
      .choices {
        display: grid;
        gap: 0.5rem;
      }
      .choices button {
        justify-content: flex-start;
      }
    `,
  ]
  declare message: Message
  declare thread: Thread
  /** Deleting for both was chosen, and is asked for once more. */
  declare isSure: boolean

  constructor() {
    super()
    this.isSure = false
  }

  override render() {
    const { message, thread } = this
    const { ref, content, isMine } = message
    const canWrite = thread.conversation.value.canSend
    const text = content.type === 'text' ? content.text : content.type === 'media' ? content.text : null
    const isThere = ref !== null && content.type !== 'deleted'
    const mine = message.reactions.find((reaction) => reaction.isMine)?.emoji
    const emojis = mine && !EMOJI.includes(mine) ? [mine, ...EMOJI] : EMOJI
    const editLabel = editLabelOf(content)
    if (this.isSure && ref) return this.#asking(ref)
    return html`<kith-dialog heading="Message" @close=${this.#close}>
      <div class="stack">
        ${
          isThere && canWrite
            ? html`<div class="emoji" role="group" aria-label="React">
                ${emojis.map(
                  (emoji) =>
                    html`<button aria-label=${emoji} aria-pressed=${emoji === mine} @click=${() => this.#do(() => thread.react(ref, emoji === mine ? null : emoji))}>${emoji}</button>`,
                )}
                <input
                  aria-label="Another emoji"
                  placeholder="Another…"
                  autocomplete="off"
                  enterkeyhint="send"
                  @input=${(event: Event) => this.#typed(event, ref)}
                />
              </div>`
            : nothing
        }
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        <div class="choices">
          ${isThere && canWrite ? html`<button @click=${() => this.#tell('reply')}>${icon('back', 20)} Reply</button>` : nothing}
          ${text ? html`<button @click=${() => this.#copy(text)}>${icon('copy', 20)} Copy</button>` : nothing}
          ${isThere && isMine && canWrite && editLabel ? html`<button @click=${() => this.#tell('edit')}>${icon('edit', 20)} ${editLabel}</button>` : nothing}
          <button @click=${() => this.#do(() => thread.deleteHere(message.key))}>${icon('trash', 20)} Delete on this device</button>
          ${isThere && isMine && canWrite ? html`<button class="danger" @click=${() => (this.isSure = true)}>${icon('trash', 20)} Delete for both…</button>` : nothing}
        </div>
      </div>
    </kith-dialog>`
  }

  #asking(ref: MessageRef) {
    const { username } = this.thread.conversation.value.peer
    return html`<kith-dialog heading="Delete for both?" @close=${this.#close}>
      <div class="stack">
        <p>It goes from your devices and from ${username}’s. What ${username} has already read or copied stays with them.</p>
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        <div class="choices">
          <button class="danger" @click=${() => this.#do(() => this.thread.deleteForBoth(ref))}>${icon('trash', 20)} Delete for both</button>
          <button @click=${this.#close}>Keep it</button>
        </div>
      </div>
    </kith-dialog>`
  }

  /** An emoji keyboard brings the whole of it at once. */
  #typed(event: Event, ref: MessageRef): void {
    const emoji = oneEmoji((event.target as HTMLInputElement).value)
    if (emoji) this.#do(() => this.thread.react(ref, emoji))
  }

  async #copy(text: string): Promise<void> {
    await navigator.clipboard.writeText(text)
    this.services.toasts.show('Copied.')
    this.#close()
  }

  #do(action: () => Promise<void>): void {
    void this.attempt(action).then((isFine) => isFine && this.#close())
  }

  #tell(name: 'reply' | 'edit'): void {
    this.#close()
    this.dispatchEvent(new CustomEvent(name))
  }

  #close = (): void => void this.dispatchEvent(new CustomEvent('close'))
}
/** `null`: there is nothing to write in it. */
function editLabelOf(content: Message['content']): string | null {
  if (content.type === 'text') return 'Edit'
  if (content.type !== 'media' || content.media.kind === 'voice') return null
  return content.text ? 'Edit the caption' : 'Add a caption'
}
customElements.define('message-menu', MessageMenu)
