import { css, html, nothing } from 'lit'
import { readInstance } from '../../shared/wire/accounts.ts'
import { KithElement } from '../app/element.ts'
import { IDLE_CHOICES, readIdleMinutes, writeIdleMinutes } from '../app/idle.ts'
import { passAppError } from '../app/passing.ts'
import { applyTheme, readTheme, type Theme } from '../app/theme.ts'
import { icon } from '../elements/icon.ts'
import { controls } from '../styles/controls.ts'
import '../vault/sign-out-dialog.ts'
import './device-list.ts'
import './install-card.ts'
import './notification-settings.ts'
import './passkey-card.ts'
import './password-card.ts'

/** This device: lock, look, sign out. */
export class SettingsScreen extends KithElement {
  static override properties = { leaving: { state: true }, version: { state: true } }
  static override styles = [
    controls,
    css`
      dl {
        display: grid;
        grid-template-columns: auto 1fr;
        gap: 0.25rem 1rem;
        margin: 0;
      }
      dt {
        color: var(--ink-soft);
      }
      ul {
        display: grid;
        gap: 0.5rem;
        margin: 0;
        padding-left: 1.25rem;
      }
      dd {
        margin: 0;
        overflow-wrap: anywhere;
      }
    `,
  ]
  declare leaving: boolean
  declare version: string | null

  constructor() {
    super()
    this.leaving = false
    this.version = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    void this.services.api.call(readInstance).then(({ version }) => {
      this.version = version
    }, passAppError)
  }

  override render() {
    const { account } = this.services.session.requireUnlocked()
    return html`<main class="page">
      <h1>Settings</h1>
      <section class="card stack" aria-labelledby="account">
        <h2 id="account">Account</h2>
        <dl>
          <dt>Name</dt>
          <dd>${account.username}</dd>
          <dt>Server</dt>
          <dd>${location.host}</dd>
        </dl>
      </section>
      <section class="card stack" aria-labelledby="lock">
        <h2 id="lock">Lock</h2>
        <p class="soft">Locked, nothing on this device can be opened without your password. Unlocking works without network.</p>
        <div>
          <label for="idle">Lock when not used for</label>
          <select id="idle" @change=${this.#setIdle}>
            ${IDLE_CHOICES.map(
              (minutes) =>
                html`<option value=${minutes} ?selected=${minutes === readIdleMinutes()}>${minutes === 1 ? '1 minute' : `${minutes} minutes`}</option>`,
            )}
          </select>
        </div>
        <button @click=${() => void this.services.session.lock()}>${icon('lock', 20)} Lock now</button>
      </section>
      <password-card></password-card>
      <passkey-card></passkey-card>
      <section class="card stack" aria-labelledby="kept">
        <h2 id="kept">On this device</h2>
        <p class="soft">What you keep offline plays without network.</p>
        <a class="button" href="/offline">${icon('keep', 20)} What is kept, and room</a>
      </section>
      <install-card></install-card>
      <device-list></device-list>
      <notification-settings></notification-settings>
      <section class="card stack" aria-labelledby="look">
        <h2 id="look">Look</h2>
        <div>
          <label for="theme">Colours</label>
          <select id="theme" @change=${this.#setTheme}>
            ${[
              ['auto', 'As the device'],
              ['light', 'Light'],
              ['dark', 'Dark'],
            ].map(
              ([value, label]) => html`<option value=${value} ?selected=${value === readTheme()}>${label}</option>`,
            )}
          </select>
        </div>
      </section>
      <section class="card stack" aria-labelledby="safety">
        <h2 id="safety">Safety</h2>
        <ul class="soft">
          <li>The server keeps what it cannot read. It sees names, sizes, times, and who shares with whom.</li>
          <li>Whoever serves this page could serve another one. Open Kith only at an address of somebody you trust.</li>
          <li>Nobody can reset your password. Your recovery key can: keep it on paper.</li>
          <li>Before you let a worker in, compare its fingerprint with the one printed where it runs.</li>
        </ul>
      </section>
      <section class="card stack" aria-labelledby="about">
        <h2 id="about">About</h2>
        <dl>
          <dt>Kith on the server</dt>
          <dd>${this.version ?? '…'}</dd>
          <dt>Licence</dt>
          <dd>AGPL-3.0-or-later</dd>
        </dl>
      </section>
      <section class="card stack" aria-labelledby="leave">
        <h2 id="leave">This device</h2>
        <p class="soft">Signing out forgets everything that Kith keeps here. Your account and what you shared stay.</p>
        <button class="danger" @click=${() => (this.leaving = true)}>Sign out</button>
      </section>
      ${this.leaving ? html`<sign-out-dialog @close=${() => (this.leaving = false)}></sign-out-dialog>` : nothing}
    </main>`
  }

  #setIdle = (event: Event): void => writeIdleMinutes(Number((event.target as HTMLSelectElement).value))
  #setTheme = (event: Event): void => applyTheme((event.target as HTMLSelectElement).value as Theme)
}
customElements.define('settings-screen', SettingsScreen)
