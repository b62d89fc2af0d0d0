import { css, html, nothing } from 'lit'
import type { ConnectionId } from '../../shared/format/ids.ts'
import { KithElement } from '../app/element.ts'
import '../elements/dialog.ts'
import { icon } from '../elements/icon.ts'
import { controls } from '../styles/controls.ts'
import './qr-code.ts'
import { compareSafety, type SafetyNumber, safetyNumber } from './safety.ts'
import './scan-dialog.ts'

/**
 * Compares the safety number of two people: nobody sits between them where it is the same on both sides.
 * @fires close
 */
export class VerifyDialog extends KithElement {
  static override properties = { connectionId: {}, scanning: { state: true }, result: { state: true } }
  static override styles = [
    controls,
    css`
      .number {
        display: grid;
        grid-template-columns: repeat(4, auto);
        justify-content: space-between;
        gap: 0.5rem 0.75rem;
        margin: 0;
        padding: 0;
        list-style: none;
        font: 600 1.125rem ui-monospace, monospace;
        font-variant-numeric: tabular-nums;
      }
      .good {
        padding: 0.75rem 0.875rem;
        border-radius: var(--radius-small);
        background: var(--accent-soft);
      }
      .row {
        flex-wrap: wrap;
      }
      .row button {
        white-space: nowrap;
      }
    `,
  ]
  declare connectionId: ConnectionId
  declare scanning: boolean
  /** Of the last scan. */
  declare result: 'same' | 'different' | 'not-a-number' | null
  #number: SafetyNumber | undefined

  constructor() {
    super()
    this.scanning = false
    this.result = null
  }

  override render() {
    const { session, talk } = this.services
    const friend = talk.value?.friends.get(this.connectionId)
    if (!friend) return nothing
    const { secrets } = session.requireUnlocked().groups.context
    const me = { userId: secrets.userId, identityKey: secrets.identityKey }
    this.#number ??= safetyNumber(me, friend.peer)
    const { username } = friend.peer
    if (this.scanning) {
      return html`<scan-dialog
        heading="Scan ${username}’s code"
        hint="It is shown on their device in the same place: your name, then “Verify”."
        @scanned=${this.#scanned}
        @close=${() => (this.scanning = false)}
      ></scan-dialog>`
    }
    return html`<kith-dialog heading="Verify ${username}" @close=${this.#close}>
      <div class="stack">
        ${this.#said(username)}
        <p class="soft">
          Meet or call ${username}. If these digits are the same on both devices, nobody sits between you, not even the server.
        </p>
        <qr-code .text=${this.#number.code} label="QR code of the safety number"></qr-code>
        <ol class="number" aria-label="Safety number">
          ${this.#number.groups.map((group) => html`<li>${group}</li>`)}
        </ol>
        <div class="row">
          <button class="primary grow" @click=${() => (this.scanning = true)}>${icon('camera', 20)} Scan their code</button>
          ${
            friend.isVerified
              ? html`<button class="grow" @click=${() => this.#set(false)}>Take the mark back</button>`
              : html`<button class="grow" @click=${() => this.#set(true)}>They are the same</button>`
          }
        </div>
      </div>
    </kith-dialog>`
  }

  #said(username: string) {
    const friend = this.services.talk.value?.friends.get(this.connectionId)
    if (this.result === 'different') {
      return html`<p class="error" role="alert">
        This is another number. Somebody may sit between you and ${username}, or it is not ${username}’s code for you. Do not
        send anything that matters; compare again in person.
      </p>`
    }
    if (this.result === 'not-a-number') {
      return html`<p class="error" role="alert">That code is no safety number. Ask ${username} to open “Verify” at your name.</p>`
    }
    return friend?.isVerified ? html`<p class="good" role="status">${icon('shield', 20)} Verified.</p>` : nothing
  }

  #scanned = (event: CustomEvent<string>): void => {
    if (!this.scanning || !this.#number) return
    this.scanning = false
    this.result = compareSafety(this.#number, event.detail)
    if (this.result === 'same') this.#set(true)
    // What was compared before does not count any more; that they differ stays said.
    if (this.result === 'different') this.#mark(false)
  }

  #set(isVerified: boolean): void {
    this.result = null
    this.#mark(isVerified)
  }

  #mark(isVerified: boolean): void {
    void this.attempt(async () => {
      await (await this.services.openTalk()).friends.setVerified(this.connectionId, isVerified)
    })
  }

  #close = (): void => {
    this.dispatchEvent(new CustomEvent('close'))
  }
}
customElements.define('verify-dialog', VerifyDialog)
