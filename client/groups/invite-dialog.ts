import { css, html, nothing } from 'lit'
import { unsafeSVG } from 'lit/directives/unsafe-svg.js'
import { renderSVG } from 'uqr'
import type { GroupId } from '../../shared/format/ids.ts'
import { KithElement } from '../app/element.ts'
import { icon } from '../elements/icon.ts'
import { controls } from '../styles/controls.ts'
import { inviteByLink, inviteByPassphrase, type MadeInvite } from './invites.ts'

/**
 * Makes an invite and shows it as a link, a QR code or eight words.
 * @fires close
 */
export class InviteDialog extends KithElement {
  static override properties = { groupId: {}, made: { state: true } }
  static override styles = [
    controls,
    css`
      .qr {
        width: min(240px, 70vw);
        margin: 0 auto;
        padding: 12px;
        border-radius: var(--radius);
        background: #fff;
      }
      .qr svg {
        display: block;
        width: 100%;
      }
      .link,
      .words {
        padding: 0.75rem;
        border-radius: var(--radius-small);
        background: var(--sunken);
        overflow-wrap: anywhere;
        user-select: all;
      }
      .link {
        font-size: 0.875rem;
      }
      .words {
        font-weight: 650;
        font-size: 1.0625rem;
      }
      .pair {
        display: grid;
        grid-template-columns: 1fr 1fr;
        gap: 0.75rem;
      }
    `,
  ]
  declare groupId: GroupId
  declare made: MadeInvite | null

  constructor() {
    super()
    this.made = null
  }

  override render() {
    return html`<kith-dialog heading="Invite somebody" @close=${() => this.dispatchEvent(new CustomEvent('close'))}>
      ${this.made ? this.#show(this.made) : this.#form()}
    </kith-dialog>`
  }

  #form() {
    return html`<form class="stack" @submit=${this.#submit}>
      ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
      <div class="pair">
        <div>
          <label for="role">Comes in as</label>
          <select id="role" name="role">
            <option value="member">Member</option>
            <option value="admin">Admin</option>
            <option value="worker">Worker</option>
          </select>
        </div>
        <div>
          <label for="form">As</label>
          <select id="form" name="form">
            <option value="link">Link, QR code</option>
            <option value="words">Eight words</option>
          </select>
        </div>
        <div>
          <label for="days">Valid for</label>
          <select id="days" name="days">
            <option value="1">1 day</option>
            <option value="7" selected>7 days</option>
            <option value="30">30 days</option>
          </select>
        </div>
        <div>
          <label for="uses">People</label>
          <select id="uses" name="uses">
            <option value="1" selected>1</option>
            <option value="5">up to 5</option>
            <option value="20">up to 20</option>
          </select>
        </div>
      </div>
      <button class="primary wide" ?disabled=${this.working}>${this.working ? 'Sealing…' : 'Make the invite'}</button>
    </form>`
  }

  #show({ url, passphrase }: MadeInvite) {
    if (passphrase) {
      return html`<div class="stack">
        <p class="soft">Tell these eight words only to the one you invite. They are typed at “Join a circle”.</p>
        <p class="words" data-testid="invite-words">${passphrase}</p>
        <button class="primary wide" @click=${() => this.#copy(passphrase)}>${icon('copy', 20)} Copy the words</button>
      </div>`
    }
    const link = url ?? ''
    return html`<div class="stack">
      <p class="soft">Whoever has this link can join, once it is opened. Send it only to the one you invite.</p>
      <div class="qr" role="img" aria-label="QR code of the invite link">${unsafeSVG(renderSVG(link, { border: 1 }))}</div>
      <p class="link" data-testid="invite-link">${link}</p>
      <div class="row">
        <button class="primary grow" @click=${() => this.#copy(link)}>${icon('copy', 20)} Copy the link</button>
        ${'share' in navigator ? html`<button class="grow" @click=${() => this.#share(link)}>${icon('share', 20)} Share</button>` : nothing}
      </div>
    </div>`
  }

  #submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const data = new FormData(event.target as HTMLFormElement)
    const wanted = {
      role: data.get('role') as 'member' | 'admin' | 'worker',
      days: Number(data.get('days')),
      maxUses: Number(data.get('uses')),
    }
    void this.attempt(async () => {
      const { groups } = this.services.session.requireUnlocked()
      this.made =
        data.get('form') === 'words'
          ? await inviteByPassphrase(groups, this.services.crypto, this.groupId, wanted)
          : await inviteByLink(groups, this.groupId, wanted, location.origin)
    })
  }

  async #copy(text: string): Promise<void> {
    await navigator.clipboard.writeText(text)
    this.services.toasts.show('Copied.')
  }

  async #share(url: string): Promise<void> {
    await navigator.share({ title: 'Kith', url }).catch(() => undefined)
  }
}
customElements.define('invite-dialog', InviteDialog)
