import type { SealedMessage } from '../../shared/crypto/message-steps.ts'
import type { OutboxRow } from '../../shared/device/db.ts'
import { AppError, type ErrorCode, isAppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import { parseMessageHeader } from '../../shared/format/message-layout.ts'
import { type MessageTtl, sendMessage } from '../../shared/wire/connections.ts'
import { EDITS_MAX, type MessageBody, type MessageRef, type MessageType } from '../../shared/wire/message-body.ts'
import { isPassing } from '../app/passing.ts'
import type { SendingKeys } from '../friends/types.ts'
import { ALL_STANDS, type ChatContext, NOTHING_MOVED, sendLock, stateLock } from './context.ts'
import { sealedGrants, sentIn } from './inbox.ts'
import { bodyOf, encodeBody, isVisible, type OutboxContent, placeOf, refOf } from './rows.ts'
import type { ConversationState } from './state.ts'
import type { Waiting } from './store.ts'
import { Draft } from './take.ts'

/** What is written down together, before any of it is sent. */
type Sealed = { readonly state: ConversationState; readonly outbox: readonly Waiting[] }

const EMPTY: Bytes = new Uint8Array(0)
/** Sealed ahead of what the server has: these can go out by Background Sync while no page is open. */
const AHEAD = 32
const BACKOFF_MS = [1000, 2000, 5000, 15_000, 30_000, 60_000] as const
/** The same message may be refused for a passing reason this often in one go. */
const TRIES = 5

/** What the runner takes from the rest of the engine. */
export type OutboxPorts = {
  /** Whether this conversation was caught up with since the program started: only then is it known which counter is free. */
  isCaughtUp(id: ConnectionId): boolean
  /** An item that a message names: `ready` once its upload is complete and the friend may fetch it. */
  prepareMedia(id: ConnectionId, waiting: Waiting): Promise<'ready' | 'waiting'>
  /** Something is gone here that the server still has. */
  clearLeftovers(id: ConnectionId): void
  /** Something is sealed and not sent: the Service Worker may send it too. */
  requestSync(): void
}

/** Sends what people wrote: in order, exactly once, by one tab at a time. */
export class Outbox {
  readonly #context: ChatContext
  readonly #ports: OutboxPorts
  readonly #running = new Map<ConnectionId, Promise<void>>()
  readonly #again = new Set<ConnectionId>()
  readonly #failures = new Map<ConnectionId, number>()
  readonly #timers = new Map<ConnectionId, ReturnType<typeof setTimeout>>()
  /** Of this tab: what is on its way just now. */
  readonly sending = new Set<string>()
  /** What this tab sent last, or sends now. */
  readonly #latest = new Map<ConnectionId, Bytes>()
  #isStopped = false

  constructor(context: ChatContext, ports: OutboxPorts) {
    this.#context = context
    this.#ports = ports
  }

  /** Writes a message down, and sends it when that can be; held: on the next `kick`; draft: it is one no more. @returns its key. */
  async add<T extends MessageType>(
    id: ConnectionId,
    type: T,
    body: MessageBody<T>,
    options: { awaits?: OutboxContent['awaits']; isHeld?: boolean; isDraft?: boolean } = {},
  ): Promise<string> {
    const { lock, store, now, changed } = this.#context
    const key = crypto.randomUUID()
    const written = await lock(stateLock(id), async () => {
      const [waiting, state] = await Promise.all([store.outbox(id), store.readState(id)])
      const life = settingIn(waiting) ?? state.ttl
      // A new setting disappears as what comes after it, so that nothing keeps its epoch alive.
      const ttlMs = (type === 'settings' ? (body as MessageBody<'settings'>).disappearAfterMs : null) ?? life.ms
      const json = encodeBody(type, { ...body, sentAt: now(), ttlMs } as MessageBody<T>)
      const order = Math.max(0, ...waiting.map(({ row }) => row.order)) + 1
      const row: OutboxRow = { connectionId: id, order, sealed: EMPTY, message: null, ttlMs }
      const content: OutboxContent = {
        key,
        type,
        body: json,
        createdAt: now(),
        failed: null,
        awaits: options.awaits ?? null,
        lamport: 0,
        hash: null,
        prev: null,
      }
      const next = options.isDraft ? { ...state, draft: '' } : state
      const isAlone = waiting.length === 0 && content.awaits === null
      const sealed = isAlone && !options.isHeld && (await this.#sealAtHand(id, next, { row, content }))
      if (sealed) {
        await store.commit(id, sealed)
        return sealed.outbox
      }
      const isChanged = next.draft !== state.draft
      await store.commit(id, { outbox: [{ row, content }], ...(isChanged && { state: next }) })
      return isAlone ? [{ row, content }] : undefined
    })
    // It goes out at once.
    if (written?.some(({ row }) => row.message)) this.sending.add(key)
    changed(id, isVisible(type) ? ALL_STANDS : NOTHING_MOVED)
    if (!options.isHeld) this.kick(id, written)
    return key
  }

  /**
   * Seals what is about to be written down, where nothing else waits and all that it takes is here: it is on its way one step
   * earlier. `null`: that is found out, and said, once it is its turn.
   */
  async #sealAtHand(id: ConnectionId, state: ConversationState, waiting: Waiting): Promise<Sealed | null> {
    const { connections } = this.#context
    if (!this.#ports.isCaughtUp(id)) return null
    try {
      this.#requireOpen(id)
      const sent = sentIn(state, connections.newestEpoch(id))
      const keys = connections.keysAtHand(id, lifeOf(waiting), sent)
      return keys && (await this.#chain(id, keys, state, [waiting]))
    } catch (error) {
      if (!isAppError(error)) throw error
      return null
    }
  }

  /**
   * Deletes one's own message for both, with its edits: those that wait are not sent, those that the server has are named.
   * Nothing where it is deleted already.
   */
  async addDeletion(id: ConnectionId, target: MessageRef): Promise<void> {
    const { store } = this.#context
    const place = placeOf(target)
    await this.takeBackAll(id, ({ type, body }) => type === 'edit' && placeOf(bodyOf(type, body).target) === place)
    const kept = await store.find(id, place)
    if (!kept || kept.saved.isDeleted) return
    const edits = (await store.effectsOn(id, place))
      .filter(({ row, saved }) => saved.type === 'edit' && refOf(row.place).senderId === target.senderId)
      .sort((a, b) => b.saved.seq - a.saved.seq)
      .slice(0, EDITS_MAX)
      .map(({ row, saved }) => ({
        deviceId: refOf(row.place).deviceId,
        counter: refOf(row.place).counter,
        hash: saved.hash,
      }))
    await this.add(id, 'delete', { target, hash: kept.saved.hash, ...(edits.length > 0 ? { edits } : {}) })
  }

  /** Looks at one conversation, soon. Safe to call often. @param waiting all that waits there, as it was just written. */
  kick(id: ConnectionId, waiting?: readonly Waiting[]): void {
    if (this.#isStopped) return
    clearTimeout(this.#timers.get(id))
    this.#timers.delete(id)
    if (this.#running.has(id)) {
      this.#again.add(id)
      return
    }
    const done = this.#run(id, waiting)
      .then(
        () => void this.#failures.delete(id),
        (error: unknown) => this.#later(id, error),
      )
      .finally(() => {
        this.#running.delete(id)
        if (this.#again.delete(id)) this.kick(id)
      })
    this.#running.set(id, done)
  }

  /** Whether this tab sends these bytes just now, or did last: what the server tells of them its answer says, too. */
  isLatest(id: ConnectionId, sealed: Bytes): boolean {
    const latest = this.#latest.get(id)
    return latest !== undefined && equalBytes(latest, sealed)
  }

  /** Everything that waits: the network is back, the page is looked at again. */
  async kickAll(): Promise<void> {
    for (const id of await this.#context.store.waiting()) this.kick(id)
  }

  /** Resolves once nothing is under way; what waits for the network still waits. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values())
  }

  stop(): void {
    this.#isStopped = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }

  /** A message that was refused is tried again. */
  async retry(id: ConnectionId, key: string): Promise<void> {
    await this.#whileIdle(id, (draft, all) => {
      const waiting = all.find(({ content }) => content.key === key)
      if (waiting) draft.putWaiting({ ...waiting, content: { ...waiting.content, failed: null } })
    })
    this.kick(id)
  }

  /** A message that was not sent is forgotten. What the server has by now stays: it is deleted for both instead. */
  async takeBack(id: ConnectionId, key: string): Promise<void> {
    await this.takeBackAll(id, (one) => one.key === key)
  }

  /** Likewise, whatever is meant of what waits. Items that were made for it go, too. */
  async takeBackAll(id: ConnectionId, isMeant: (content: OutboxContent) => boolean): Promise<void> {
    const waiting = await this.#context.store.outbox(id)
    if (!waiting.some(({ content }) => isMeant(content))) return
    await this.#whileIdle(id, (draft, all) => {
      const meant = all.filter(({ content }) => isMeant(content))
      // Their counters are spent: what follows goes out as another device, so that nobody waits for these.
      if (meant.some(({ row }) => row.message)) draft.becomeAnother(all)
      for (const { row, content } of meant) {
        draft.removeWaiting(row.order)
        if (content.type === 'media') draft.leave(bodyOf('media', content.body).media.mediaId)
      }
    })
    this.#ports.clearLeftovers(id)
    this.kick(id)
  }

  /** Not while it is being sent: afterwards it is known how that went. */
  #whileIdle(id: ConnectionId, change: (draft: Draft, all: Waiting[]) => void): Promise<void> {
    return this.#context.lock(sendLock(id), () => this.#amend(id, change))
  }

  async #run(id: ConnectionId, written?: readonly Waiting[]): Promise<void> {
    await this.#context.lock(sendLock(id), async () => {
      // Not read again: what another tab has made of it meanwhile is seen before it is sealed; sealed, it goes out as it is, and
      // its answer is held against the row.
      let known = written
      for (let tries = 0; ; ) {
        const ready: readonly Waiting[] = known ?? (await this.#ready(id))
        known = undefined
        const unsealed = nextToSeal(ready)
        const next = unsealed[0] ?? ready.find(({ row }) => row.message !== null)
        if (!next || this.#isStopped) return
        try {
          this.#requireOpen(id)
          if (unsealed.length > 0) known = withSealed(ready, unsealed, await this.#seal(id, unsealed))
          else {
            await this.#send(id, next)
            known = ready.length > 1 ? ready.filter((one) => one !== next) : undefined
          }
          tries = 0
        } catch (error) {
          for (const { content } of ready) this.sending.delete(content.key)
          if (!isAppError(error) || isTransient(error) || ++tries > TRIES) throw error
          if (!(await this.#recover(id, error))) await this.#fail(id, next, error.code)
        }
      }
    })
  }

  async #ready(id: ConnectionId): Promise<Waiting[]> {
    const ready: Waiting[] = []
    for (const waiting of await this.#context.store.outbox(id)) {
      if (waiting.content.failed !== null) continue
      const awaits = waiting.content.awaits !== null && waiting.row.message === null
      // A long film must not hold up what is written after it.
      if (awaits && (await this.#prepare(id, waiting)) === 'waiting') continue
      ready.push(waiting)
    }
    return ready.slice(0, AHEAD)
  }

  #requireOpen(id: ConnectionId): void {
    const connection = this.#context.connections.get(id)
    // What the device kept of it did not open, and the server was not asked: nobody refused anything.
    if (!connection && !this.#ports.isCaughtUp(id)) throw new AppError('server/unreachable', 'not known yet')
    if (connection?.state !== 'friends') throw new AppError('connection/refused', 'not friends any more')
    if (connection.fault) throw connection.fault
  }

  async #prepare(id: ConnectionId, waiting: Waiting): Promise<'ready' | 'waiting'> {
    try {
      return await this.#ports.prepareMedia(id, waiting)
    } catch (error) {
      if (!isAppError(error) || isTransient(error)) throw error
      await this.#fail(id, waiting, error.code)
      return 'waiting'
    }
  }

  /**
   * Counters and bytes are written down together, before anything is sent.
   * @returns those that are sealed now.
   */
  async #seal(id: ConnectionId, unsealed: readonly Waiting[]): Promise<readonly Waiting[]> {
    const { connections, lock, store } = this.#context
    if (!this.#ports.isCaughtUp(id)) {
      await connections.catchUp()
      if (!this.#ports.isCaughtUp(id)) throw new AppError('server/unreachable', 'not caught up with yet')
    }
    const keys = await connections.sendingKeys(id, lifeOf(unsealed[0]))
    const orders = unsealed.map(({ row }) => row.order)
    return lock(stateLock(id), async () => {
      const [state, all] = await Promise.all([store.readState(id), store.outbox(id)])
      const waiting = all.filter(({ row }) => orders.includes(row.order) && row.message === null)
      const chained = await this.#chain(id, keys, state, waiting)
      if (!chained) return []
      await store.commit(id, chained)
      return chained.outbox
    })
  }

  /** One after the other, as this device; `null`: there are none. */
  async #chain(
    id: ConnectionId,
    keys: SendingKeys,
    state: ConversationState,
    waiting: readonly Waiting[],
  ): Promise<Sealed | null> {
    const { crypto, me } = this.#context
    const { self } = state
    const toSeal = waiting.map(({ content }, index) => ({
      ...keys,
      identitySeed: me.identitySeed,
      connectionId: id,
      senderId: me.userId,
      deviceId: self.deviceId,
      counter: self.counter + 1 + index,
      lamport: state.lamport + 1 + index,
      prev: self.hash,
      ack: state.ack.hash,
      type: content.type,
      body: content.body,
    }))
    const chain = await crypto.sealChain(toSeal)
    const outbox = waiting.map((one, index): Waiting => {
      const { bytes, hash } = chain[index] as SealedMessage
      const { counter, lamport } = toSeal[index] as (typeof toSeal)[number]
      return {
        row: { ...one.row, message: { epoch: keys.epoch, counter, bytes } },
        content: { ...one.content, hash, lamport, prev: index === 0 ? self.hash : (chain[index - 1]?.hash ?? null) },
      }
    })
    const last = outbox.at(-1)
    if (!last?.content.hash || !last.row.message) return null
    const next = { ...state, lamport: last.content.lamport }
    next.self = { ...self, counter: last.row.message.counter, hash: last.content.hash }
    return { state: next, outbox }
  }

  async #send(id: ConnectionId, waiting: Waiting): Promise<void> {
    const { api, changed } = this.#context
    const { row, content } = waiting
    if (!row.message) return
    if (!this.sending.has(content.key)) changed(id, NOTHING_MOVED)
    this.sending.add(content.key)
    try {
      const body = { sealed: row.message.bytes, ttlMs: row.ttlMs as MessageTtl }
      this.#latest.set(id, row.message.bytes)
      const answering = api.call(sendMessage, { params: { connectionId: id }, body })
      // While it is on its way: it asks another process.
      this.#ports.requestSync()
      const answer = await answering
      await this.#acknowledge(id, waiting, answer)
    } finally {
      this.sending.delete(content.key)
    }
  }

  /** The server has it: it leaves the outbox and enters the conversation in one step. */
  async #acknowledge(id: ConnectionId, sent: Waiting, answer: { seq: number; createdAt: number }): Promise<void> {
    const { lock, me, store, changed } = this.#context
    const moved = await lock(stateLock(id), async () => {
      const state = await store.readState(id)
      const waiting = await store.waitingAt(id, sent.row.order)
      const { message } = sent.row
      const { hash, type, body, lamport, key } = sent.content
      // It came by the other way meanwhile, or this tab slept while another went on.
      if (!waiting?.content.hash || !hash || !message || !equalBytes(waiting.content.hash, hash)) return null
      // Whatever comes next need not be asked for on its account.
      if (answer.seq === state.cursor + 1) state.cursor = answer.seq
      const draft = new Draft(id, me.userId, store, state)
      const header = {
        type,
        connectionId: id,
        epoch: message.epoch,
        senderId: me.userId,
        // The one it was sealed as: meanwhile this device may have become another.
        deviceId: parseMessageHeader(message.bytes).deviceId,
        counter: message.counter,
        lamport,
        prev: sent.content.prev ?? EMPTY,
        ack: EMPTY,
        hash,
        body,
      }
      await draft.take(header, { ...answer, key })
      draft.grant(header)
      draft.removeWaiting(sent.row.order)
      await store.commit(id, { ...draft.changes, granted: await sealedGrants(this.#context, draft) })
      return draft.moved
    })
    // Also where it came by the other way meanwhile.
    if (sent.content.type === 'delete') this.#ports.clearLeftovers(id)
    if (moved) changed(id, moved)
  }

  /** Waits for the person. Who is refused in one message is refused in all of them. */
  async #fail(id: ConnectionId, { row }: Waiting, code: ErrorCode): Promise<void> {
    await this.#amend(id, (draft, all) => {
      const failing = code === 'connection/refused' ? all : all.filter((one) => one.row.order === row.order)
      // The counters of what was sealed are spent: the next message goes out as another device, without a hole.
      const next = failing.some((one) => one.row.message) ? draft.becomeAnother(all) : all
      const orders = new Set(failing.map((one) => one.row.order))
      for (const one of next) {
        if (orders.has(one.row.order)) draft.putWaiting({ ...one, content: { ...one.content, failed: code } })
      }
    })
  }

  /** @returns whether trying again at once makes sense. */
  async #recover(id: ConnectionId, error: AppError): Promise<boolean> {
    if (error.code === 'connection/behind') {
      await this.#context.connections.catchUp()
      return true
    }
    if (error.code === 'connection/stale-epoch') {
      await this.#context.connections.catchUp()
      return this.#unseal(id)
    }
    if (error.code === 'message/too-many-devices') {
      // Other devices of one's own were faster: it is sealed anew, under keys under which there is room again.
      await this.#context.connections.catchUp()
      await this.#amend(id, (draft, all) => void draft.becomeAnother(all))
      return true
    }
    if (error.code === 'message/conflict') {
      await this.#amend(id, (draft, all) => void draft.becomeAnother(all))
      return true
    }
    return false
  }

  /**
   * The friend rotated before these messages arrived: the server has none of them. Their counters are used again, under
   * the new epoch's keys, so that no hole stays; only where that cannot be they go out as another device.
   * @returns whether there is a newer epoch.
   */
  async #unseal(id: ConnectionId): Promise<boolean> {
    const newest = this.#context.connections.newestEpoch(id) ?? 0
    let hasNewer = false
    await this.#amend(id, (draft, all) => {
      const sealed = all.flatMap(({ row: { message }, content: { prev } }) => (message ? [{ message, prev }] : []))
      const first = sealed.reduce((a, b) => (b.message.counter < a.message.counter ? b : a), sealed[0] ?? NO_MESSAGE)
      hasNewer = sealed.some(({ message }) => message.epoch < newest)
      if (!hasNewer) return
      const { self } = draft.state
      draft.becomeAnother(all)
      const isWhole = sealed.every(({ message }) => message.epoch < newest)
      if (isWhole && first.prev) {
        draft.state.self = { deviceId: self.deviceId, counter: first.message.counter - 1, hash: first.prev }
      }
    })
    return hasNewer
  }

  async #amend(id: ConnectionId, change: (draft: Draft, all: Waiting[]) => void): Promise<void> {
    const { lock, me, store, changed } = this.#context
    await lock(stateLock(id), async () => {
      const draft = new Draft(id, me.userId, store, await store.readState(id))
      change(draft, await store.outbox(id))
      await store.commit(id, draft.changes)
    })
    changed(id, null)
  }

  #later(id: ConnectionId, error: unknown): void {
    if (!this.#isStopped) this.#context.changed(id, NOTHING_MOVED)
    const failures = this.#failures.get(id) ?? 0
    this.#failures.set(id, failures + 1)
    const waitMs = BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)] ?? 60_000
    // Not all conversations, and not all devices, at the same moment.
    if (!this.#isStopped)
      this.#timers.set(
        id,
        setTimeout(() => this.kick(id), waitMs * (0.75 + Math.random() / 2)),
      )
    if (!isAppError(error)) throw error
  }
}

