import { AppError } from '../../shared/errors.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import type { MessageTtl } from '../../shared/wire/connections.ts'
import type { MessageBody, MessageRef, MessageType } from '../../shared/wire/message-body.ts'
import { Signal } from '../app/signal.ts'
import { composeKept, composeWaiting, type Scene, textOf } from './compose.ts'
import { type ChatContext, type Moved, stateLock } from './context.ts'
import type { ChatMedia } from './media.ts'
import type { Outbox } from './outbox.ts'
import { isUnread, type Receipts, recount } from './receipts.ts'
import { fitsMessage, isVisible, placeOf, refOf } from './rows.ts'
import { comesBefore, DRAFT_MAX, raiseMarks } from './state.ts'
import type { Position, Waiting } from './store.ts'
import { Draft } from './take.ts'
import type { Conversation, Message, Thread } from './types.ts'

/** Opened in one go while searching. */
const PAGE = 256

export type ThreadPorts = {
  readonly outbox: Outbox
  readonly media: ChatMedia
  readonly receipts: Receipts
  sceneOf(id: ConnectionId): Promise<Scene>
  sayTyping(id: ConnectionId): void
  /** Resolves once what has changed so far is shown. */
  updated(): Promise<void>
  closed(thread: OpenThread): void
}

/** A conversation on the screen: where each message stands is in memory, what it says is opened as it is looked at. */
export class OpenThread implements Thread {
  readonly conversation: Signal<Conversation>
  readonly total = new Signal(0)
  readonly revision = new Signal(0)
  stableSince = 0
  readonly id: ConnectionId
  readonly #context: ChatContext
  readonly #ports: ThreadPorts
  #positions: Position[] = []
  #waiting: Waiting[] = []
  #scene: Scene | undefined
  /** Positions of what was read, by key: what a screen acts on it has shown before. */
  readonly #shown = new Map<string, Position>()
  #draft: string | null = null
  #turn: Promise<void> = Promise.resolve()

  constructor(context: ChatContext, ports: ThreadPorts, conversation: Signal<Conversation>) {
    this.#context = context
    this.#ports = ports
    this.conversation = conversation
    this.id = conversation.value.connectionId
  }

  /** Looks anew; after it `total` and `read` agree. */
  update(moved: Moved): Promise<void> {
    this.#turn = this.#turn.then(() => this.#update(moved))
    return this.#turn
  }

  async read(from: number, to: number): Promise<readonly Message[]> {
    await this.#turn
    const positions = this.#positions
    const scene = this.#scene
    if (!scene) return []
    const first = positions[from]
    const last = positions[Math.min(to, positions.length) - 1]
    const kept = first && last && from < to ? await this.#context.store.read(this.id, first, last) : []
    const messages = kept.map((one) => {
      const message = composeKept(one.kept, one.effects, scene)
      this.#shown.set(message.key, [one.kept.row.lamport, one.kept.row.place])
      return message
    })
    const waiting = this.#waiting.slice(Math.max(0, from - positions.length), Math.max(0, to - positions.length))
    return [...messages, ...waiting.map((one) => composeWaiting(one, scene))]
  }

