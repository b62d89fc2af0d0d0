import { css, html, nothing } from 'lit'
import { KithElement } from '../app/element.ts'
import { icon } from '../elements/icon.ts'
import { controls } from '../styles/controls.ts'
import type { Thread } from './types.ts'

const SEARCH_AFTER_MS = 200

/**
 * Finds in one conversation, on this device alone.
 * @fires {CustomEvent<number>} found the position that is looked at now
 * @fires close
 */
export class ConversationSearch extends KithElement {
  static override properties = { thread: { attribute: false }, found: { state: true }, at: { state: true } }
  static override styles = [
    controls,
    css`
      form {
        display: flex;
        align-items: center;
        gap: 0.25rem;
        padding: 0.375rem 0.5rem 0.375rem 1rem;
        border-bottom: 1px solid var(--line);
      }
      input {
        flex: 1;
        min-width: 0;
      }
      .count {
        min-width: 4.5em;
        color: var(--ink-soft);
        font-size: 0.875rem;
        font-variant-numeric: tabular-nums;
        text-align: center;
      }
      .older {
        transform: rotate(90deg);
      }
      .newer {
        transform: rotate(90deg);
      }
    `,
  ]
  declare thread: Thread
  /** Positions, the newest first; `null`: nothing was looked for yet. */
  declare found: readonly number[] | null
  declare at: number
  #searching: ReturnType<typeof setTimeout> | undefined
  /** A search that is over when the next has begun says nothing. */
  #turn = 0

  constructor() {
    super()
    this.found = null
    this.at = 0
  }

  override firstUpdated(): void {
    this.renderRoot.querySelector('input')?.focus()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    clearTimeout(this.#searching)
    this.#turn++
  }

  override render() {
    const { found, at } = this
    const count = found?.length ?? 0
    return html`<form role="search" @submit=${this.#older} @keydown=${this.#key}>
        <input type="search" aria-label="Search in this chat" placeholder="Search in this chat" enterkeyhint="search" @input=${this.#typed} />
        <span class="count" role="status">${found === null ? '' : count === 0 ? 'Not found' : `${at + 1} of ${count}`}</span>
        <button type="button" class="icon" aria-label="Newer match" ?disabled=${at === 0} @click=${this.#newer}><span class="newer">${icon('back')}</span></button>
        <button class="icon" aria-label="Older match" ?disabled=${at + 1 >= count}><span class="older">${icon('next')}</span></button>
        <button type="button" class="icon" aria-label="Close search" @click=${this.#close}>${icon('close')}</button>
      </form>
      ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}`
  }

  #typed = (event: Event): void => {
    const text = (event.target as HTMLInputElement).value.trim()
    clearTimeout(this.#searching)
    const turn = ++this.#turn
    if (text === '') {
      this.found = null
      return
    }
    this.#searching = setTimeout(() => {
      void this.attempt(async () => {
        const found = await this.thread.search(text)
        if (turn !== this.#turn) return
        this.found = found
        this.#show(0)
      })
    }, SEARCH_AFTER_MS)
  }

  #show(at: number): void {
    const position = this.found?.[at]
    this.at = position === undefined ? 0 : at
    if (position !== undefined) this.dispatchEvent(new CustomEvent('found', { detail: position }))
  }

  #older = (event: Event): void => {
    event.preventDefault()
    if (this.at + 1 < (this.found?.length ?? 0)) this.#show(this.at + 1)
  }

  #newer = (): void => this.#show(Math.max(0, this.at - 1))

  #key = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') this.#close()
  }

  #close = (): void => void this.dispatchEvent(new CustomEvent('close'))
}
customElements.define('conversation-search', ConversationSearch)
