import type { OpenedMessage } from '../../shared/crypto/message-steps.ts'
import type { Granted } from '../../shared/device/granted-store.ts'
import { isAppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import type { ConnectionId, MediaId, UserId } from '../../shared/format/ids.ts'
import type { MessageRef } from '../../shared/wire/message-body.ts'
import type { Floor } from '../friends/types.ts'
import { expiryOf } from './expiry.ts'
import { bodyOf, isVisible, placeOf, type SavedMessage } from './rows.ts'
import { type ConversationState, comesBefore, countIn, countOut, freshSelf, markOf } from './state.ts'
import type { Changes, ChatStore, Kept, KeptEffect, Position, Waiting } from './store.ts'
import { advance, fill, mayFollow, windowOf } from './windows.ts'

const NOTHING: Bytes = new Uint8Array(0)
/** Of a place whose message was taken back: it keeps no epoch's secret alive. */
const NO_EPOCH = -1

/** What a message came with besides itself. */
export type Arrival = {
  readonly seq: number
  readonly createdAt: number
  /** One's own: the key that it had in the outbox. */
  readonly key?: string
}

/**
 * Changes of one conversation while they are made: what was put is found again before it is written, and written at
 * once in the end.
 */
export class Draft {
  readonly state: ConversationState
  readonly #id: ConnectionId
  readonly #me: UserId
  readonly #store: ChatStore
  readonly #messages = new Map<string, Kept | null>()
  readonly #effects = new Map<string, KeptEffect | null>()
  readonly #removed: Position[] = []
  readonly #removedEffects: [string, string][] = []
  readonly #outbox = new Map<number, Waiting>()
  readonly #sent: number[] = []
  /** Items whose keys came: sealed by the caller. */
  readonly granted = new Map<MediaId, Granted>()

  constructor(id: ConnectionId, me: UserId, store: ChatStore, state: ConversationState) {
    this.#id = id
    this.#me = me
    this.#store = store
    this.state = state
  }

  get changes(): Changes {
    const kept = [...this.#messages.values()].filter((one) => one !== null)
    const effects = [...this.#effects.values()].filter((one) => one !== null)
    return {
      state: this.state,
      messages: kept,
      removed: this.#removed,
      effects,
      removedEffects: this.#removedEffects,
      outbox: [...this.#outbox.values()],
      sent: this.#sent,
    }
  }

  /** Positions that are new, and those that are gone. */
  get moved(): { added: Position[]; removed: Position[] } {
    const added = [...this.#messages.values()].flatMap((one): Position[] =>
      one ? [[one.row.lamport, one.row.place]] : [],
    )
    return { added, removed: this.#removed }
  }

  putWaiting(waiting: Waiting): void {
    this.#outbox.set(waiting.row.order, waiting)
  }

  removeWaiting(order: number): void {
    this.#outbox.delete(order)
    this.#sent.push(order)
  }

  async find(place: string): Promise<Kept | null> {
    const put = this.#messages.get(place)
    return put === undefined ? this.#store.find(this.#id, place) : put
  }

  /**
   * Takes a verified message: its counter, then what it says.
   * @returns `again`: it was there.
   * @throws {AppError} `message/conflict`; then nothing has changed.
   */
  async take(message: OpenedMessage, arrival: Arrival): Promise<'new' | 'again'> {
    const { senderId, deviceId, counter, hash, prev, lamport } = message
    const place = placeOf(message)
    const kept = (await this.find(place)) ?? (await this.#findEffect(place))
    const known = kept && !kept.saved.isDeleted ? kept.saved.hash : null
    const window = windowOf(this.state.windows, senderId, deviceId)
    if (advance(window, { counter, hash, prev }, known) === 'again') return 'again'
    this.state.lamport = Math.max(this.state.lamport, lamport)
    if (senderId !== this.#me && lamport >= this.state.ack.lamport) this.state.ack = { lamport, hash }
    await this.#apply(message, arrival)
    return 'new'
  }

  /** A server that knows more of this device than the device itself: an old copy of it came back. Never go on as it. */
  becomeAnother(waiting: readonly Waiting[]): Waiting[] {
    this.state.self = freshSelf()
    return waiting.map((one) => {
      if (!one.row.message) return one
      const content = { ...one.content, hash: null, prev: null, lamport: 0 }
      const unsealed = { row: { ...one.row, message: null }, content }
      this.putWaiting(unsealed)
      return unsealed
    })
  }

  /**
   * One's own messages of a closed epoch that came after what the friend says was the last: the server took them and
   * showed them to nobody. They go back to the outbox, and wait there for the person.
   */
  async leaveOut(epoch: number, last: number): Promise<void> {
    const { self } = this.state
    const lost: Kept[] = []
    for (let counter = self.counter; counter > last; counter--) {
      const kept = await this.find(placeOf({ senderId: this.#me, deviceId: self.deviceId, counter }))
      if (kept?.row.epoch === epoch && !kept.saved.isDeleted) lost.unshift(kept)
    }
    if (lost.length === 0) return
    const waiting = (await this.#store.outbox(this.#id)).map(({ row }) => row.order)
    // Behind what was written since: nothing of that may be overwritten.
    const newest = Math.max(0, ...waiting, ...this.#outbox.keys())
    for (const [index, { row, saved }] of lost.entries()) {
      await this.remove([row.lamport, row.place], epoch)
      this.putWaiting(this.#unsent(newest + 1 + index, saved))
    }
    this.becomeAnother([])
  }

  #unsent(order: number, { key, type, body, sentAt }: SavedMessage): Waiting {
    return {
      row: {
        connectionId: this.#id,
        order,
        sealed: NOTHING,
        message: null,
        ttlMs: bodyOf(type, body).ttlMs ?? null,
      },
      content: {
        key,
        type,
        body,
        createdAt: sentAt,
        failed: 'message/after-close',
        awaits: null,
        erases: null,
        lamport: 0,
        hash: null,
        prev: null,
      },
    }
  }

  /** A message whose time is over, or that a person does not want to see here. */
  async remove(position: Position, epoch: number): Promise<void> {
    const [, place] = position
    this.#messages.set(place, null)
    this.#removed.push(position)
    countOut(this.state, epoch)
    for (const { row } of await this.#effectsOn(place)) this.removeEffect(row.target, row.place, row.epoch)
  }

  removeEffect(target: string, place: string, epoch: number): void {
    // It went with its target already: counted once, else its epoch would seem empty too soon.
    if (this.#effects.get(place) === null) return
    this.#effects.set(place, null)
    this.#removedEffects.push([target, place])
    countOut(this.state, epoch)
  }

  async #apply(message: OpenedMessage, arrival: Arrival): Promise<void> {
    const { type, body: json } = message
    const place = placeOf(message)
    const parsed = bodyOf(type, json)
    const sentAt = parsed.sentAt ?? arrival.createdAt
    const expiresAt = expiryOf({ sentAt, createdAt: arrival.createdAt, ttlMs: parsed.ttlMs ?? null })
    const row = {
      connectionId: this.#id,
      lamport: message.lamport,
      place,
      epoch: message.epoch,
      sealed: NOTHING,
      ...(expiresAt === null ? {} : { expiresAt }),
    }
    const saved: SavedMessage = {
      key: arrival.key ?? place,
      type,
      body: json,
      hash: message.hash,
      prev: message.prev,
      seq: arrival.seq,
      sentAt,
      isDeleted: false,
    }
    if (type === 'settings') this.#set(bodyOf(type, json).disappearAfterMs, message)
    else this.#learnTtl(parsed.ttlMs, message)
    if (isVisible(type)) {
      this.#messages.set(place, { row, saved })
      countIn(this.state, message.epoch, parsed.ttlMs ?? null)
      if (message.senderId !== this.#me && !this.#isRead(message)) {
        const isFirst = this.state.unread === 0
        this.state.unread += 1
        this.state.unreadFrom = isFirst ? message.lamport : Math.min(this.state.unreadFrom, message.lamport)
      }
      return
    }
    const { target, hash } = parsed as { target: MessageRef; hash?: Bytes }
    const isOwn = target.senderId === message.senderId
    // Nobody changes what somebody else said.
    if (type !== 'reaction' && !isOwn) return
    if (type === 'delete') {
      await this.#wipe(target, hash ?? NOTHING)
    }
    const targetPlace = placeOf(target)
    if (type !== 'delete' && (await this.find(targetPlace))?.saved.isDeleted) return
    // Kept even where nothing is shown of it: a new device needs its epoch to read it.
    this.#effects.set(place, { row: { ...row, target: targetPlace }, saved })
    countIn(this.state, message.epoch, parsed.ttlMs ?? null)
  }

  /** Taken back for both: what it said goes from this device too, and its place stays. */
  async #wipe(target: MessageRef, hash: Bytes): Promise<void> {
    const place = placeOf(target)
    const window = windowOf(this.state.windows, target.senderId, target.deviceId)
    const kept = await this.find(place)
    if (!kept) {
      // The server has no ciphertext of it any more: the hash stands for it in the chain.
      try {
        advance(
          window,
          { counter: target.counter, hash, prev: null },
          (await this.#findEffect(place))?.saved.hash ?? null,
        )
      } catch (error) {
        if (!isAppError(error)) throw error
        this.state.fault = error.code
      }
      return
    }
    if (kept.saved.isDeleted) return
    if (!equalBytes(kept.saved.hash, hash)) {
      this.state.fault = 'message/conflict'
      return
    }
    for (const { row } of await this.#effectsOn(place)) this.removeEffect(row.target, row.place, row.epoch)
    countOut(this.state, kept.row.epoch)
    this.#messages.set(place, {
      row: { ...kept.row, epoch: NO_EPOCH },
      saved: { ...kept.saved, body: '', isDeleted: true },
    })
  }

  #set(ms: ConversationState['ttl']['ms'], message: OpenedMessage): void {
    const place = placeOf(message)
    const { ttl } = this.state
    if (comesBefore([ttl.lamport, ttl.place], [message.lamport, place])) {
      this.state.ttl = { ms, lamport: message.lamport, place }
    }
  }

  /** The message that set it may be gone itself: what came after it still tells. */
  #learnTtl(ms: ConversationState['ttl']['ms'] | undefined, message: OpenedMessage): void {
    if (this.state.ttl.lamport === 0 && ms) this.#set(ms, message)
  }

  #isRead({ senderId, deviceId, counter }: MessageRef): boolean {
    return counter <= markOf(this.state.read, { senderId, deviceId })
  }

  async #findEffect(place: string): Promise<KeptEffect | null> {
    const put = this.#effects.get(place)
    return put === undefined ? this.#store.findEffect(this.#id, place) : put
  }

  async #effectsOn(target: string): Promise<KeptEffect[]> {
    const stored = await this.#store.effectsOn(this.#id, target)
    const put = [...this.#effects.values()].filter((one): one is KeptEffect => one?.row.target === target)
    return [...stored.filter(({ row }) => !this.#effects.has(row.place)), ...put]
  }
}

/** Closed epochs say exactly how many messages of each device there are. */
export function raiseByCloses(
  state: ConversationState,
  closes: Iterable<[MessageRef['senderId'], MessageRef['deviceId'], number]>,
): void {
  for (const [senderId, deviceId, counter] of closes) {
    if (!mayFollow(state.windows, senderId, deviceId)) continue
    const window = windowOf(state.windows, senderId, deviceId)
    window.high = Math.max(window.high, counter)
  }
}

export function applyFloors(state: ConversationState, floors: readonly Floor[]): void {
  for (const { senderId, deviceId, from, counter, hash } of floors) {
    fill(windowOf(state.windows, senderId, deviceId), from, counter, hash)
  }
}
