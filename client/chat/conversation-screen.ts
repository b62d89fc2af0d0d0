import { html, nothing } from 'lit'
import { keyed } from 'lit/directives/keyed.js'
import { repeat } from 'lit/directives/repeat.js'
import { parseConnectionId } from '../../shared/format/ids.ts'
import type { MessageRef } from '../../shared/wire/message-body.ts'
import { KithElement } from '../app/element.ts'
import { passAppError } from '../app/passing.ts'
import type { Talk } from '../app/services.ts'
import { icon } from '../elements/icon.ts'
import '../friends/friend-menu.ts'
import '../friends/verify-dialog.ts'
import { controls } from '../styles/controls.ts'
import './chat-composer.ts'
import type { ChatComposer } from './chat-composer.ts'
import './chat-list.ts'
import { banners } from './conversation-banners.ts'
import './conversation-search.ts'
import './disappearing-dialog.ts'
import { conversationStyles } from './conversation-styles.ts'
import { type Line, linesOf, previewOf } from './lines.ts'
import './message-menu.ts'
import './message-row.ts'
import { ReadWindow } from './read-window.ts'
import type { Message, Thread } from './types.ts'
import { FIRST, follow, newer, older, STEP, type ViewWindow, windowAround } from './view-window.ts'

/** As near to the foot as counts as being there. */
const NEAR_PX = 80
/** What is further than that comes in time, however fast one scrolls. */
const EDGE_PX = 1200
/** More at once are counted, not read out. */
const HEARD_MAX = 3
/** One conversation: what was said, and where to answer. */
export class ConversationScreen extends KithElement {
  static override properties = {
    connectionId: {},
    talk: { state: true },
    thread: { state: true },
    lines: { state: true },
    menuFor: { state: true },
    reply: { state: true },
    editing: { state: true },
    open: { state: true },
    lit: { state: true },
    below: { state: true },
    heard: { state: true },
    isSearching: { state: true },
    isAway: { state: true },
  }
  static override styles = [controls, conversationStyles]
  declare connectionId: string
  declare talk: Talk | null
  declare thread: Thread | null
  declare lines: readonly Line[]
  declare menuFor: Message | null
  declare reply: Message | null
  declare editing: Message | null
  declare open: 'verify' | 'disappearing' | null
  /** Key of the message that was jumped to. */
  declare lit: string | null
  /** How many came in below while the person reads above. */
  declare below: number
  /** What came in while the person looked: for whoever listens instead. */
  declare heard: { readonly text: string } | null
  declare isSearching: boolean
  /** Looks at what was said earlier. */
  declare isAway: boolean
  #view: ViewWindow = { from: 0, to: 0 }
  #messages: ReadWindow | null = null
  #isSliding = false
  #total = 0
  #isAtFoot = true
  /** Key of the first message that was unread when the person came. */
  #firstUnread: string | null = null
  readonly #quotes = new Map<string, { readonly message: Message | null; readonly revision: number }>()
  readonly #stops: (() => void)[] = []
  #reading: Promise<void> = Promise.resolve()

