import { html, nothing } from 'lit'
import { KithElement } from '../app/element.ts'
import '../elements/dialog.ts'
import { controls } from '../styles/controls.ts'
import { TTL_CHOICES } from './lines.ts'
import type { Thread } from './types.ts'

/**
 * How long what is written from now on lives, for both.
 * @fires close
 */
export class DisappearingDialog extends KithElement {
  static override properties = { thread: { attribute: false } }
  static override styles = [controls]
  declare thread: Thread

  override render() {
    const { canSend, disappearAfterMs, peer } = this.thread.conversation.value
    return html`<kith-dialog heading="Disappearing messages" @close=${this.#close}>
      <form class="stack" @submit=${this.#save}>
        <p class="soft">
          Both of you lose what was written from now on, and its keys: what the server kept can never be read again. A photo of
          the screen stays a photo of the screen.
        </p>
        <div>
          <label for="after">Messages disappear</label>
          <select id="after" name="after" ?disabled=${!canSend}>
            ${TTL_CHOICES.map(({ ms, label }, index) => html`<option value=${index} ?selected=${ms === disappearAfterMs}>${label}</option>`)}
          </select>
        </div>
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        <button class="primary wide" ?disabled=${this.working || !canSend}>Set for ${peer.username} and you</button>
      </form>
    </kith-dialog>`
  }

  #save = (event: SubmitEvent): void => {
    event.preventDefault()
    const choice = TTL_CHOICES[Number(new FormData(event.target as HTMLFormElement).get('after'))]
    void this.attempt(async () => {
      await this.thread.setDisappearing(choice?.ms ?? null)
      this.#close()
    })
  }

  #close = (): void => void this.dispatchEvent(new CustomEvent('close'))
}
customElements.define('disappearing-dialog', DisappearingDialog)
