import { css, html } from 'lit'
import { KithElement } from '../app/element.ts'
import { controls } from '../styles/controls.ts'
import { icon } from './icon.ts'

/**
 * A modal sheet: at the foot on a phone, in the middle elsewhere. In the page it is open; going back closes it.
 * @fires close when the person dismissed it
 * @slot the content
 */
export class KithDialog extends KithElement {
  static override properties = { heading: {} }
  static override styles = [
    controls,
    css`
      dialog {
        width: min(100vw, 520px);
        max-width: none;
        max-height: 92dvh;
        margin: auto auto 0;
        padding: 0 0 var(--safe-bottom);
        border: 0;
        border-radius: 20px 20px 0 0;
        background: var(--raised);
        color: var(--ink);
        box-shadow: var(--shadow);
      }
      dialog::backdrop {
        background: var(--scrim);
      }
      @media (min-width: 600px) {
        dialog {
          margin: auto;
          border-radius: 20px;
        }
      }
      header {
        position: sticky;
        top: 0;
        z-index: 1;
        display: flex;
        align-items: center;
        justify-content: space-between;
        padding: 0.75rem 0.75rem 0.5rem 1.25rem;
        background: var(--raised);
      }
      .body {
        padding: 0.25rem 1.25rem 1.5rem;
      }
    `,
  ]
  declare heading: string
  /** Who had the focus before: gets it back, also where the dialog is taken away without having been closed. */
  #opener: Element | null = null
  #uncover: () => void = () => undefined

  override connectedCallback(): void {
    super.connectedCallback()
    this.#uncover = this.services.router.cover(this.close)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#uncover()
    if (focused() === document.body) (this.#opener as HTMLElement | null)?.focus({ preventScroll: true })
  }

  override render() {
    return html`<dialog aria-labelledby="heading" @cancel=${this.#cancel} @click=${this.#outside}>
      <header>
        <h2 id="heading">${this.heading}</h2>
        <button class="icon" aria-label="Close" @click=${this.close}>${icon('close')}</button>
      </header>
      <div class="body"><slot></slot></div>
    </dialog>`
  }

  protected override firstUpdated(): void {
    this.#opener = focused()
    this.renderRoot.querySelector('dialog')?.showModal()
  }

  close = (): void => {
    this.#uncover()
    this.renderRoot.querySelector('dialog')?.close()
    this.dispatchEvent(new CustomEvent('close'))
  }

  #cancel = (event: Event): void => {
    event.preventDefault()
    this.close()
  }

  #outside = (event: MouseEvent): void => {
    if (event.target === event.currentTarget) this.close()
  }
}

/** Through all shadow roots. */
function focused(): Element | null {
  let element = document.activeElement
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement
  return element
}
customElements.define('kith-dialog', KithDialog)
