import { css, html, nothing } from 'lit'
import { KithElement } from '../app/element.ts'
import '../elements/dialog.ts'
import { icon } from '../elements/icon.ts'
import { controls } from '../styles/controls.ts'
import { personFragment } from './people.ts'
import './qr-code.ts'

/**
 * One's own link and QR code: whoever scans it in person needs no trust in the server.
 * @fires close
 */
export class LinkDialog extends KithElement {
  static override styles = [
    controls,
    css`
      .link {
        overflow-wrap: anywhere;
        font: 0.8125rem ui-monospace, monospace;
      }
    `,
  ]

  override render() {
    const { account, groups } = this.services.session.requireUnlocked()
    const key = groups.context.secrets.identityKey
    const link = `${location.origin}/add#${personFragment(account.userId, key)}`
    return html`<kith-dialog heading="Your link" @close=${() => this.dispatchEvent(new CustomEvent('close'))}>
      <div class="stack">
        <p class="soft">Let a friend scan it, or send it. It says who you are and lets nobody in by itself: you still decide who connects.</p>
        <qr-code .text=${link} label="QR code of your link"></qr-code>
        <p class="link" data-testid="person-link">${link}</p>
        <div class="row">
          <button class="primary grow" @click=${() => this.#copy(link)}>${icon('copy', 20)} Copy the link</button>
          ${'share' in navigator ? html`<button class="grow" @click=${() => this.#share(link)}>${icon('share', 20)} Share</button>` : nothing}
        </div>
      </div>
    </kith-dialog>`
  }

  async #copy(text: string): Promise<void> {
    await navigator.clipboard.writeText(text)
    this.services.toasts.show('Copied.')
  }

  async #share(url: string): Promise<void> {
    await navigator.share({ title: 'Kith', url }).catch(() => undefined)
  }
}
customElements.define('link-dialog', LinkDialog)
