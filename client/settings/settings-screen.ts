import { css, html } from 'lit'
import { KithElement } from '../app/element.ts'
import { IDLE_CHOICES, readIdleMinutes, writeIdleMinutes } from '../app/idle.ts'
import { applyTheme, readTheme, type Theme } from '../app/theme.ts'
import { icon } from '../elements/icon.ts'
import { controls } from '../styles/controls.ts'
import '../elements/dialog.ts'

/** This device: lock, look, sign out. */
export class SettingsScreen extends KithElement {
  static override properties = { leaving: { state: true } }
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
      dd {
        margin: 0;
        overflow-wrap: anywhere;
      }
    `,
  ]
  declare leaving: boolean

  constructor() {
    super()
    this.leaving = false
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
      <section class="card stack" aria-labelledby="leave">
        <h2 id="leave">This device</h2>
        <p class="soft">Signing out forgets everything that Kith keeps here. Your account and what you shared stay.</p>
        <button class="danger" @click=${() => (this.leaving = true)}>Sign out</button>
      </section>
      ${
        this.leaving
          ? html`<kith-dialog heading="Sign out?" @close=${() => (this.leaving = false)}>
              <div class="stack">
                <p>You need your password, or your recovery key, to come back. Uploads that are not finished are dropped.</p>
                <button class="danger" ?disabled=${this.working} @click=${this.#signOut}>Sign out</button>
              </div>
            </kith-dialog>`
          : ''
      }
    </main>`
  }

  #setIdle = (event: Event): void => writeIdleMinutes(Number((event.target as HTMLSelectElement).value))
  #setTheme = (event: Event): void => applyTheme((event.target as HTMLSelectElement).value as Theme)
  #signOut = (): void => void this.attempt(() => this.services.session.signOut())
}
customElements.define('settings-screen', SettingsScreen)