/**
 * What is sealed next, under the same keys: messages that live equally long, so that no epoch outlives what is to
 * disappear. Keys change between them, and only once everything before is sent.
 */
function nextToSeal(ready: readonly Waiting[]): Waiting[] {
  const unsealed = ready.filter(({ row }) => row.message === null)
  const lifeMs = lifeOf(ready.find(({ row }) => row.message !== null) ?? unsealed[0])
  const other = unsealed.findIndex((one) => lifeOf(one) !== lifeMs)
  return other < 0 ? unsealed : unsealed.slice(0, other)
}

/** What is ready once some of it is sealed; `undefined`: another tab was faster with some of that. */
function withSealed(
  ready: readonly Waiting[],
  unsealed: readonly Waiting[],
  sealed: readonly Waiting[],
): readonly Waiting[] | undefined {
  if (sealed.length !== unsealed.length) return undefined
  const byOrder = new Map(sealed.map((one) => [one.row.order, one]))
  return ready.map((one) => byOrder.get(one.row.order) ?? one)
}

const lifeOf = (waiting: Waiting | undefined) => (waiting?.row.ttlMs ?? null) as MessageTtl

/** How long messages live once what waits is sent; `null`: nothing that waits says so. */
function settingIn(waiting: readonly Waiting[]): { ms: MessageTtl } | null {
  const last = waiting.findLast(({ content }) => content.type === 'settings' && content.failed === null)
  return last ? { ms: bodyOf('settings', last.content.body).disappearAfterMs } : null
}

const NO_MESSAGE = { message: { epoch: 0, counter: 0 }, prev: null }
const isTransient = (error: AppError) => isPassing(error) || TRANSIENT.has(error.code)
/** Races that the next attempt wins, or loses again. */
const TRANSIENT: ReadonlySet<ErrorCode> = new Set(['vault/conflict', 'log/conflict', 'internal', 'server/bad-answer'])
