import { css, html, nothing } from 'lit'
import type { ShareRow } from '../../shared/device/db.ts'
import {
  listShares,
  openSharedFile,
  openShareHeader,
  removeShare,
  removeStrayPieces,
  type ShareHeader,
} from '../../shared/device/shares.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import { KithElement } from '../app/element.ts'
import { sentenceFor } from '../app/messages.ts'
import { Watch } from '../app/signal.ts'
import { icon } from '../elements/icon.ts'
import { currentGroup, groupLabel } from '../library/current-group.ts'
import { sizeLabel } from '../library/days.ts'
import { controls } from '../styles/controls.ts'
import { openingShareKey } from './share-key.ts'

type Waiting = { readonly row: ShareRow; readonly key: CryptoKey; readonly header: ShareHeader }

/** What the system's share sheet handed to Kith: into the library, to a friend, or away. */
export class ShareScreen extends KithElement {
  static override properties = { waiting: { state: true }, broken: { state: true } }
  static override styles = [
    controls,
    css`
      .text {
        margin: 0;
        overflow-wrap: anywhere;
        white-space: pre-wrap;
      }
      .name {
        overflow-wrap: anywhere;
      }
      .to {
        display: flex;
        flex-wrap: wrap;
        gap: 0.5rem;
      }
      select {
        flex: 1 1 10rem;
        width: auto;
      }
    `,
  ]
  /** `null`: being opened. */
  declare waiting: readonly Waiting[] | null
  /** Of which only this can be said. */
  declare broken: readonly { readonly row: ShareRow; readonly sentence: string }[]

  constructor() {
    super()
    this.waiting = null
    this.broken = []
  }

  override connectedCallback(): void {
    super.connectedCallback()
    new Watch(this, this.services.session.requireUnlocked().groups.all, this.services.talk)
    void this.attempt(() => this.#load())
    void this.services.openTalk().catch(() => undefined) // without network there are no friends to send to
  }

  async #load(): Promise<void> {
    const { accountKey } = this.services.session.requireUnlocked().groups.context.secrets
    await removeStrayPieces()
    const waiting: Waiting[] = []
    const broken: { row: ShareRow; sentence: string }[] = []
    for (const row of await listShares()) {
      try {
        const key = await openingShareKey(accountKey, row.ephemeral)
        waiting.push({ row, key, header: await openShareHeader(row, key) })
      } catch (error) {
        broken.push({ row, sentence: sentenceFor(error) })
      }
    }
    this.waiting = waiting
    this.broken = broken
  }

  override render() {
    const { waiting, broken } = this
    return html`<main class="page">
      <h1>Shared with Kith</h1>
      ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
      ${waiting?.map((one) => this.#share(one)) ?? html`<div class="skeleton tall"></div>`}
      ${broken.map(
        ({ row, sentence }) =>
          html`<section class="card stack"><p class="error" role="alert">${sentence}</p><button @click=${() => this.#discard(row.id)}>Throw it away</button></section>`,
      )}
      ${
        waiting?.length === 0 && broken.length === 0
          ? html`<p class="soft">Nothing waits here. Choose Kith in another app’s share sheet, and it comes here, sealed.</p>
              <p><a class="button" href="/">To the library</a></p>`
          : nothing
      }
    </main>`
  }

  #share(one: Waiting) {
    const { files, text } = one.header
    const group = currentGroup(this.services.session.requireUnlocked().groups.all.value)
    const friends = this.services.talk.value?.chat.conversations.value.filter(({ canSend }) => canSend) ?? []
    return html`<section class="card stack" aria-label="Shared ${new Date(one.row.createdAt).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' })}">
      ${text ? html`<p class="text">${text}</p>` : nothing}
      ${
        files.length > 0
          ? html`<ul class="list">
              ${files.map(({ name, size }) => html`<li>${icon('file')}<span class="grow name">${name}</span><span class="soft small">${sizeLabel(size)}</span></li>`)}
            </ul>`
          : nothing
      }
      ${files.length > 0 && group ? html`<button class="primary wide" ?disabled=${this.working} @click=${() => this.#add(one)}>${icon('upload', 20)} Add to ${groupLabel(group)}</button>` : nothing}
      ${
        friends.length > 0
          ? html`<form class="to" @submit=${(event: SubmitEvent) => this.#send(event, one)}>
              <select name="friend" aria-label="Friend">
                ${friends.map(({ connectionId, peer }) => html`<option value=${connectionId}>${peer.username}</option>`)}
              </select>
              <button ?disabled=${this.working}>${icon('send', 20)} Send to this friend</button>
            </form>`
          : nothing
      }
      <button class="quiet" ?disabled=${this.working} @click=${() => this.#discard(one.row.id)}>Throw it away</button>
    </section>`
  }

  async #files({ row, key, header }: Waiting): Promise<File[]> {
    const files: File[] = []
    for (const index of header.files.keys()) files.push(await openSharedFile(row.id, key, header, index))
    return files
  }

  #add(one: Waiting): void {
    void this.attempt(async () => {
      const { session, uploads, router, toasts } = this.services
      const group = currentGroup(session.requireUnlocked().groups.all.value)
      if (!group) return
      await uploads.add(group.groupId, await this.#files(one))
      // From here on the upload has it; a tab that dies asks for the file, as with any other.
      await removeShare(one.row.id)
      await this.#load()
      toasts.show(`Sealing for ${groupLabel(group)}`, { action: { label: 'Show', run: () => router.go('/activity') } })
      if (this.waiting?.length === 0) router.go('/')
    })
  }

  #send(event: SubmitEvent, one: Waiting): void {
    event.preventDefault()
    const friend = String(new FormData(event.target as HTMLFormElement).get('friend')) as ConnectionId
    void this.attempt(async () => {
      const { chat } = await this.services.openTalk()
      const thread = await chat.open(friend)
      try {
        const files = await this.#files(one)
        const { text } = one.header
        if (files.length > 0) await thread.sendFiles(files, text ? { text } : {})
        else await thread.sendText(text)
      } finally {
        thread.close()
      }
      await removeShare(one.row.id)
      await this.#load()
      this.services.router.go(`/chats/${friend}`)
    })
  }

  #discard(id: string): void {
    void this.attempt(async () => {
      await removeShare(id)
      await this.#load()
    })
  }
}
customElements.define('share-screen', ShareScreen)
