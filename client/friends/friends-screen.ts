import { css, html, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { ConnectionId, UserId } from '../../shared/format/ids.ts'
import { type Person, readPerson, searchPeople } from '../../shared/wire/people.ts'
import { KithElement } from '../app/element.ts'
import { sentenceFor } from '../app/messages.ts'
import { passAppError } from '../app/passing.ts'
import type { Talk } from '../app/services.ts'
import { Watch } from '../app/signal.ts'
import { icon } from '../elements/icon.ts'
import { controls } from '../styles/controls.ts'
import './ask-dialog.ts'
import type { Blocked } from './blocks.ts'
import './friend-menu.ts'
import './link-dialog.ts'
import { type PersonLink, parsePersonLink } from './people.ts'
import './scan-dialog.ts'
import { PeopleSearch } from './search.ts'
import type { Connection } from './types.ts'
import './verify-dialog.ts'

type Shown = Pick<Connection, 'isVerified' | 'fault'> & { readonly peer: Person }

type Open =
  | { readonly kind: 'link' | 'scan' }
  | { readonly kind: 'ask'; readonly person: Person; readonly keyHash: Bytes | null }
  | { readonly kind: 'verify'; readonly connectionId: ConnectionId }

/** Friends, those who asked, those who were asked, and how to find more. */
export class FriendsScreen extends KithElement {
  static override properties = { talk: { state: true }, found: { state: true }, open: { state: true } }
  static override styles = [
    controls,
    css`
      .name {
        overflow: hidden;
        font-weight: 600;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .note {
        overflow-wrap: anywhere;
        white-space: pre-wrap;
      }
      .mark {
        display: inline-flex;
        vertical-align: -3px;
        color: var(--accent);
      }
      .row > button {
        padding: 0.5rem 0.75rem;
        white-space: nowrap;
      }
      .asks,
      li:has(.fault) {
        flex-wrap: wrap;
      }
      .fault {
        flex: 1 0 100%;
        order: 1;
      }
    `,
  ]
  declare talk: Talk | null
  declare found: readonly Person[] | null
  declare open: Open | null
  readonly #search = new PeopleSearch({
    origin: location.origin,
    ask: async (name, signal) => {
      const { people } = await this.services.api.call(searchPeople, { query: { name }, signal })
      return people.filter(({ userId }) => userId !== this.#me)
    },
    found: (people) => {
      this.found = people
    },
    failed: (error) => {
      this.failure = error && sentenceFor(error)
      this.requestUpdate()
    },
    follow: (link) => this.#follow(link),
  })

  constructor() {
    super()
    this.talk = null
    this.found = null
    this.open = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    void this.services
      .openTalk()
      .then((talk) => {
        this.talk = talk
        new Watch(this, talk.friends.list, talk.friends.blocks.list)
        return Promise.all([talk.chat.catchUp(), talk.friends.blocks.read()])
      }, passAppError)
      .catch(passAppError)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#search.stop()
  }

  override render() {
    const all = this.talk?.friends.list.value ?? []
    const by = (state: Connection['state']) => all.filter((one) => one.state === state).sort(byName)
    const [asked, friends, asking] = [by('asked'), by('friends'), by('asking')]
    const blocked = [...(this.talk?.friends.blocks.list.value ?? [])].sort((a, b) =>
      a.username.localeCompare(b.username),
    )
    return html`<main class="page">
        <h1>Friends</h1>
        <section class="card stack" aria-labelledby="find">
          <h2 id="find">Find somebody</h2>
          <div>
            <label for="search">Name or link</label>
            <input id="search" type="search" autocomplete="off" autocapitalize="none" spellcheck="false" maxlength="2048" @input=${this.#typed} />
          </div>
          ${this.#results()}
          <div class="row">
            <button class="grow" @click=${() => (this.open = { kind: 'link' })}>${icon('qr', 20)} My link</button>
            <button class="grow" @click=${() => (this.open = { kind: 'scan' })}>${icon('camera', 20)} Scan code</button>
          </div>
        </section>
        ${this.failure ? html`<p class="error" role="alert">${this.failure}</p>` : nothing}
        ${asked.length > 0 ? html`<section class="card" aria-labelledby="asked"><h2 id="asked">Asked you</h2><ul class="list">${repeat(asked, keyOf, (one) => this.#asked(one))}</ul></section>` : nothing}
        ${friends.length > 0 ? html`<section class="card" aria-labelledby="friends"><h2 id="friends">Your friends</h2><ul class="list">${repeat(friends, keyOf, (one) => this.#friend(one))}</ul></section>` : nothing}
        ${asking.length > 0 ? html`<section class="card" aria-labelledby="asking"><h2 id="asking">You asked</h2><ul class="list">${repeat(asking, keyOf, (one) => this.#asking(one))}</ul></section>` : nothing}
        ${
          blocked.length > 0
            ? html`<section class="card" aria-labelledby="blocked"><h2 id="blocked">Blocked</h2><ul class="list">${repeat(
                blocked,
                ({ userId }) => userId,
                (one) => this.#blocked(one),
              )}</ul></section>`
            : nothing
        }
        ${this.talk && [asked, friends, asking, blocked].every(({ length }) => length === 0) ? html`<p class="soft">Nobody yet. Show your code to a friend, or find them by name: then you can write to each other.</p>` : nothing}
      </main>
      ${this.#dialog()}`
  }

  #results() {
    if (this.found === null) return nothing
    if (this.found.length === 0) return html`<p class="soft" role="status">Nobody of that name.</p>`
    return html`<ul class="list" aria-label="Found">
      ${this.found.map((person) => {
        const known = this.talk?.friends.list.value.find(
          ({ peer, state }) => peer.userId === person.userId && state !== 'ended',
        )
        return html`<li>
          <span class="avatar" aria-hidden="true">${person.username.slice(0, 1)}</span>
          <span class="grow name">${person.username}</span>
          ${known ? html`<span class="soft small">${STATES[known.state]}</span>` : html`<button @click=${() => (this.open = { kind: 'ask', person, keyHash: null })}>Ask</button>`}
        </li>`
      })}
    </ul>`
  }

  #person({ peer: { username }, isVerified, fault }: Shown, more: unknown) {
    return html`<span class="avatar" aria-hidden="true">${username.slice(0, 1) || '?'}</span>
      <div class="grow">
        <p class="name">
          ${username || (fault ? 'Somebody' : 'Somebody who is gone')}
          ${isVerified ? html`<span class="mark">${icon('shield', 16)}<span class="visually-hidden">verified</span></span>` : nothing}
        </p>
        ${fault ? nothing : more}
      </div>
      ${fault ? html`<p class="error small fault" role="alert" data-code=${fault.code}>${sentenceFor(fault)}</p>` : nothing}`
  }

  #asked(one: Connection) {
    const { friends } = this.talk as Talk
    const { connectionId, peer, note, fault } = one
    return html`<li class="asks">
      ${this.#person(one, note ? html`<p class="note">${note}</p>` : html`<p class="soft small">wants to connect</p>`)}
      <div class="row">
        <button class="primary" ?disabled=${this.working || fault !== null} @click=${() => this.#do(() => friends.accept(connectionId))}>Accept</button>
        <button ?disabled=${this.working} @click=${() => this.#do(() => friends.deny(connectionId))}>Decline</button>
        <button class="quiet" ?disabled=${this.working} @click=${() => this.#do(() => friends.block(peer.userId))}>Block</button>
      </div>
    </li>`
  }

  #friend(one: Connection) {
    const { connectionId, fault } = one
    return html`<li data-state="friends">
      ${this.#person(one, one.isVerified ? nothing : html`<p class="soft small">not verified yet</p>`)}
      ${fault ? nothing : html`<a class="button primary" href="/chats/${connectionId}" aria-label="Write to ${one.peer.username}">${icon('chat', 20)}</a>`}
      <friend-menu .connection=${one} @verify=${() => (this.open = { kind: 'verify', connectionId })}></friend-menu>
    </li>`
  }

  #asking(one: Connection) {
    const until = new Date(one.expiresAt).toLocaleDateString('en', { day: 'numeric', month: 'long' })
    return html`<li>
      ${this.#person(one, html`<p class="soft small">no answer yet; ends by itself on ${until}</p>`)}
      <button ?disabled=${this.working} @click=${() => this.#do(() => (this.talk as Talk).friends.end(one.connectionId))}>Withdraw</button>
    </li>`
  }

  #blocked(peer: Blocked) {
    const { fault, userId } = peer
    return html`<li>
      ${this.#person({ peer, isVerified: false, fault }, html`<p class="soft small">hears nothing from you, and you nothing from them</p>`)}
      <button ?disabled=${this.working} @click=${() => this.#do(() => (this.talk as Talk).friends.unblock(userId))}>Unblock</button>
    </li>`
  }

  #dialog() {
    const { open } = this
    const close = () => (this.open = null)
    switch (open?.kind) {
      case 'link':
        return html`<link-dialog @close=${close}></link-dialog>`
      case 'scan':
        return html`<scan-dialog
          heading="Scan a friend’s code"
          hint="They find it under “My link”. A link that they sent you goes where you type a name."
          @close=${close}
          @scanned=${this.#scanned}
        ></scan-dialog>`
      case 'ask':
        return html`<ask-dialog .person=${open.person} .keyHash=${open.keyHash} @close=${close} @asked=${this.#hasAsked}></ask-dialog>`
      case 'verify':
        return html`<verify-dialog .connectionId=${open.connectionId} @close=${close}></verify-dialog>`
      default:
        return nothing
    }
  }

  #hasAsked = (): void => {
    this.open = null
    this.found = null
    const field = this.renderRoot.querySelector<HTMLInputElement>('#search')
    if (field) field.value = ''
    this.services.toasts.show('Asked. You see here when they accept.')
  }

  #scanned = (event: CustomEvent<string>): void => {
    if (this.open?.kind !== 'scan') return
    let link: PersonLink
    try {
      link = parsePersonLink(event.detail, location.origin)
    } catch {
      // Another code came before the camera: it looks on.
      return
    }
    this.#follow(link)
  }

  /** To whom a personal link belongs. */
  #follow({ userId, keyHash }: PersonLink): void {
    this.open = null
    if (userId === this.#me) {
      this.services.toasts.show('That is your own link.')
      return
    }
    void this.attempt(async () => {
      const person = await this.services.api.call(readPerson, { params: { userId } })
      this.open = { kind: 'ask', person, keyHash }
    })
  }

  get #me(): UserId {
    return this.services.session.requireUnlocked().account.userId
  }

  #typed = (event: Event): void => this.#search.typed((event.target as HTMLInputElement).value)

  #do(action: () => Promise<unknown>): void {
    void this.attempt(async () => void (await action()))
  }
}

const STATES: Readonly<Record<Connection['state'], string>> = {
  friends: 'your friend',
  asked: 'asked you',
  asking: 'asked already',
  blocked: 'blocked',
  ended: '',
}
const keyOf = ({ connectionId }: Connection): string => connectionId
const byName = (a: Connection, b: Connection): number => a.peer.username.localeCompare(b.peer.username)
customElements.define('friends-screen', FriendsScreen)