  async firstUnread(): Promise<number | null> {
    const { me, store } = this.#context
    const state = await store.readState(this.id)
    if (state.unread === 0) return null
    const at = this.#positions.findIndex(
      ([lamport, place]) => lamport >= state.unreadFrom && isUnread(state, me.userId, place),
    )
    return at < 0 ? null : at
  }

  async positionOf(ref: MessageRef): Promise<number | null> {
    await this.#turn
    const wanted = placeOf(ref)
    const at = this.#positions.findIndex(([, place]) => place === wanted)
    return at < 0 ? null : at
  }

  async search(text: string): Promise<readonly number[]> {
    const wanted = text.trim().toLocaleLowerCase()
    if (wanted === '') return []
    const found: number[] = []
    for (let to = this.total.value; to > 0; to -= PAGE) {
      const from = Math.max(0, to - PAGE)
      const messages = await this.read(from, to)
      for (let index = messages.length - 1; index >= 0; index--) {
        const message = messages[index]
        if (message && textOf(message).toLocaleLowerCase().includes(wanted)) found.push(from + index)
      }
    }
    return found
  }

  async sendText(text: string, options: { reply?: MessageRef } = {}): Promise<void> {
    const { reply } = options
    requireFits(text)
    // What is still being written down as a draft is none any more.
    if (this.#draft !== null) this.#draft = ''
    await this.#ports.outbox.add(this.id, 'text', { text, ...(reply ? { reply } : {}) }, { isDraft: true })
    await this.#ports.updated()
  }

  async sendFiles(files: readonly File[], options: { text?: string; reply?: MessageRef } = {}): Promise<void> {
    requireFits(options.text ?? '')
    // What was written goes with the first, as one sees it.
    for (const [index, file] of files.entries()) await this.#ports.media.send(this.id, file, index === 0 ? options : {})
  }

  async sendVoice(sound: Blob, details: { durationMs: number; waveform: readonly number[] }): Promise<void> {
    await this.#ports.media.sendVoice(this.id, sound, details)
  }

  async react(target: MessageRef, emoji: string | null): Promise<void> {
    await this.#say('reaction', { target, emoji })
  }

  async edit(target: MessageRef, text: string): Promise<void> {
    this.#requireOwn(target)
    requireFits(text)
    await this.#say('edit', { target, text })
  }

  async deleteForBoth(target: MessageRef): Promise<void> {
    this.#requireOwn(target)
    await this.#ports.outbox.addDeletion(this.id, target)
    await this.#ports.updated()
  }

  async deleteHere(key: string): Promise<void> {
    const position = this.#shown.get(key)
    if (!position) return this.takeBack(key)
    const { lock, me, store, changed } = this.#context
    const moved = await lock(stateLock(this.id), async () => {
      const state = await store.readState(this.id)
      const draft = new Draft(this.id, me.userId, store, state)
      const kept = await draft.find(position[1])
      if (!kept) return null
      await draft.hide(kept)
      await recount(this.#context, this.id, state, draft.moved)
      await store.commit(this.id, draft.changes)
      return draft.moved
    })
    changed(this.id, moved)
  }

  async retry(key: string): Promise<void> {
    await this.#ports.media.retry(this.#waiting.find(({ content }) => content.key === key))
    await this.#ports.outbox.retry(this.id, key)
  }

  async takeBack(key: string): Promise<void> {
    const waiting = this.#waiting.find(({ content }) => content.key === key)
    await this.#ports.outbox.takeBack(this.id, key)
    if (waiting) await this.#ports.media.drop(waiting)
  }

  async setDisappearing(after: MessageTtl): Promise<void> {
    if (after === this.conversation.value.disappearAfterMs) return
    await this.#say('settings', { disappearAfterMs: after })
  }

  async markRead(position: number): Promise<void> {
    const { lock, me, store, changed } = this.#context
    const seen = this.#positions.slice(0, position + 1)
    const isChanged = await lock(stateLock(this.id), async () => {
      const state = await store.readState(this.id)
      if (state.unread === 0) return false
      const marks = new Map<string, MessageRef>()
      for (const [lamport, place] of seen) {
        if (lamport < state.unreadFrom || !isUnread(state, me.userId, place)) continue
        const ref = refOf(place)
        const device = `${ref.senderId}.${ref.deviceId}`
        if (ref.counter > (marks.get(device)?.counter ?? 0)) marks.set(device, ref)
      }
      if (marks.size === 0) return false
      state.read = raiseMarks(state.read, [...marks.values()])
      await recount(this.#context, this.id, state, { added: [], removed: [] })
      await store.commit(this.id, { state })
      return true
    })
    if (!isChanged) return
    changed(this.id, { added: [], removed: [] })
    this.#ports.receipts.soon(this.id)
  }

  /** The last one counts: those that came meanwhile are skipped. */
  async saveDraft(text: string): Promise<void> {
    const isWriting = this.#draft !== null
    this.#draft = text
    if (isWriting) return
    const { lock, store, changed } = this.#context
    try {
      for (let written: string | null = null; written !== this.#draft; ) {
        written = this.#draft
        const draft = written.slice(0, DRAFT_MAX)
        await lock(stateLock(this.id), async () => {
          const state = await store.readState(this.id)
          await store.commit(this.id, { state: { ...state, draft } })
        })
      }
    } finally {
      this.#draft = null
    }
    changed(this.id, { added: [], removed: [] })
  }

  typing(): void {
    this.#ports.sayTyping(this.id)
  }

  close(): void {
    this.#ports.closed(this)
  }

  /** Resolves once it is shown, whether or not it can be sent now. */
  async #say<T extends MessageType>(type: T, body: MessageBody<T>): Promise<void> {
    await this.#ports.outbox.add(this.id, type, body)
    await this.#ports.updated()
  }

  #requireOwn({ senderId }: MessageRef): void {
    if (senderId !== this.#context.me.userId) throw new AppError('connection/forbidden', 'not one’s own message')
  }

  async #update(moved: Moved): Promise<void> {
    const last = this.#positions.at(-1)
    const isMoreAtTheEnd =
      moved?.isOnlyNew === true &&
      this.#waiting.length === 0 &&
      moved.added.every((position) => !last || comesBefore(last, position))
    if (moved) this.#positions = merge(this.#positions, moved.added, moved.removed)
    else this.#positions = await this.#context.store.positions(this.id)
    this.#scene = await this.#ports.sceneOf(this.id)
    this.#waiting = this.#scene.outbox.filter(({ content }) => isVisible(content.type))
    this.total.value = this.#positions.length + this.#waiting.length
    if (!isMoreAtTheEnd) this.stableSince = this.revision.value + 1
    this.revision.value += 1
  }
}

function requireFits(text: string): void {
  if (!fitsMessage(text)) throw new AppError('message/too-large', 'more text than a message holds')
}

/** Keeps the order; most of what comes is newer than everything that is here. */
function merge(positions: Position[], added: readonly Position[], removed: readonly Position[]): Position[] {
  const gone = new Set(removed.map(([, place]) => place))
  const kept = gone.size === 0 ? positions.slice() : positions.filter(([, place]) => !gone.has(place))
  for (const position of added) {
    let at = kept.length
    while (at > 0 && comesBefore(position, kept[at - 1] as Position)) at--
    if (kept[at - 1]?.[1] !== position[1]) kept.splice(at, 0, position)
  }
  return kept
}
