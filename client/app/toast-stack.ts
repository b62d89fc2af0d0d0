import { css, html } from 'lit'
import { controls } from '../styles/controls.ts'
import { rail } from '../styles/rail.ts'
import { KithElement } from './element.ts'
import { Watch } from './signal.ts'

/** The toasts that are shown, read out politely. */
export class ToastStack extends KithElement {
  static override styles = [
    controls,
    css`
      section {
        position: fixed;
        /* Above the upload button. */
        inset: auto 0 calc(var(--nav-height) + var(--safe-bottom) + 84px);
        z-index: 30;
        display: grid;
        justify-items: center;
        gap: 8px;
        padding: 0 12px;
        pointer-events: none;
      }
      div {
        display: flex;
        align-items: center;
        gap: 0.75rem;
        max-width: 480px;
        padding: 0.625rem 1.125rem;
        border-radius: 14px;
        background: var(--ink);
        color: var(--ground);
        box-shadow: var(--shadow);
        font-size: 0.9375rem;
        pointer-events: auto;
      }
      button {
        min-height: 36px;
        border-color: transparent;
        background: transparent;
        color: inherit;
        text-decoration: underline;
      }
      @media (hover: hover) {
        button:hover:not(:disabled) {
          background: transparent;
        }
      }
      @media ${rail} {
        section {
          bottom: calc(24px + var(--safe-bottom));
        }
      }
    `,
  ]

  override connectedCallback(): void {
    super.connectedCallback()
    new Watch(this, this.services.toasts.shown)
  }

  override render() {
    return html`<section aria-live="polite" aria-label="Notices">
      ${this.services.toasts.shown.value.map(
        ({ text, action }) => html`<div>
          <span>${text}</span>
          ${action ? html`<button @click=${() => action.run()}>${action.label}</button>` : ''}
        </div>`,
      )}
    </section>`
  }
}
customElements.define('toast-stack', ToastStack)
