import { html, nothing } from 'lit'
import type * as z from 'zod/mini'
import { listSessions } from '../../shared/wire/accounts.ts'
import { KithElement } from '../app/element.ts'
import { passAppError } from '../app/passing.ts'
import { icon } from '../elements/icon.ts'
import { controls } from '../styles/controls.ts'
import { endSession } from './end-session.ts'
import './password-dialog.ts'
import type { PasswordAsk } from './password-dialog.ts'

type Device = z.output<typeof listSessions.reply>['sessions'][number]

/** Where this account is signed in, and how to end that from here. */
export class DeviceList extends KithElement {
  static override properties = { devices: { state: true }, ask: { state: true } }
  static override styles = [controls]
  declare devices: readonly Device[] | null
  declare ask: PasswordAsk | null

  constructor() {
    super()
    this.devices = null
    this.ask = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    void this.#load().catch(passAppError)
  }

  async #load(): Promise<void> {
    this.devices = (await this.services.api.call(listSessions)).sessions
  }

  override render() {
    const { devices } = this
    const others = devices?.filter(({ isCurrent }) => !isCurrent) ?? []
    return html`<section class="card stack" aria-labelledby="devices">
      <h2 id="devices">Devices</h2>
      ${
        devices === null
          ? html`<p class="soft">Shown when the server can be reached.</p>`
          : html`<ul class="list">
              ${devices.map(
                (device) =>
                  html`<li>
                    <div class="grow">
                      <p>${device.isCurrent ? 'This device' : 'Another device'}</p>
                      <p class="soft small">signed in ${when(device.createdAt)}, used ${when(device.seenAt)}</p>
                    </div>
                    ${device.isCurrent ? nothing : html`<button @click=${() => this.#remove(device)}>Sign out</button>`}
                  </li>`,
              )}
            </ul>`
      }
      ${others.length > 1 ? html`<button class="danger" @click=${this.#removeOthers}>${icon('lock', 20)} Sign out all others</button>` : nothing}
      ${this.ask ? html`<password-dialog .ask=${this.ask} @close=${() => (this.ask = null)}></password-dialog>` : nothing}
    </section>`
  }

  #remove(device: Device): void {
    this.ask = {
      heading: 'Sign this device out?',
      text: `It was signed in ${when(device.createdAt)}. When it is online next, it forgets everything that Kith keeps there. The keys of your chats change before the next message.`,
      label: 'Sign it out',
      run: (password) => this.#end(device.sessionId, password),
    }
  }

  #removeOthers = (): void => {
    this.ask = {
      heading: 'Sign out all other devices?',
      text: 'When they are online next, they forget everything that Kith keeps there. The keys of your chats change before the next message.',
      label: 'Sign them out',
      run: (password) => this.#end('others', password),
    }
  }

  async #end(sessionId: string, password: string): Promise<void> {
    const { services } = this
    // Proves who asks, and makes the session fresh.
    await services.session.renew(password)
    await endSession(services.api, async () => (await services.openTalk()).friends, sessionId)
    await this.#load()
  }
}

function when(timeMs: number): string {
  return new Date(timeMs).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' })
}
customElements.define('device-list', DeviceList)
