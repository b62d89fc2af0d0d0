import { css, html, nothing } from 'lit'
import { KithElement } from '../app/element.ts'
import { icon } from '../elements/icon.ts'
import { controls } from '../styles/controls.ts'
import { welcome } from '../styles/welcome.ts'
import { wordsOf } from './account.ts'

const ASKED = 3

/** The 24 words, shown once, and three of them asked for. */
export class RecoveryScreen extends KithElement {
  static override properties = { words: { state: true }, asked: { state: true } }
  static override styles = [
    controls,
    welcome,
    css`
      ol {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(118px, 1fr));
        gap: 6px;
        margin: 0;
        padding: 0;
        list-style: none;
        counter-reset: word;
      }
      li {
        padding: 0.5rem 0.625rem;
        border: 1px solid var(--line);
        border-radius: var(--radius-small);
        background: var(--raised);
        counter-increment: word;
        font-weight: 600;
      }
      li::before {
        content: counter(word);
        display: inline-block;
        min-width: 2.2em;
        color: var(--ink-soft);
        font-weight: 400;
        font-variant-numeric: tabular-nums;
      }
      @media print {
        .row,
        .error,
        button {
          display: none;
        }
      }
    `,
  ]
  declare words: readonly string[]
  /** Positions that are asked for; none while the words are shown. */
  declare asked: readonly number[]

  constructor() {
    super()
    this.words = []
    this.asked = []
  }

  override connectedCallback(): void {
    super.connectedCallback()
    const key = this.services.session.unconfirmedRecovery
    this.words = key ? wordsOf(key) : []
  }

  override render() {
    return html`<main>${this.asked.length > 0 ? this.#question() : this.#show()}</main>`
  }

  #show() {
    return html`<h1>Write down your recovery key</h1>
      <p class="soft">
        These 24 words open your account when you forget your password. Nobody can give them to you again: not the server,
        not the person who runs it.
      </p>
      <ol aria-label="Recovery key">
        ${this.words.map((word) => html`<li>${word}</li>`)}
      </ol>
      <div class="row">
        <button @click=${this.#copy}>${icon('copy', 20)} Copy</button>
        <button @click=${() => window.print()}>Print</button>
        <button @click=${this.#save}>${icon('download', 20)} Save as text</button>
      </div>
      <button class="primary wide" @click=${this.#ask}>I wrote them down</button>`
  }

  #question() {
    return html`<h1>Three of the words</h1>
      <form @submit=${this.#submit}>
        <p class="soft">To be sure that the list is right.</p>
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        ${this.asked.map(
          (position) => html`<div>
            <label for="word-${position}">Word ${position + 1}</label>
            <input id="word-${position}" name="word-${position}" autocomplete="off" autocapitalize="none" spellcheck="false" required />
          </div>`,
        )}
        <button class="primary wide" ?disabled=${this.working}>Done</button>
        <button type="button" class="quiet" @click=${this.#back}>Show the words again</button>
      </form>`
  }

  #copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(this.words.join(' '))
    this.services.toasts.show('Copied. Paste it somewhere safe, then clear the clipboard.')
  }

  #save = (): void => {
    const url = URL.createObjectURL(
      new Blob([`Recovery key for Kith\n\n${this.words.join(' ')}\n`], { type: 'text/plain' }),
    )
    const link = Object.assign(document.createElement('a'), { href: url, download: 'kith-recovery-key.txt' })
    link.click()
    URL.revokeObjectURL(url)
  }

  #ask = (): void => {
    const positions = new Set<number>()
    while (positions.size < ASKED)
      positions.add((crypto.getRandomValues(new Uint8Array(1))[0] as number) % this.words.length)
    this.asked = [...positions].sort((a, b) => a - b)
  }

  #back = (): void => {
    this.asked = []
    this.failure = null
  }

  #submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const data = new FormData(event.target as HTMLFormElement)
    const isRight = this.asked.every(
      (position) =>
        String(data.get(`word-${position}`))
          .trim()
          .toLowerCase() === this.words[position],
    )
    if (!isRight) {
      this.failure = 'At least one of the words is another one. Compare with your list.'
      this.requestUpdate()
      return
    }
    void this.attempt(() => this.services.session.confirmRecovery())
  }
}
customElements.define('recovery-screen', RecoveryScreen)
