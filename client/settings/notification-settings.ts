import { css, html, nothing } from 'lit'
import type { NotifySettings } from '../../shared/device/push-store.ts'
import { KithElement } from '../app/element.ts'
import { sentenceFor } from '../app/messages.ts'
import { Push, type PushState } from '../chat/push.ts'
import { controls } from '../styles/controls.ts'
import { encodeItem, settingsItem } from '../vault/items.ts'

const SAID: Record<PushState, string> = {
  on: 'This device tells you when something comes, also while Kith is closed.',
  off: 'This device says nothing while Kith is closed.',
  denied: 'Your browser does not let Kith notify you. You can change that in its settings for this site.',
  unsupported: 'This browser cannot notify you while Kith is closed. On an iPhone, add Kith to the home screen first.',
}

/** How this device announces messages, and what friends are told. */
export class NotificationSettings extends KithElement {
  static override properties = {
    state: { state: true },
    settings: { state: true },
    failure: { state: true },
    working: { state: true },
  }
  static override styles = [
    controls,
    css`
      label.row {
        display: flex;
        gap: 0.5rem;
        align-items: center;
      }
      .hours {
        display: flex;
        flex-wrap: wrap;
        gap: 0.5rem 1rem;
        align-items: end;
      }
    `,
  ]
  declare state: PushState
  declare settings: NotifySettings
  #push: Push | undefined
  #saving: Promise<void> = Promise.resolve()

  constructor() {
    super()
    this.state = 'off'
    this.settings = { previews: false, silent: null }
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#push = new Push(this.services.api)
    void this.#read()
  }

  override render() {
    const { state, settings } = this
    return html`<section class="card stack" aria-labelledby="notify">
      <h2 id="notify">Messages</h2>
      <p class="soft" role="status">${SAID[state]}</p>
      ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
      ${
        state === 'on'
          ? html`<button ?disabled=${this.working} @click=${this.#disable}>Stop notifying</button>`
          : state === 'off'
            ? html`<button ?disabled=${this.working} @click=${this.#enable}>Notify me</button>`
            : nothing
      }
      ${state === 'on' ? this.#announcing(settings) : nothing}
      <label class="row">
        <input type="checkbox" .checked=${this.#tellsRead} @change=${this.#setTellsRead} />
        Tell friends when I have read what they wrote, and when I am writing
      </label>
      <p class="soft small">That it reached a device of yours they are told all the same: so they see when the server holds something back.</p>
    </section>`
  }

  #announcing({ previews, silent }: NotifySettings) {
    return html`<label class="row">
        <input type="checkbox" .checked=${previews} @change=${this.#setPreviews} />
        Show who wrote, and what, while this device is unlocked
      </label>
      <p class="soft small">What it shows, the browser keeps on this device, unsealed: whoever gets at its files can read it, also once Kith is locked.</p>
      <label class="row">
        <input type="checkbox" .checked=${silent !== null} @change=${this.#setSilent} />
        Silent hours
      </label>
      ${
        silent
          ? html`<div class="hours">
              <div><label for="from">From</label><input id="from" type="time" .value=${clock(silent.from)} @change=${this.#setHour} /></div>
              <div><label for="to">To</label><input id="to" type="time" .value=${clock(silent.to)} @change=${this.#setHour} /></div>
            </div>`
          : nothing
      }`
  }

  get #tellsRead(): boolean {
    const { vault } = this.services.session.requireUnlocked()
    return vault.read(settingsItem, 'settings')?.tellsRead ?? true
  }

  async #read(): Promise<void> {
    this.state = (await this.#push?.state()) ?? 'unsupported'
    this.settings = (await this.#push?.settings()) ?? this.settings
  }

  #enable = () =>
    void this.attempt(async () => {
      this.state = (await this.#push?.enable()) ?? this.state
    })

  #disable = () =>
    void this.attempt(async () => {
      await this.#push?.disable()
      await this.#read()
    })

  #setTellsRead = (event: Event) =>
    void this.attempt(async () => {
      const tellsRead = (event.target as HTMLInputElement).checked
      await this.services.session.requireUnlocked().vault.update((now) => {
        const settings = now.read(settingsItem, 'settings')
        if (!settings) return new Map()
        return new Map([['settings', encodeItem(settingsItem, { ...settings, tellsRead })]])
      })
    })

  #setPreviews = (event: Event) => this.#save({ previews: (event.target as HTMLInputElement).checked })

  #setSilent = (event: Event) => {
    const isOn = (event.target as HTMLInputElement).checked
    this.#save({ silent: isOn ? { from: 22 * 60, to: 7 * 60 } : null })
  }

  #setHour = ({ target }: Event) => {
    const { id, value } = target as HTMLInputElement
    const [hours = 0, minutes = 0] = value.split(':').map(Number)
    const { silent } = this.settings
    if (silent && value !== '') this.#save({ silent: { ...silent, [id]: hours * 60 + minutes } })
  }

  #save(change: Partial<NotifySettings>): void {
    const settings = { ...this.settings, ...change }
    this.settings = settings
    this.failure = null
    // One after the other, and none is left out: what was set last counts.
    this.#saving = this.#saving
      .then(() => this.#push?.saveSettings(settings))
      .catch((error: unknown) => {
        this.failure = sentenceFor(error)
        this.requestUpdate()
      })
  }
}
customElements.define('notification-settings', NotificationSettings)

function clock(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`
}
