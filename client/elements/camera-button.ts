import { css, html, nothing } from 'lit'
import { KithElement } from '../app/element.ts'
import { controls } from '../styles/controls.ts'
import { isOnlyHere } from '../upload/copy.ts'
import './dialog.ts'
import { icon } from './icon.ts'

/**
 * The system's camera as a choice of its own, on phones; elsewhere it would be the same dialog as for any file. Asks which
 * of both it is to take: Android opens its camera for one of them, and for both no more than its list of files.
 * @fires taken with the files in `detail`
 */
export class CameraButton extends KithElement {
  static override properties = { isRound: { type: Boolean, reflect: true, attribute: 'round' }, open: { state: true } }
  static override styles = [
    controls,
    css`
      /* Where it shows nothing it takes no room either. */
      :host {
        display: contents;
      }
      :host([round]) button.icon {
        width: 56px;
        min-height: 56px;
        border-color: var(--line-strong);
        background: var(--raised);
        box-shadow: var(--shadow);
      }
      .choices {
        display: grid;
        grid-template-columns: 1fr 1fr;
        gap: 0.75rem;
      }
      .choices button {
        flex-direction: column;
        padding: 1.25rem 0.5rem;
        border-radius: 16px;
      }
    `,
  ]
  /** Floats over the page instead of standing in a row. */
  declare isRound: boolean
  declare open: boolean

  constructor() {
    super()
    this.isRound = false
    this.open = false
  }

  override render() {
    if (!matchMedia('(pointer: coarse)').matches) return nothing
    return html`<button type="button" class="icon" aria-label="Take a photo or video" aria-haspopup="dialog" @click=${() => (this.open = true)}>
        ${icon('camera')}
      </button>
      ${
        this.open
          ? html`<kith-dialog heading="Camera" @close=${() => (this.open = false)}>
              <div class="choices">
                <button @click=${this.#take}>${icon('camera', 28)} Take a photo</button>
                <input hidden type="file" accept="image/*" capture="environment" aria-label="Photo that was taken" @change=${this.#taken} />
                <button @click=${this.#take}>${icon('video', 28)} Record a video</button>
                <input hidden type="file" accept="video/*" capture="environment" aria-label="Video that was recorded" @change=${this.#taken} />
              </div>
            </kith-dialog>`
          : nothing
      }`
  }

  #take = ({ currentTarget }: Event): void =>
    ((currentTarget as HTMLElement).nextElementSibling as HTMLInputElement).click()

  #taken = ({ currentTarget }: Event): void => {
    const files = [...((currentTarget as HTMLInputElement).files ?? [])].map(isOnlyHere)
    this.open = false
    this.dispatchEvent(new CustomEvent('taken', { detail: files }))
  }
}
customElements.define('camera-button', CameraButton)
