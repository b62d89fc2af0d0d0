import type { ConnectionId } from '../../shared/format/ids.ts'
import type { MessageRef } from '../../shared/wire/message-body.ts'
import type { Floor } from '../friends/types.ts'
import { type ChatContext, stateLock } from './context.ts'
import { recount } from './receipts.ts'
import { placeOf, refOf } from './rows.ts'
import type { ConversationState } from './state.ts'
import type { Kept } from './store.ts'
import { Draft } from './take.ts'

/** Looked at least this often: a device that slept wakes late. */
const EVERY_MS = 3_600_000
const SOON_MS = 500

/** Messages whose time is over go from this device; an epoch with nothing left loses its secret. */
export class Sweep {
  readonly #context: ChatContext
  #timer: ReturnType<typeof setTimeout> | undefined
  #isStopped = false

  constructor(context: ChatContext) {
    this.#context = context
  }

  /** Runs now, and whenever something disappears, until stopped. */
  async start(): Promise<void> {
    await this.run()
    const next = await this.#context.store.nextExpiry()
    if (this.#isStopped) return
    const waitMs = next === null ? EVERY_MS : Math.min(EVERY_MS, Math.max(SOON_MS, next - this.#context.now()))
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.start(), waitMs)
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  async run(): Promise<void> {
    const { store, now } = this.#context
    const { messages, effects } = await store.expired(now())
    const ids = new Set([...messages, ...effects].map(({ connectionId }) => connectionId))
    for (const id of ids) {
      await this.#sweep(
        id,
        messages.filter(({ connectionId }) => connectionId === id),
        effects.filter(({ connectionId }) => connectionId === id),
      )
    }
  }

  async #sweep(
    id: ConnectionId,
    messages: Awaited<ReturnType<ChatContext['store']['expired']>>['messages'],
    effects: Awaited<ReturnType<ChatContext['store']['expired']>>['effects'],
  ): Promise<void> {
    const { lock, me, store, changed, connections } = this.#context
    const { moved, epochs, floors } = await lock(stateLock(id), async () => {
      const state = await store.readState(id)
      const draft = new Draft(id, me.userId, store, state)
      const gone = [...messages, ...effects].map(({ place }) => place)
      for (const { lamport, place, epoch } of messages) await draft.remove([lamport, place], epoch)
      for (const { target, place, epoch } of effects) draft.removeEffect(target, place, epoch)
      const epochs = state.live.filter((one) => one.count === 0 && one.epoch > 0 && one.epoch < state.closed)
      state.live = state.live.filter((one) => !epochs.includes(one))
      await recount(this.#context, id, state, draft.moved)
      await store.commit(id, draft.changes)
      return {
        moved: draft.moved,
        epochs: epochs.map(({ epoch }) => epoch),
        floors: await this.#floorsOf(id, state, gone),
      }
    })
    changed(id, moved)
    if (epochs.length > 0 || floors.length > 0) await connections.forgetEpochs(id, epochs, floors)
  }

  /** What is gone, beyond what is noted already: a new device must not take it for lost. */
  async #floorsOf(id: ConnectionId, state: ConversationState, gone: readonly string[]): Promise<Floor[]> {
    const known = this.#context.connections.floorsOf(id)
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
