import { css, html, LitElement, nothing } from 'lit'
import { controls } from '../styles/controls.ts'
import { icon } from './icon.ts'

/** Weak passwords are the one thing that a blind server cannot make up for. */
export const MIN_PASSWORD_LENGTH = 10
const WORDS = ['Too short', 'Easy to guess', 'Could be better', 'Good', 'Very good'] as const

/**
 * A password with a button that shows it, and for new ones how strong it is.
 * @fires input with every change; read `value`
 */
export class PasswordField extends LitElement {
  static override properties = {
    label: {},
    kind: {},
    value: { state: true },
    shown: { state: true },
    score: { state: true },
  }
  static override shadowRootOptions = { ...LitElement.shadowRootOptions, delegatesFocus: true }
  static override styles = [
    controls,
    css`
      .field {
        position: relative;
      }
      input {
        padding-right: 3.25rem !important;
      }
      .field button {
        position: absolute;
        right: 2px;
        bottom: 2px;
      }
      .bars {
        display: grid;
        grid-template-columns: repeat(4, 1fr);
        gap: 4px;
        margin-top: 0.5rem;
      }
      .bars span {
        height: 4px;
        border-radius: 2px;
        background: var(--line);
      }
      .bars .on {
        background: var(--accent);
      }
      .bars[data-good] .on {
        background: var(--good);
      }
    `,
  ]
  declare label: string
  declare kind: 'current' | 'new'
  declare value: string
  declare shown: boolean
  /** 0 (too short) to 4. */
  declare score: number

  constructor() {
    super()
    this.label = 'Password'
    this.kind = 'current'
    this.value = ''
    this.shown = false
    this.score = 0
  }

  /** Whether a new password may be used; waits for the word lists where they are still being loaded. */
  async isAcceptable(): Promise<boolean> {
    await this.#judge()
    return this.score >= 2
  }

  override render() {
    return html`<label for="input">${this.label}</label>
      <div class="field">
        <input
          id="input"
          name="password"
          .type=${this.shown ? 'text' : 'password'}
          autocomplete=${this.kind === 'new' ? 'new-password' : 'current-password'}
          autocapitalize="off"
          spellcheck="false"
          aria-describedby=${this.kind === 'new' ? 'strength' : nothing}
          .value=${this.value}
          @input=${this.#input}
          required
        />
        <button
          type="button"
          class="icon"
          aria-label=${this.shown ? 'Hide password' : 'Show password'}
          aria-pressed=${this.shown}
          @click=${this.#toggle}
        >
          ${icon('eye', 20)}
        </button>
      </div>
      ${this.kind === 'new' ? this.#strength() : nothing}`
  }

  #strength() {
    return html`<div class="bars" ?data-good=${this.score >= 3} aria-hidden="true">
        ${[1, 2, 3, 4].map((level) => html`<span class=${this.score >= level ? 'on' : ''}></span>`)}
      </div>
      <p class="hint" id="strength" aria-live="polite">
        ${this.value === '' ? `At least ${MIN_PASSWORD_LENGTH} characters. Four unrelated words are a good start.` : WORDS[this.score]}
      </p>`
  }

  #toggle = (): void => {
    this.shown = !this.shown
  }

  #input = async (event: Event): Promise<void> => {
    this.value = (event.target as HTMLInputElement).value
    this.dispatchEvent(new Event('input', { bubbles: true, composed: true }))
    if (this.kind === 'new') await this.#judge()
  }

  async #judge(): Promise<void> {
    const judged = this.value
    const { strengthOf } = await import('./strength.ts')
    if (judged === this.value) this.score = judged.length < MIN_PASSWORD_LENGTH ? 0 : Math.max(1, strengthOf(judged))
  }
}
customElements.define('password-field', PasswordField)

declare global {
  interface HTMLElementTagNameMap {
    'password-field': PasswordField
  }
}
