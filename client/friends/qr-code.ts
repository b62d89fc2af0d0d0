import { css, html, LitElement } from 'lit'
import { unsafeSVG } from 'lit/directives/unsafe-svg.js'
import { renderSVG } from 'uqr'

/** A QR code, dark on white in both themes: cameras expect it so. */
export class QrCode extends LitElement {
  static override properties = { text: {}, label: {} }
  static override styles = css`
    :host {
      display: block;
      width: min(100%, 280px);
      margin: 0 auto;
      padding: 12px;
      border-radius: 16px;
      background: #fff;
    }
    svg {
      display: block;
      width: 100%;
      height: auto;
    }
  `
  declare text: string
  declare label: string

  override render() {
    return html`<div role="img" aria-label=${this.label}>${unsafeSVG(renderSVG(this.text, { border: 1 }))}</div>`
  }
}
customElements.define('qr-code', QrCode)