  constructor() {
    super()
    this.talk = null
    this.thread = null
    this.lines = []
    this.menuFor = null
    this.reply = null
    this.editing = null
    this.open = null
    this.lit = null
    this.below = 0
    this.heard = null
    this.isSearching = false
    this.isAway = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    document.addEventListener('visibilitychange', this.#look)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    document.removeEventListener('visibilitychange', this.#look)
    this.#leave()
  }

  override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (!changed.has('connectionId')) return
    this.#leave()
    void this.attempt(() => this.#enterWanted())
  }

  /** Whoever goes on to another one while one opens comes to the last. */
  async #enterWanted(): Promise<void> {
    for (let wanted = ''; wanted !== this.connectionId; ) {
      wanted = this.connectionId
      await this.#enter(wanted).catch((error: unknown) => {
        if (wanted === this.connectionId) throw error
      })
    }
  }

  #leave(): void {
    for (const stop of this.#stops.splice(0)) stop()
    this.thread?.close()
    this.thread = null
    this.lines = []
    this.reply = null
    this.editing = null
    this.menuFor = null
    this.open = null
    this.isSearching = false
    this.heard = null
    this.below = 0
    this.#quotes.clear()
  }

  async #enter(wanted: string): Promise<void> {
    const talk = await this.services.openTalk()
    this.talk = talk
    const id = parseConnectionId(wanted)
    // It may be new: told by a notification, and not here yet.
    if (!talk.friends.get(id)) await talk.chat.catchUp()
    const thread = await talk.chat.open(id)
    if (this.connectionId !== wanted) return thread.close()
    this.thread = thread
    this.#messages = new ReadWindow(thread)
    this.#total = thread.total.value
    const unread = await thread.firstUnread()
    const found = await this.#takeWanted(talk, thread)
    if (thread !== this.thread) return
    this.#view = windowAround(this.#total, found ?? unread)
    this.#isAtFoot = unread === null && found === null
    this.#stops.push(
      thread.revision.watch(() => void this.#follow()),
      thread.conversation.watch(() => this.requestUpdate()),
      talk.wanted.watch(() => void this.#showWanted()),
    )
    await this.#read()
    this.#firstUnread = this.lines.find(({ position }) => position === unread)?.message.key ?? null
    this.requestUpdate()
    await this.updateComplete
    if (found !== null) this.#light(found)
    else if (unread === null) this.#toFoot()
    else this.#toMiddle(this.renderRoot.querySelector('.new'))
    // What fits on the screen is read without scrolling.
    this.#isAtFoot = this.#isFootShown()
    this.#scrolled()
    this.#look()
    // Where there is a keyboard one writes at once; on a touch screen its keys would hide what was said.
    if (!matchMedia('(pointer: coarse)').matches) this.#composer?.focus()
    void talk.chat.catchUp().catch(passAppError)
  }

  /** Something changed: at the foot it follows, elsewhere it stays where the person reads. */
  async #follow(): Promise<void> {
    const { thread } = this
    if (!thread) return
    const before = this.#total
    this.#total = thread.total.value
    const grown = this.#total - before
    if (this.#isAtFoot) this.#view = follow(this.#view, before, this.#total)
    else if (grown > 0) this.below += grown
    await this.#read()
    await this.updateComplete
    if (this.#isAtFoot) this.#toFoot()
    if (grown > 0 && this.#isAtFoot) this.#say(thread, before)
    // Only what was painted can have been read, and what is written down of that must not hold up the painting.
    requestAnimationFrame(() => setTimeout(this.#look))
  }

  /** Only what is new, and only where it can be seen: history is never read out. */
  #say(thread: Thread, from: number): void {
    const fresh = this.lines.filter(({ position, message }) => position >= from && !message.isMine)
    const { username } = thread.conversation.value.peer
    if (document.visibilityState !== 'visible' || fresh.length === 0) return
    const text =
      fresh.length > HEARD_MAX
        ? `${fresh.length} new messages from ${username}`
        : fresh.map(({ message }) => `${username}: ${previewOf(message)}`).join('\n')
    this.heard = { text }
  }

  /** @param aboutToShow called when all is read, right before the page changes. */
  #read(aboutToShow?: () => void): Promise<void> {
    // After one that failed, too: the next change may bring what was missing.
    this.#reading = this.#reading.catch(passAppError).then(async () => {
      const { thread } = this
      const read = this.#messages
      if (!thread || !read) return
      const { from, to } = this.#view
      const messages = await read.read(Math.max(0, from - 1), to)
      const before = from > 0 ? (messages[0] ?? null) : null
      const shown = from > 0 ? messages.slice(1) : messages
      for (const { reply } of shown) if (reply) await this.#quote(thread, reply)
      if (thread !== this.thread) return
      aboutToShow?.()
      const focused = this.#focusedRow
      this.lines = linesOf(shown, from, before, Date.now())
      await this.updateComplete
      // Whoever goes by keyboard goes on from here when the message that they were at is gone.
      if (focused && !focused.isConnected) this.#log?.focus({ preventScroll: true })
    })
    return this.#reading
  }

  /** Looked up once, until something changes. */
  async #quote(thread: Thread, ref: MessageRef): Promise<void> {
    const revision = thread.revision.value
    if (this.#quotes.get(keyOf(ref))?.revision === revision) return
    const position = await thread.positionOf(ref)
    const [message = null] = position === null ? [] : await thread.read(position, position + 1)
    this.#quotes.set(keyOf(ref), { message, revision })
  }

  /** What stands on the screen was read. */
  #look = (): void => {
    const { thread } = this
    if (!thread || document.visibilityState !== 'visible' || !this.#isAtFoot || this.#view.to < this.#total) return
    void thread.markRead(this.#total - 1).catch(passAppError)
  }

  get #log(): HTMLElement | null {
    return this.renderRoot.querySelector('.log')
  }

  #isFootShown(): boolean {
    const log = this.#log
    return log !== null && log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX && this.#view.to >= this.#total
  }

  #toFoot = (): void => {
    const log = this.#log
    if (log) log.scrollTop = log.scrollHeight
    this.below = 0
    this.isAway = false
  }

  #jumpToFoot = (): void => {
    const { from, to } = this.#view
    // What comes is followed by itself, until there is too much of it.
    if (this.#isAtFoot && to >= this.#total && to - from < FIRST + STEP) {
      this.#toFoot()
      return
    }
    this.#view = windowAround(this.#total, null)
    this.#isAtFoot = true
    void this.#read()
      .then(() => this.updateComplete)
      .then(() => {
        this.#toFoot()
        this.#look()
      })
  }

  #scrolled = (): void => {
    const log = this.#log
    if (!log || !this.thread) return
    const left = log.scrollHeight - log.scrollTop - log.clientHeight
    const wasAtFoot = this.#isAtFoot
    this.#isAtFoot = this.#isFootShown()
    this.isAway = left > log.clientHeight || this.#view.to < this.#total
    if (this.#isAtFoot && !wasAtFoot) {
      this.below = 0
      this.#look()
    }
    if (log.scrollTop < EDGE_PX && this.#view.from > 0) void this.#slide(older(this.#view))
    else if (left < EDGE_PX && this.#view.to < this.#total) void this.#slide(newer(this.#view, this.#total))
  }

  /** Other messages come into the page; what the person looks at does not move. One at a time: a fling asks often. */
  async #slide(view: ViewWindow): Promise<void> {
    if (this.#isSliding || (view.from === this.#view.from && view.to === this.#view.to)) return
    this.#isSliding = true
    this.#view = view
    try {
      let place: { key: string | undefined; top: number } | undefined
      // Where it is then, and not where it was when this began: the person scrolls on.
      await this.#read(() => {
        place = this.#place()
      })
      const log = this.#log
      const now = place && this.#rows.find(({ dataset }) => dataset.key === place?.key)
      if (log && now && place) log.scrollTop = now.offsetTop - place.top
    } finally {
      this.#isSliding = false
    }
    this.#scrolled()
  }

  /** The first row in sight, and how far it is from the upper edge. */
  #place(): { key: string | undefined; top: number } | undefined {
    const scrollTop = this.#log?.scrollTop ?? 0
    const row = this.#rows.find((one) => one.offsetTop + one.offsetHeight > scrollTop)
    return row && { key: row.dataset.key, top: row.offsetTop - scrollTop }
  }

  get #rows(): HTMLElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLElement>('message-row')]
  }

  get #focusedRow(): Element | null {
    return this.shadowRoot?.activeElement?.closest('message-row') ?? null
  }

  get #composer(): ChatComposer | null {
    return this.renderRoot.querySelector('chat-composer')
  }

  async #jump(ref: MessageRef): Promise<void> {
    const position = await this.thread?.positionOf(ref)
    if (position !== null && position !== undefined) await this.#goTo(position)
  }

  async #goTo(position: number): Promise<void> {
    this.#isAtFoot = false
    this.#view = windowAround(this.#total, position)
    await this.#read()
    await this.updateComplete
    this.#light(position)
  }

  #light(position: number): void {
    const line = this.lines.find((one) => one.position === position)
    this.lit = line?.message.key ?? null
    this.#toMiddle(this.#rows.find(({ dataset }) => dataset.key === this.lit))
  }

  /** The log alone moves: `scrollIntoView` would move the page, too. */
  #toMiddle(row: HTMLElement | null | undefined): void {
    const log = this.#log
    if (log && row) log.scrollTop = row.offsetTop - (log.clientHeight - row.offsetHeight) / 2
  }

  /** Where a search in all chats wants to go; asked for once. */
  async #takeWanted(talk: Talk, thread: Thread): Promise<number | null> {
    const wanted = talk.wanted.value
    if (wanted?.connectionId !== this.connectionId) return null
    talk.wanted.value = null
    return thread.positionOf(wanted.ref)
  }

  async #showWanted(): Promise<void> {
    const position = this.talk && this.thread ? await this.#takeWanted(this.talk, this.thread) : null
    if (position !== null) await this.#goTo(position)
  }

  override render() {
    const { talk, thread } = this
    return html`<div class="whole">
      ${talk ? html`<aside aria-label="All chats"><h2>Chats</h2><chat-list .talk=${talk} .current=${this.connectionId}></chat-list></aside>` : nothing}
      ${thread ? this.#conversation(thread) : html`<main>${this.#nothing()}</main>`}
    </div>`
  }

  #nothing() {
    return html`<header>${this.#back()}<h1>${this.failure ? 'Chat' : 'Opening…'}</h1></header>
      ${this.failure ? html`<p class="banner bad" role="alert">${this.failure}</p>` : html`<div class="log"></div>`}`
  }

  #back() {
    return html`<button class="icon" aria-label="Back" @click=${() => this.services.router.back('/chats')}>${icon('back')}</button>`
  }

  #conversation(thread: Thread) {
    const one = thread.conversation.value
    const { username } = one.peer
    const friend = this.talk?.friends.get(one.connectionId)
    return html`<main @dragover=${this.#dragOver} @drop=${this.#drop}>
      <header>
        ${this.#back()}
        <h1>
          ${username || 'Somebody who is gone'}
          ${one.isVerified ? html`<span class="mark">${icon('shield', 18)}<span class="visually-hidden">verified</span></span>` : nothing}
          <span class="soft small" aria-live="polite">${one.isTyping ? 'is typing…' : ''}</span>
        </h1>
        <button class="icon search" aria-label="Search in this chat" aria-expanded=${this.isSearching} @click=${() => (this.isSearching = !this.isSearching)}>${icon('search')}</button>
        <button class="icon" aria-label="Disappearing messages" @click=${() => (this.open = 'disappearing')}>${icon('timer')}</button>
        ${friend?.state === 'friends' ? html`<friend-menu .connection=${friend} @verify=${() => (this.open = 'verify')}></friend-menu>` : nothing}
      </header>
      ${this.isSearching ? html`<conversation-search .thread=${thread} @found=${(event: CustomEvent<number>) => void this.#goTo(event.detail)} @close=${this.#closeSearch}></conversation-search>` : nothing}
      ${banners(one, this.lines)}
      <div class="log" tabindex="0" role="region" aria-label="Conversation" @scroll=${this.#scrolled}>
        ${this.lines.length === 0 ? html`<p class="empty soft">Say hello to ${username}. Only the two of you can read it.</p>` : nothing}
        ${repeat(
          this.lines,
          ({ message }) => message.key,
          (line) => this.#line(line, username),
        )}
      </div>
      <p class="visually-hidden" role="log" aria-live="polite">${this.heard ? keyed(this.heard, html`<span>${this.heard.text}</span>`) : nothing}</p>
      ${this.below > 0 || this.isAway ? html`<button class="to-foot" @click=${this.#jumpToFoot}>${this.below > 0 ? `${this.below} new` : 'To the newest'}</button>` : nothing}
      ${
        one.canSend
          ? html`<chat-composer
              .thread=${thread}
              .reply=${this.reply}
              .editing=${this.editing}
              @done=${this.#done}
              @sent=${this.#jumpToFoot}
            ></chat-composer>`
          : html`<p class="closed soft">${one.fault ? 'Nothing can be sent here now.' : `You and ${username || 'this person'} are not connected now.`}</p>`
      }
      ${this.#dialogs(thread)}
    </main>`
  }

  #line({ message, day, isContinued }: Line, friend: string) {
    return html`${day ? html`<h2 class="day">${day}</h2>` : nothing}
      ${message.key === this.#firstUnread ? html`<p class="new">New</p>` : nothing}
      <message-row
        data-key=${message.key}
        .message=${message}
        .quoted=${message.reply ? (this.#quotes.get(keyOf(message.reply))?.message ?? null) : null}
        .friend=${friend}
        ?isContinued=${isContinued}
        ?isLit=${message.key === this.lit}
        @more=${() => (this.menuFor = message)}
        @quoted=${() => message.reply && void this.#jump(message.reply)}
        @retry=${() => void this.thread?.retry(message.key)}
        @take-back=${() => void this.thread?.takeBack(message.key)}
      ></message-row>`
  }

  #dialogs(thread: Thread) {
    const chosen = this.menuFor
    // As it is now: what was on its way when the menu was opened may have been sent since.
    const menuFor = chosen && (this.lines.find(({ message }) => message.key === chosen.key)?.message ?? chosen)
    return html`
      ${
        menuFor
          ? html`<message-menu
              .message=${menuFor}
              .thread=${thread}
              @close=${this.#closeMenu}
              @reply=${() => {
                this.editing = null
                this.reply = menuFor
              }}
              @edit=${() => {
                this.reply = null
                this.editing = menuFor
              }}
            ></message-menu>`
          : nothing
      }
      ${this.open === 'verify' ? html`<verify-dialog .connectionId=${thread.conversation.value.connectionId} @close=${() => (this.open = null)}></verify-dialog>` : nothing}
      ${this.open === 'disappearing' ? html`<disappearing-dialog .thread=${thread} @close=${() => (this.open = null)}></disappearing-dialog>` : nothing}
    `
  }

  #closeSearch = (): void => {
    this.isSearching = false
    this.renderRoot.querySelector<HTMLElement>('.search')?.focus()
  }

  /** Back to the message, by the dialog; where that is gone, to the conversation. */
  #closeMenu = (): void => {
    this.menuFor = null
    void this.updateComplete.then(() => this.shadowRoot?.activeElement ?? this.#log?.focus({ preventScroll: true }))
  }

  #done = (): void => {
    this.reply = null
    this.editing = null
  }

  #dragOver = (event: DragEvent): void => {
    if (hasFiles(event)) event.preventDefault()
  }

  #drop = (event: DragEvent): void => {
    if (!hasFiles(event)) return
    event.preventDefault()
    this.#composer?.sendFiles([...(event.dataTransfer?.files ?? [])])
  }
}

/** Text goes where it is dropped. */
const hasFiles = ({ dataTransfer }: DragEvent): boolean => dataTransfer?.types.includes('Files') ?? false
const keyOf = ({ senderId, deviceId, counter }: MessageRef): string => `${senderId}.${deviceId}.${counter}`
customElements.define('conversation-screen', ConversationScreen)
