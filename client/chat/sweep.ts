import type { ConnectionId } from '../../shared/format/ids.ts'
import type { MessageRef } from '../../shared/wire/message-body.ts'
import { passAppError } from '../app/passing.ts'
import { mergeFloors } from '../friends/floors.ts'
import type { Floor } from '../friends/types.ts'
import { Turns } from '../groups/turns.ts'
import { type ChatContext, stateLock } from './context.ts'
import type { Leftovers } from './leftovers.ts'
import { recount } from './receipts.ts'
import { placeOf, refOf } from './rows.ts'
import { type ConversationState, noteOver } from './state.ts'
import type { Kept } from './store.ts'
import { Draft } from './take.ts'

/** Looked at least this often: a device that slept wakes late. */
const EVERY_MS = 3_600_000
const SOON_MS = 500
/** A conversation that could not be swept is not tried again at once. */
const AGAIN_MS = 60_000

/** Messages whose time is over go from this device; an epoch with nothing left ends, and loses its secret. */
export class Sweep {
  readonly #context: ChatContext
  readonly #leftovers: Leftovers
  /** Whether everything that the server has is here: only then is it known that nothing of an epoch is left. */
  readonly #isCaughtUp: () => boolean
  readonly #turns = new Turns<'forget'>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #isStopped = false

  constructor(context: ChatContext, leftovers: Leftovers, isCaughtUp: () => boolean) {
    this.#context = context
    this.#leftovers = leftovers
    this.#isCaughtUp = isCaughtUp
  }

  /** Runs now, and whenever something disappears, until stopped. Waits for no network: the vault is told meanwhile. */
  async start(): Promise<void> {
    let waitMs = EVERY_MS
    try {
      const isDone = await this.run()
      const next = (await this.#context.store.nextExpiry()) ?? Number.POSITIVE_INFINITY
      waitMs = Math.min(EVERY_MS, Math.max(isDone ? SOON_MS : AGAIN_MS, next - this.#context.latest()))
    } finally {
      clearTimeout(this.#timer)
      if (!this.#isStopped) this.#timer = setTimeout(() => void this.start(), waitMs)
    }
    void this.forget()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  /** @returns whether every conversation could be swept: one that does not open holds up no other. */
  async run(): Promise<boolean> {
    const { latest, store } = this.#context
    const { messages, effects } = await store.expired(latest())
    const ids = new Set([...messages, ...effects].map(({ connectionId }) => connectionId))
    let isDone = true
    for (const id of ids) {
      try {
        await this.#sweep(
          id,
          messages.filter(({ connectionId }) => connectionId === id),
          effects.filter(({ connectionId }) => connectionId === id),
        )
      } catch (error) {
        passAppError(error)
        isDone = false
      }
    }
    return isDone
  }

  /**
   * Tells the vault, and so every device, what has disappeared, and clears what the server has of it. Without network
   * that waits for the next time.
   */
  forget(): Promise<void> {
    return this.#turns.run('forget', async () => {
      for (const { connectionId } of this.#context.connections.list.value) {
        if (this.#isStopped) return
        await this.#forget(connectionId).catch(passAppError)
      }
    })
  }

  /** Resolves once nothing of that is under way. */
  settled(): Promise<void> {
    return this.#turns.run('forget', async () => undefined)
  }

  async #sweep(
    id: ConnectionId,
    messages: Awaited<ReturnType<ChatContext['store']['expired']>>['messages'],
    effects: Awaited<ReturnType<ChatContext['store']['expired']>>['effects'],
  ): Promise<void> {
    const { lock, me, store, changed } = this.#context
    const moved = await lock(stateLock(id), async () => {
      const state = await store.readState(id)
      const draft = new Draft(id, me.userId, store, state)
      const gone = [...messages, ...effects].map(({ place }) => place)
      const floors = await this.#floorsOf(id, state, gone)
      for (const row of messages) await draft.expire(row)
      for (const row of effects) {
        draft.removeEffect(row)
        // As long as this row named it, nothing else could take it away.
        if (row.media && refOf(row.place).senderId === me.userId) draft.leave(row.media)
      }
      // With what is gone itself: after a crash nothing else would remember it.
      state.forget.floors = mergeFloors(state.forget.floors, floors)
      await recount(this.#context, id, state, draft.moved)
      await store.commit(id, draft.changes)
      return draft.moved
    })
    changed(id, moved)
  }

  async #forget(id: ConnectionId): Promise<void> {
    const { changed, connections, lock, store } = this.#context
    if (this.#isCaughtUp()) {
      this.#leftovers.clear(id)
      await this.#endSpent(id).catch(passAppError)
      await lock(stateLock(id), async () => {
        const state = await store.readState(id)
        if (noteOver(state)) await store.commit(id, { state })
      })
    }
    const { forget, live } = await store.readState(id)
    if (forget.epochs.length === 0 && forget.floors.length === 0) return
    // A message that came late is kept, and its epoch with it.
    const over = forget.epochs.filter((epoch) => !live.some((one) => one.epoch === epoch && one.count > 0))
    await connections.forgetEpochs(id, over, forget.floors)
    await lock(stateLock(id), async () => {
      const state = await store.readState(id)
      const told = new Set(forget.floors.map(floorKey))
      state.forget = {
        epochs: state.forget.epochs.filter((epoch) => !forget.epochs.includes(epoch)),
        floors: state.forget.floors.filter((one) => !told.has(floorKey(one))),
      }
      await store.commit(id, { state })
    })
    // What announces messages while no page is open keeps no secret that is forgotten.
    changed(id, { added: [], removed: [] })
  }

  /** Where nobody writes any more, no message would bring new keys. */
  async #endSpent(id: ConnectionId): Promise<void> {
    const { connections, store } = this.#context
    const connection = connections.get(id)
    if (connection?.state !== 'friends' || connection.fault) return
    const { live } = await store.readState(id)
    const newest = live.find(({ epoch }) => epoch === connections.newestEpoch(id))
    if (newest?.count === 0) await connections.endSpentEpoch(id)
  }

  /** What is gone, beyond what is noted already: a new device must not take it for lost. */
  async #floorsOf(id: ConnectionId, state: ConversationState, gone: readonly string[]): Promise<Floor[]> {
    const known = [...this.#context.connections.floorsOf(id), ...state.forget.floors]
    const floors: Floor[] = []
    for (const { senderId, deviceId, low } of state.windows) {
      const counters = gone
        .map(refOf)
        .filter((ref) => ref.senderId === senderId && ref.deviceId === deviceId)
        .map(({ counter }) => counter)
        .sort((a, b) => a - b)
      const ranges = known.filter((one) => one.senderId === senderId && one.deviceId === deviceId)
      for (const counter of counters) {
        const last = floors.at(-1)
        const before = [...ranges, ...floors].find((one) => one.deviceId === deviceId && one.counter === counter - 1)
        const from = before?.from ?? counter
        if (last && last === before) floors.pop()
        const next = await this.#find(id, { senderId, deviceId, counter: counter + 1 })
        const hash = counter === low.counter ? low.hash : (next?.saved.prev ?? null)
        floors.push({ senderId, deviceId, from, counter, hash })
      }
    }
    return floors
  }

  async #find(id: ConnectionId, ref: MessageRef): Promise<Kept | null> {
    const { store } = this.#context
    const place = placeOf(ref)
    return (await store.find(id, place)) ?? (await store.findEffect(id, place))
  }
}

const floorKey = ({ senderId, deviceId, from, counter }: Floor) => `${senderId}.${deviceId}.${from}.${counter}`
