import type { OpenedMessage } from '../../shared/crypto/message-steps.ts'
import type { EffectRow, MessageRow } from '../../shared/device/db.ts'
import type { Granted } from '../../shared/device/granted-store.ts'
import { isAppError } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { ConnectionId, MediaId, UserId } from '../../shared/format/ids.ts'
import type { MessageBody, MessageRef } from '../../shared/wire/message-body.ts'
import type { Floor } from '../friends/types.ts'
import { expiryOf } from './expiry.ts'
import { bodyOf, isVisible, placeOf, refOf, type SavedMessage } from './rows.ts'
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
  /** Items that a message named which is gone. */
  readonly #unnamed = new Set<MediaId>()
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
      unnamed: [...this.#unnamed],
    }
  }

  /** Positions that are new, and those that are gone. */
  get moved(): { added: Position[]; removed: Position[]; isOnlyNew: boolean } {
    const added = [...this.#messages.values()].flatMap((one): Position[] =>
      one ? [[one.row.lamport, one.row.place]] : [],
    )
    const isOnlyNew = [this.#removed, this.#removedEffects, this.#sent].every(({ length }) => length === 0)
    return { added, removed: this.#removed, isOnlyNew: isOnlyNew && this.#effects.size + this.#outbox.size === 0 }
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
    const window = windowOf(this.state.windows, senderId, deviceId)
    // Most are beyond everything that was ever here: nothing is read for them.
    const isBeyond = counter > window.high
    const kept = isBeyond ? null : ((await this.find(place)) ?? (await this.#findEffect(place)))
    const known = kept && !kept.saved.isDeleted ? kept.saved.hash : null
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
      await this.remove(row)
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
        lamport: 0,
        hash: null,
        prev: null,
      },
    }
  }

  /** An item that a message names opens by the key in it. */
  grant({ type, body }: Pick<OpenedMessage, 'type' | 'body'>): void {
    if (type !== 'media') return
    const { media } = bodyOf('media', body)
    this.granted.set(media.mediaId, { contentKey: media.contentKey, fileName: media.name })
  }

  /** A message whose time is over. What the friend was granted with it ends, too. */
  async expire(row: MessageRow): Promise<void> {
    await this.remove(row)
    if (row.media && this.#isMine(row)) this.leave(row.media)
  }

  async remove(row: MessageRow): Promise<void> {
    this.#takeOut(row)
    countOut(this.state, row.epoch)
    for (const effect of await this.#effectsOn(row.place)) this.removeEffect(effect.row)
  }

  removeEffect({ target, place, epoch }: EffectRow): void {
    // It went with its target already: counted once, else its epoch would seem empty too soon.
    if (this.#effects.get(place) === null) return
    this.#effects.set(place, null)
    this.#removedEffects.push([target, place])
    countOut(this.state, epoch)
  }

  /**
   * A message that a person does not want to see on this device. Others still show it: its place stays beside those of
   * its edits, without what they said, and with it the secret of its epoch, until its time is over.
   */
  async hide({ row, saved }: Kept): Promise<void> {
    this.#takeOut(row)
    if (row.media && row.expiresAt !== undefined && this.#isMine(row)) this.leave(row.media, row.expiresAt)
    for (const effect of await this.#effectsOn(row.place)) this.#empty(effect)
    this.#empty({ row: { ...row, target: row.place }, saved })
  }

  /** An item that this device granted with a message: the grant goes from the server, from that time on. */
  leave(media: MediaId, from = 0): void {
    const { leftovers } = this.state
    const others = leftovers.items.filter(({ mediaId }) => mediaId !== media)
    const known = leftovers.items.find(({ mediaId }) => mediaId === media)
    leftovers.items = [...others, { mediaId: media, from: Math.min(from, known?.from ?? from) }]
  }

  #takeOut({ lamport, place, media }: MessageRow): void {
    this.#messages.set(place, null)
    this.#removed.push([lamport, place])
    if (media) this.#unnamed.add(media)
  }

  #empty({ row, saved }: KeptEffect): void {
    this.#effects.set(row.place, { row, saved: { ...saved, body: '', isDeleted: true } })
  }

  #isMine({ place }: MessageRow): boolean {
    return refOf(place).senderId === this.#me
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
      ...(type === 'media' ? { media: bodyOf(type, json).media.mediaId } : {}),
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
    const { target } = parsed as { target: MessageRef }
    const isOwn = target.senderId === message.senderId
    // Nobody changes what somebody else said.
    if (type !== 'reaction' && !isOwn) return
    if (type === 'delete') await this.#wipe(bodyOf(type, json))
    const targetPlace = placeOf(target)
    if (type !== 'delete' && (await this.find(targetPlace))?.saved.isDeleted) return
    // Kept even where nothing is shown of it: a new device needs its epoch to read it.
    this.#effects.set(place, { row: { ...row, target: targetPlace }, saved })
    countIn(this.state, message.epoch, parsed.ttlMs ?? null)
  }

  /** Taken back for both: what it said goes from this device too, and its place stays; one's own goes from the server. */
  async #wipe({ target, hash, edits = [] }: MessageBody<'delete'>): Promise<void> {
    const place = placeOf(target)
    const kept = await this.find(place)
    if (kept?.saved.isDeleted) return
    const known = kept ?? (await this.#findEffect(place))
    if (!this.#standsFor(target, hash, known)) return
    const gone = known ? [known.saved.seq] : []
    for (const edit of edits) {
      const ref = { senderId: target.senderId, deviceId: edit.deviceId, counter: edit.counter }
      const effect = await this.#findEffect(placeOf(ref))
      if (this.#standsFor(ref, edit.hash, effect) && effect) gone.push(effect.saved.seq)
    }
    for (const { row } of await this.#effectsOn(place)) this.removeEffect(row)
    if (target.senderId === this.#me) {
      this.state.leftovers.messages.push(...gone)
      if (known?.row.media) this.leave(known.row.media)
    }
    if (!kept) return
    const { media, ...row } = kept.row
    if (media) this.#unnamed.add(media)
    countOut(this.state, row.epoch)
    this.#messages.set(place, {
      row: { ...row, epoch: NO_EPOCH },
      saved: { ...kept.saved, body: '', isDeleted: true },
    })
  }

  /** The server has no ciphertext of it any more: the hash stands for it in the chain. @returns whether it can. */
  #standsFor({ senderId, deviceId, counter }: MessageRef, hash: Bytes, known: Kept | null): boolean {
    const { windows } = this.state
    if (!mayFollow(windows, senderId, deviceId)) return false
    try {
      advance(windowOf(windows, senderId, deviceId), { counter, hash, prev: null }, known?.saved.hash ?? null)
      return true
    } catch (error) {
      if (!isAppError(error)) throw error
      this.state.fault = error.code
      return false
    }
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
