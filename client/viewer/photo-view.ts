import { css, html, LitElement } from 'lit'
import { controls } from '../styles/controls.ts'

const AGAIN_MS = 1000

/**
 * A picture that fits the screen; a tap shows the place that was tapped larger, another one all of it again.
 * @fires picture-failed - this browser cannot show it
 */
export class PhotoView extends LitElement {
  static override properties = { src: {}, name: {}, isLarge: { state: true } }
  static override styles = [
    controls,
    css`
      :host {
        display: block;
        width: 100%;
      }
      button {
        display: block;
        width: 100%;
        height: 82dvh;
        padding: 0;
        border: 0;
        border-radius: 0;
        background: transparent;
        overflow: auto;
        cursor: zoom-in;
        transition: none;
      }
      button:hover:not(:disabled) {
        background: transparent;
      }
      button:active {
        transform: none;
      }
      button:focus-visible {
        outline-offset: -3px;
      }
      img {
        display: block;
        width: 100%;
        height: 100%;
        object-fit: contain;
      }
      button[aria-pressed='true'] {
        cursor: zoom-out;
      }
      button[aria-pressed='true'] img {
        width: 250%;
        height: 250%;
      }
    `,
  ]
  declare src: string
  declare name: string
  declare isLarge: boolean

  #triedAgain: string | null = null

  constructor() {
    super()
    this.isLarge = false
  }

  override render() {
    return html`<button aria-pressed=${this.isLarge} aria-label="Enlarge ${this.name}" @click=${this.#toggle}>
      <img src=${this.src} alt=${this.name} draggable="false" @error=${this.#failed} />
    </button>`
  }

  #toggle = async (event: MouseEvent): Promise<void> => {
    const frame = event.currentTarget as HTMLElement
    const box = frame.getBoundingClientRect()
    // A key press has no place: then it is the middle.
    const isTap = event.detail > 0
    const x = isTap ? (event.clientX - box.left) / box.width : 0.5
    const y = isTap ? (event.clientY - box.top) / box.height : 0.5
    this.isLarge = !this.isLarge
    await this.updateComplete
    frame.scrollTo((frame.scrollWidth - frame.clientWidth) * x, (frame.scrollHeight - frame.clientHeight) * y)
  }

  /** Once more first: a Service Worker that was just stopped, or a network that went for a moment, is no reason to give up. */
  #failed = (event: Event): void => {
    if (this.#triedAgain === this.src) {
      this.dispatchEvent(new CustomEvent('picture-failed'))
      return
    }
    this.#triedAgain = this.src
    const image = event.currentTarget as HTMLImageElement
    setTimeout(() => {
      image.src = this.src
    }, AGAIN_MS)
  }
}
customElements.define('photo-view', PhotoView)
