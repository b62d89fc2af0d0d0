import { css, html, nothing } from 'lit'
import { listShares, removeShare, removeStrayPieces } from '../../shared/device/shares.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import { KithElement } from '../app/element.ts'
import { sentenceFor } from '../app/messages.ts'
import { Watch } from '../app/signal.ts'
import { icon } from '../elements/icon.ts'
import { currentGroup, groupLabel } from '../library/current-group.ts'
import { sizeLabel } from '../library/days.ts'
import { controls } from '../styles/controls.ts'
import { howToShare } from './how-to-share.ts'
import { openShare, type Shared } from './open-share.ts'

/** Something that waits for the person to say where it goes. */
type Waiting = Pick<Shared, 'text' | 'read'> & {
  readonly files: readonly { readonly name: string; readonly size: number }[]
  /** When it was shared; `null`: it was opened with Kith, and is not kept here. */
  readonly sharedAt: number | null
  /** Text alone, as a file. */
  note?(): Promise<File>
  /** It is where it belongs, or not wanted. */
  remove(): Promise<void>
}

/** What the system's share sheet handed to Kith, and files that were opened with it: into the library, to a friend, or away. */
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
  declare broken: readonly { readonly id: string; readonly sentence: string }[]

  constructor() {
    super()
    this.waiting = null
    this.broken = []
  }

  override connectedCallback(): void {
    super.connectedCallback()
    const { install, session, talk } = this.services
    const { groups } = session.requireUnlocked()
    new Watch(this, groups.all, groups.failures, session.state, talk, install.opened)
    void this.attempt(() => this.#load())
    void this.services.openTalk().catch(() => undefined) // without network there are no friends to send to
  }

  async #load(): Promise<void> {
    const { accountKey } = this.services.session.requireUnlocked().groups.context.secrets
    await removeStrayPieces()
    const waiting: Waiting[] = []
    const broken: { id: string; sentence: string }[] = []
    for (const row of await listShares()) {
      try {
        const shared = await openShare(row, accountKey)
        if (shared) waiting.push({ ...shared, sharedAt: row.createdAt, remove: () => removeShare(row.id) })
      } catch (error) {
        broken.push({ id: row.id, sentence: sentenceFor(error) })
      }
    }
    this.waiting = waiting
    this.broken = broken
  }

  /** In this page alone, until the person has said what becomes of them. */
  get #opened(): readonly Waiting[] {
    const { opened } = this.services.install
    const files = opened.value
    if (files.length === 0) return []
    const remove = async () => {
      opened.value = opened.value.filter((file) => !files.includes(file))
    }
    return [{ text: '', files, sharedAt: null, read: async () => files, remove }]
  }

  override render() {
    const { broken } = this
    const waiting = this.waiting && [...this.#opened, ...this.waiting]
    return html`<main class="page">
      <h1>Shared with Kith</h1>
      ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
      ${waiting?.map((one) => this.#share(one)) ?? html`<div class="skeleton tall"></div>`}
      ${broken.map(
        ({ id, sentence }) =>
          html`<section class="card stack"><p class="error" role="alert">${sentence}</p><button @click=${() => this.#discard(() => removeShare(id))}>Throw it away</button></section>`,
      )}
      ${
        waiting?.length === 0 && broken.length === 0
          ? html`<p class="soft">Nothing waits here.</p>
              <p class="soft">${howToShare(this.services.install.state.value, navigator)}</p>
              <p><a class="button" href="/">To the library</a></p>`
          : nothing
      }
    </main>`
  }

  #share(one: Waiting) {
    const { files, text, sharedAt } = one
    const group = currentGroup(this.services.session)
    const friends = this.services.talk.value?.chat.conversations.value.filter(({ canSend }) => canSend) ?? []
    return html`<section class="card stack" aria-label=${sharedAt === null ? 'Opened with Kith' : `Shared ${new Date(sharedAt).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' })}`}>
      ${text ? html`<p class="text">${text}</p>` : nothing}
      ${
        files.length > 0
          ? html`<ul class="list">
              ${files.map(({ name, size }) => html`<li>${icon('file')}<span class="grow name">${name}</span><span class="soft small">${sizeLabel(size)}</span></li>`)}
            </ul>`
          : nothing
      }
      ${group ? html`<button class="primary wide" ?disabled=${this.working} @click=${() => this.#add(one)}>${icon('upload', 20)} Add to ${groupLabel(group)}${files.length === 0 ? ' as a file' : ''}</button>` : nothing}
      ${text ? html`<button ?disabled=${this.working} @click=${() => this.#copy(text)}>${icon('copy', 20)} Copy the text</button>` : nothing}
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
      <button class="quiet" ?disabled=${this.working} @click=${() => this.#discard(one.remove)}>${sharedAt === null ? 'Not now' : 'Throw it away'}</button>
    </section>`
  }

  #add(one: Waiting): void {
    void this.attempt(async () => {
      const { session, uploads, router, toasts } = this.services
      const group = currentGroup(session)
      if (!group) return
      const files = await one.read()
      const note = files.length === 0 ? await one.note?.() : undefined
      // Written down as an upload each of them leaves the share at the same moment.
      await uploads.add(group.groupId, note ? [note] : files)
      await one.remove()
      await this.#load()
      toasts.show(`Sealing for ${groupLabel(group)}`, { action: { label: 'Show', run: () => router.go('/activity') } })
      if (this.waiting?.length === 0 && this.#opened.length === 0) router.go('/')
    })
  }

  #send(event: SubmitEvent, one: Waiting): void {
    event.preventDefault()
    const friend = String(new FormData(event.target as HTMLFormElement).get('friend')) as ConnectionId
    void this.attempt(async () => {
      const { chat } = await this.services.openTalk()
      const thread = await chat.open(friend)
      try {
        const files = await one.read()
        const { text } = one
        if (files.length > 0) await thread.sendFiles(files, text ? { text } : {})
        else await thread.sendText(text)
      } finally {
        thread.close()
      }
      await one.remove()
      await this.#load()
      this.services.router.go(`/chats/${friend}`)
    })
  }

  #copy(text: string): void {
    void this.attempt(async () => {
      await navigator.clipboard.writeText(text)
      this.services.toasts.show('Copied.')
    })
  }

  #discard(remove: () => Promise<void>): void {
    void this.attempt(async () => {
      await remove()
      await this.#load()
    })
  }
}
customElements.define('share-screen', ShareScreen)
