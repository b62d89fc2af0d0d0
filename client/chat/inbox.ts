import type { OpenResult } from '../../shared/crypto/message.ts'
import type { OpenedMessage } from '../../shared/crypto/message-steps.ts'
import { isAppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import type { ConnectionId, DeviceId, MediaId, UserId } from '../../shared/format/ids.ts'
import { parseMessageHeader } from '../../shared/format/message-layout.ts'
import { DEVICES_A_SIDE } from '../../shared/logs/connection-entries.ts'
import type { StoredMessage } from '../../shared/wire/connections.ts'
import { passAppError } from '../app/passing.ts'
import type { Connection, Inbox, Sent } from '../friends/types.ts'
import { writersIn } from '../friends/writers.ts'
import { ALL_STANDS, type ChatContext, stateLock } from './context.ts'
import { recount, takeReceipts } from './receipts.ts'
import { type ConversationState, missingIn } from './state.ts'
import type { Waiting } from './store.ts'
import { applyFloors, Draft, raiseByCloses } from './take.ts'
import { findWindow, isHere, mayFollow, skip, verifiedOf, type Window, windowOf } from './windows.ts'

type Served = Parameters<Inbox['take']>[1]

/** A hole is asked for again this long; then the conversation says so (docs/protocol.md §5). */
export const GAP_MS = 30_000
/** A hole that is further back than so many messages is not asked for at each start. */
const ASK_AGAIN_MAX = 1024
/** Opened in one call of the Web Worker: long enough to be worth the way, short enough not to hold it up. */
const BATCH = 64

/** Rows that prove nothing and are kept in mind; what is more comes again with them. */
const DOUBTFUL_MAX = 64

/** No conversation skips so far: somebody who does wants the count to run out, so that nothing more can be sealed. */
const LAMPORT_STEP_MAX = 2 ** 32

/** How often at most it is written down that everything is here. */
export const LOOK_MS = 3_600_000
/** The shortest life of a message is a day; an hour of it is for clocks and for the way. */
const LIFE_MIN_MS = 86_400_000 - LOOK_MS

/** Verifies what came, and keeps it: all of one answer at once. */
export class ChatInbox implements Inbox {
  readonly #context: ChatContext
  /** Called when something is missing, so that it is asked for again. */
  onGap: (id: ConnectionId) => void = () => undefined
  /** Somebody else's message has come. @returns whether there is something to show anew. */
  onHeard: (id: ConnectionId) => boolean = () => false

  readonly #askedAgain = new Set<ConnectionId>()
  #lookedAt = Number.NEGATIVE_INFINITY

  constructor(context: ChatContext) {
    this.#context = context
  }

  async since(id: ConnectionId): Promise<number> {
    const { gap, cursor } = await this.#context.store.readState(id)
    if (!gap) return cursor
    if (this.#context.now() - gap.since < GAP_MS) return gap.from
    // Once more at each start: a server that has come to its senses, or was mended, has it again.
    if (this.#askedAgain.has(id) || cursor - gap.from > ASK_AGAIN_MAX) return cursor
    this.#askedAgain.add(id)
    return gap.from
  }

  async sent(id: ConnectionId): Promise<Sent> {
    return sentIn(await this.#context.store.readState(id), this.#context.connections.newestEpoch(id))
  }

  async take(id: ConnectionId, served: Served): Promise<void> {
    const { connections, lock, store, me, changed } = this.#context
    const connection = connections.get(id)
    if (!connection) return
    const moved = await lock(stateLock(id), async () => {
      const state = await store.readState(id)
      const known = JSON.stringify(state)
      const draft = new Draft(id, me.userId, store, state)
      const before = { cursor: state.cursor, fault: state.fault, missing: holesIn(state) }
      state.fault = null
      const { read } = state
      await this.#takeMessages(connection, draft, served.messages)
      applyFloors(state, connections.floorsOf(id))
      await this.#applyCloses(id, draft)
      settleDoubtful(state, served)
      await takeReceipts(this.#context, connection, state, served.receipts)
      if (state.read !== read) await recount(this.#context, id, state, draft.moved)
      this.#noteGap(state, before)
      if (!served.more) {
        noteLook(state, this.#context.now())
        // It counted too high, or was set back to a backup: what comes under these numbers now is new. What another tab
        // took after this one had asked is no sign of that.
        const told = Math.max(served.since, ...served.messages.map(({ seq }) => seq))
        if (served.lastSeq < Math.min(told, state.cursor)) state.cursor = 0
      }
      // It stays on the screen until something came that was as it should be.
      if (state.gap || served.messages.length === 0) state.fault ??= before.fault
      // Most conversations have nothing new: nothing is written of them.
      if (JSON.stringify(state) === known) return null
      await store.commit(id, { ...draft.changes, granted: await sealedGrants(this.#context, draft) })
      // Receipts say of older ones how far they came.
      const moved = { ...draft.moved, isOnlyNew: draft.moved.isOnlyNew && served.receipts.length === 0 }
      return { moved, hasGap: state.gap !== null || state.cursor < before.cursor }
    })
    if (moved?.hasGap) this.onGap(id)
    const isHeard = served.messages.some(({ senderId }) => senderId !== me.userId) && this.onHeard(id)
    if (moved || isHeard) changed(id, moved ? moved.moved : ALL_STANDS)
  }

  /**
   * Everything was asked for at this time: of the conversations that the server did not name, too, all is here. One in
   * which nobody wrote for days must not look as if this device had been away.
   */
  async looked(at: number): Promise<void> {
    const { connections, lock, store } = this.#context
    if (Math.abs(at - this.#lookedAt) < LOOK_MS) return
    this.#lookedAt = at
    for (const { connectionId: id, fault } of connections.list.value) {
      if (fault || connections.newestEpoch(id) === null) continue
      await lock(stateLock(id), async () => {
        const state = await store.readState(id)
        if (noteLook(state, at)) await store.commit(id, { state })
      }).catch(passAppError)
    }
  }

  async #takeMessages(connection: Connection, draft: Draft, messages: readonly StoredMessage[]): Promise<void> {
    const { state } = draft
    const { connectionId: id } = connection
    const outbox = await this.#context.store.outbox(id)
    for (let from = 0; from < messages.length; from += BATCH) {
      const batch = messages.slice(from, from + BATCH)
      const results = await this.#open(connection, batch)
      for (const [index, stored] of batch.entries()) {
        const result = results[index]
        state.doubtful = state.doubtful.filter(({ seq }) => seq !== stored.seq)
        try {
          if (result === null) this.#takeTombstone(connection, state, stored)
          else if (result) await this.#takeOne(connection, draft, outbox, stored, result)
        } catch (error) {
          if (!isAppError(error)) throw error
          state.fault = error.code
        }
        state.cursor = Math.max(state.cursor, stored.seq)
      }
    }
  }

  async #takeOne(
    connection: Connection,
    draft: Draft,
    outbox: readonly Waiting[],
    stored: StoredMessage,
    result: OpenResult,
  ): Promise<void> {
    const { state } = draft
    const { me } = this.#context
    if ('code' in result) {
      // Disappeared on purpose: only its ciphertext is still there.
      if (result.code === 'message/key-gone' && this.#isGone(connection, stored)) return
      this.#doubt(state, stored)
      state.fault = result.code
      return
    }
    const { message } = result
    // The signed header counts, never what the server writes beside it.
    if (
      message.senderId !== stored.senderId ||
      message.deviceId !== stored.deviceId ||
      message.counter !== stored.counter
    ) {
      this.#doubt(state, stored)
      state.fault = 'message/misplaced'
      return
    }
    const closes = this.#context.connections.closesOf(connection.connectionId, message.epoch)
    if (closes && message.counter > (closes.get(`${message.senderId}.${message.deviceId}`) ?? 0)) {
      state.fault = 'message/after-close'
      return
    }
    if (!this.#mayWrite(connection.connectionId, state, message)) {
      state.fault = 'message/too-many-devices'
      return
    }
    if (message.lamport > state.lamport + LAMPORT_STEP_MAX) {
      this.#doubt(state, stored)
      state.fault = 'message/tampered'
      return
    }
    const mine = this.#waitingOf(draft, outbox, message)
    const arrival = { seq: stored.seq, createdAt: stored.createdAt, ...(mine ? { key: mine.content.key } : {}) }
    await draft.take(message, arrival)
    if (mine) draft.removeWaiting(mine.row.order)
    const isSelf = message.senderId === me.userId && message.deviceId === state.self.deviceId
    if (isSelf && message.counter > state.self.counter) {
      draft.becomeAnother(outbox.filter((one) => one !== mine))
    }
    draft.grant(message)
  }

  /**
   * The server has no ciphertext of it any more. Where messages disappear, as the two of them have said, and the time of
   * this one is over, that is as it should be; else it is missing until a deletion or a floor explains it. That it is
   * over is the server's word; that nothing which was made since this device last had everything can be over yet, is not.
   */
  #takeTombstone(connection: Connection, state: ConversationState, stored: StoredMessage): void {
    const { windows, lookedAt, ttl } = state
    const { senderId, deviceId, counter, expiresAt } = stored
    const now = this.#context.now()
    const isOver = expiresAt !== null && expiresAt <= now && now - lookedAt >= LIFE_MIN_MS
    const isNear = counter <= (findWindow(windows, stored)?.high ?? 0) + BATCH
    const mayBe = this.#isOfTheTwo(connection, stored) && mayFollow(windows, senderId, deviceId, false)
    if (isOver && ttl.lamport > 0 && isNear && mayBe) skip(windowOf(windows, senderId, deviceId), counter)
    else this.#doubt(state, stored)
  }

  #isGone({ connectionId }: Connection, { senderId, deviceId, counter }: StoredMessage): boolean {
    return this.#context.connections
      .floorsOf(connectionId)
      .some(
        (one) =>
          one.senderId === senderId && one.deviceId === deviceId && one.from <= counter && counter <= one.counter,
      )
  }

  /** A row that does not open, or carries nothing any more, still says that there was something. */
  #doubt({ doubtful }: ConversationState, { seq, senderId, deviceId, counter }: StoredMessage): void {
    if (doubtful.length < DOUBTFUL_MAX) doubtful.push({ seq, senderId, deviceId, counter })
  }

  #isOfTheTwo({ peer }: Connection, { senderId }: StoredMessage): boolean {
    return senderId === peer.userId || senderId === this.#context.me.userId
  }

  /** Whoever makes up a device for each message would keep the other one from ever closing the epoch. */
  #mayWrite(id: ConnectionId, { windows }: ConversationState, { senderId, deviceId, epoch }: OpenedMessage): boolean {
    if (!mayFollow(windows, senderId, deviceId)) return false
    const { connections } = this.#context
    // What a closed epoch lists is bounded by the log.
    if (connections.closesOf(id, epoch)) return true
    const closesOf = (before: number) => connections.closesOf(id, before)
    const known = countersOf(windows).filter((one) => one.senderId === senderId)
    const isWriter = writersIn(
      epoch,
      closesOf,
      known.filter((one) => one.deviceId === deviceId),
    )
    return isWriter.length > 0 || writersIn(epoch, closesOf, known).length < DEVICES_A_SIDE
  }

  /** One's own message that the server had already, though its answer never came. */
  #waitingOf({ state }: Draft, outbox: readonly Waiting[], message: OpenedMessage): Waiting | undefined {
    if (message.senderId !== this.#context.me.userId || message.deviceId !== state.self.deviceId) return undefined
    return outbox.find(({ content }) => content.hash !== null && equalBytes(content.hash, message.hash))
  }

  /** `null` where the server has no ciphertext any more. */
  async #open(connection: Connection, batch: readonly StoredMessage[]): Promise<(OpenResult | null)[]> {
    const { connections, crypto, me } = this.#context
    const { connectionId, peer } = connection
    const keys = new Map<UserId, Bytes>([
      [peer.userId, peer.identityKey],
      [me.userId, me.identityKey],
    ])
    const secrets = new Map<number | null, Bytes | null>([[null, null]])
    const toOpen = batch.flatMap((stored, index) => {
      const identityKey = keys.get(stored.senderId)
      const epoch = stored.sealed ? messageEpoch(stored.sealed) : null
      if (!stored.sealed || !identityKey) return []
      if (epoch !== null && !secrets.has(epoch)) secrets.set(epoch, connections.messageSecret(connectionId, epoch))
      const messageSecret = secrets.get(epoch) ?? null
      return [{ index, one: { sealed: stored.sealed, connectionId, messageSecret, identityKey } }]
    })
    const opened = await crypto.openChecked(toOpen.map(({ one }) => one))
    const results: (OpenResult | null)[] = batch.map(({ sealed }) => (sealed ? { code: 'message/misplaced' } : null))
    for (const [at, { index }] of toOpen.entries()) results[index] = opened[at] ?? { code: 'message/tampered' }
    return results
  }

  /**
   * A rotation says how many messages its epoch had: fewer here are missing; one's own that the server acknowledged and
   * left out were never shown to the friend, and wait for the person again.
   */
  async #applyCloses(id: ConnectionId, draft: Draft): Promise<void> {
    const { connections, me } = this.#context
    const { state } = draft
    for (let epoch = state.closed; ; epoch++) {
      const closes = connections.closesOf(id, epoch)
      if (!closes) break
      raiseByCloses(
        state,
        [...closes].map(([device, counter]) => {
          const [senderId, deviceId] = device.split('.') as [UserId, DeviceId]
          return [senderId, deviceId, counter]
        }),
      )
      await draft.leaveOut(epoch, closes.get(`${me.userId}.${state.self.deviceId}`) ?? 0)
      state.closed = epoch + 1
    }
  }

  #noteGap(state: ConversationState, before: { cursor: number; missing: number }): void {
    const missing = holesIn(state)
    const now = this.#context.now()
    // Also what was shown where everything was taken already.
    const from = Math.min(before.cursor, ...state.doubtful.map(({ seq }) => Math.max(0, seq - 1)))
    if (missing === 0) state.gap = null
    else if (!state.gap || (missing > before.missing && now - state.gap.since >= GAP_MS)) {
      state.gap = { since: now, from }
    } else state.gap = { ...state.gap, from: Math.min(state.gap.from, from) }
  }
}

/** Keys that came with messages, as they are kept beside them. */
export async function sealedGrants(context: ChatContext, { granted }: Draft): Promise<Map<MediaId, Bytes>> {
  const sealed = [...granted].map(async ([media, key]) => [media, await context.sealGranted(media, key)] as const)
  return new Map(await Promise.all(sealed))
}

/** What a rotation has to know of a conversation's messages. */
export function sentIn({ cursor, windows, live }: ConversationState, newestEpoch: number | null): Sent {
  const newest = live.find(({ epoch }) => epoch === newestEpoch)
  return { counters: countersOf(windows), lives: newest?.lives ?? [], isSpent: newest?.count === 0, lastSeq: cursor }
}

/** Highest verified counter of each device. */
function countersOf(windows: readonly Window[]): Sent['counters'] {
  const counters = windows.map((window) => {
    const { senderId, deviceId } = window
    return { senderId, deviceId, counter: verifiedOf(window) }
  })
  return counters.filter(({ counter }) => counter > 0)
}

/** What came meanwhile, or is explained, or is not shown any more where it was, is in doubt no longer. */
function settleDoubtful(state: ConversationState, { messages, lastSeq, more }: Served): void {
  const [first, last] = [messages[0], messages.at(-1)]
  const isTaken = ({ seq }: { seq: number }) => messages.some((one) => one.seq === seq)
  const isPassed = ({ seq }: { seq: number }) => first && last && first.seq < seq && seq < last.seq && !isTaken({ seq })
  state.doubtful = state.doubtful.filter((row) => {
    const window = findWindow(state.windows, row)
    const isExplained = window !== undefined && isHere(window, row.counter)
    return !isExplained && !isPassed(row) && (more || row.seq <= lastSeq)
  })
}

/** A time that is still to come was told by a wrong clock. @returns whether it was worth writing down. */
function noteLook(state: ConversationState, at: number): boolean {
  if (Math.abs(at - state.lookedAt) < LOOK_MS) return false
  state.lookedAt = at
  return true
}

/** Holes that may still be filled. */
function holesIn(state: ConversationState): number {
  const { missing, lost } = missingIn(state)
  return missing - lost
}

function messageEpoch(sealed: Bytes): number | null {
  try {
    return parseMessageHeader(sealed).epoch
  } catch {
    return null
  }
}
