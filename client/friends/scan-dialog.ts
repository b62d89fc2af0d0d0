import { css, html, LitElement, nothing } from 'lit'
import '../elements/dialog.ts'
import { controls } from '../styles/controls.ts'
import { openQrReader } from './qr-reader.ts'

const LOOK_EVERY_MS = 150

/**
 * Looks through the camera for a QR code; the pictures stay in this page.
 * @fires scanned with the text; the dialog looks on until it is taken away
 * @fires close when the person gave up
 */
export class ScanDialog extends LitElement {
  static override properties = { heading: {}, hint: {}, trouble: { state: true } }
  static override styles = [
    controls,
    css`
      video {
        display: block;
        width: 100%;
        aspect-ratio: 1;
        border-radius: 16px;
        background: #0b0812;
        object-fit: cover;
      }
    `,
  ]
  declare heading: string
  declare hint: string
  declare trouble: string | null
  #camera: MediaStream | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #isGone = false

  constructor() {
    super()
    this.heading = 'Scan a code'
    this.hint = ''
    this.trouble = null
  }

  protected override firstUpdated(): void {
    void this.#start()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#isGone = true
    clearTimeout(this.#timer)
    for (const track of this.#camera?.getTracks() ?? []) track.stop()
  }

  override render() {
    return html`<kith-dialog heading=${this.heading} @close=${() => this.dispatchEvent(new CustomEvent('close'))}>
      <div class="stack">
        ${
          this.trouble
            ? html`<p class="error" role="alert">${this.trouble}</p>`
            : html`<video playsinline muted aria-label="What the camera sees"></video>`
        }
        ${this.hint ? html`<p class="soft">${this.hint}</p>` : nothing}
      </div>
    </kith-dialog>`
  }

  async #start(): Promise<void> {
    try {
      const camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' }, audio: false })
      this.#camera = camera
      if (this.#isGone) {
        for (const track of camera.getTracks()) track.stop()
        return
      }
      const video = this.renderRoot.querySelector('video') as HTMLVideoElement
      video.srcObject = camera
      await video.play()
      const read = await openQrReader()
      const look = async (): Promise<void> => {
        if (this.#isGone) return
        const text = await read(video).catch(() => null)
        if (text) this.dispatchEvent(new CustomEvent('scanned', { detail: text }))
        this.#timer = setTimeout(() => void look(), LOOK_EVERY_MS)
      }
      await look()
    } catch {
      this.trouble = 'The camera cannot be used. Allow it in the browser’s settings.'
    }
  }
}
customElements.define('scan-dialog', ScanDialog)
