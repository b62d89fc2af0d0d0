import { html, nothing } from 'lit'
import { KithElement } from '../app/element.ts'
import '../elements/dialog.ts'
import { controls } from '../styles/controls.ts'
import type { Group } from './group.ts'

/**
 * Another name for a circle; sealed, so that only members see it.
 * @fires close
 */
export class RenameDialog extends KithElement {
  static override properties = { group: { attribute: false } }
  static override styles = [controls]
  declare group: Group

  override render() {
    return html`<kith-dialog heading="Rename the circle" @close=${this.#close}>
      <form class="stack" @submit=${this.#save}>
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        <div>
          <label for="name">Name</label>
          <input id="name" name="name" .value=${this.group.name ?? ''} required maxlength="80" autocomplete="off" />
          <p class="hint">Everybody in the circle sees it; the server does not.</p>
        </div>
        <button class="primary wide" ?disabled=${this.working}>Save</button>
      </form>
    </kith-dialog>`
  }

  #close = (): void => void this.dispatchEvent(new CustomEvent('close'))

  #save = (event: SubmitEvent): void => {
    event.preventDefault()
    const name = String(new FormData(event.target as HTMLFormElement).get('name') ?? '').trim()
    if (name === '') return
    const { groups } = this.services.session.requireUnlocked()
    void this.attempt(() => groups.rename(this.group.groupId, name)).then((isFine) => isFine && this.#close())
  }
}
customElements.define('rename-dialog', RenameDialog)
