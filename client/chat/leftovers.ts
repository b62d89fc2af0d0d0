import { type ErrorCode, isAppError } from '../../shared/errors.ts'
import type { ConnectionId, MediaId } from '../../shared/format/ids.ts'
import { deleteMessage } from '../../shared/wire/connections.ts'
import { isPassing, passAppError } from '../app/passing.ts'
import { Turns } from '../groups/turns.ts'
import { type ChatContext, sendLock, stateLock } from './context.ts'
import { bodyOf, refOf } from './rows.ts'
import type { ConversationState } from './state.ts'

export type LeftoverPorts = {
  /** Whether it is known what one's other devices have sent. */
  isCaughtUp(): boolean
  /** Ends the friend's access to an item. @throws {AppError} of the server, or where it cannot be told what the item is. */
  withdrawMedia(id: ConnectionId, media: MediaId): Promise<void>
}

/**
 * What is gone here, and the server still has: the ciphertext of one's own messages, and items that came with them. It
 * was written down with the disappearing itself, and is done again until the server has done it, whatever ends in between.
 */
export class Leftovers {
  readonly #context: ChatContext
  readonly #ports: LeftoverPorts
  readonly #turns = new Turns<ConnectionId>()
  readonly #running = new Set<Promise<void>>()

  constructor(context: ChatContext, ports: LeftoverPorts) {
    this.#context = context
    this.#ports = ports
  }

  /** Soon; without network at the next start or catch-up. */
  clear(id: ConnectionId): void {
    const done: Promise<void> = this.#turns
      .run(id, () => this.#clear(id))
      .catch(passAppError)
      .finally(() => this.#running.delete(done))
    this.#running.add(done)
  }

  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  async #clear(id: ConnectionId): Promise<void> {
    const { api, latest, lock, store } = this.#context
    if (!this.#ports.isCaughtUp()) return
    const { leftovers } = await store.readState(id)
    const { messages } = leftovers
    for (const seq of messages)
      await unlessPassing(() => api.call(deleteMessage, { params: { connectionId: id, seq } }))
    const due = leftovers.items.filter(({ from }) => from <= latest())
    if (messages.length > 0)
      await this.#note(id, ({ messages: all, items }) => ({
        messages: all.filter((seq) => !messages.includes(seq)),
        items,
      }))
    for (const { mediaId } of due) {
      // Never while something is sent, which may grant the same item anew.
      await lock(sendLock(id), async () => {
        // Looked at again when the other one goes: one that is hidden goes without a word.
        if (await this.#isNamed(id, mediaId)) return
        await unlessPassing(() => this.#ports.withdrawMedia(id, mediaId))
        await this.#note(id, ({ messages: all, items }) => {
          return { messages: all, items: items.filter((one) => one.mediaId !== mediaId) }
        })
      })
    }
  }

  #note(
    id: ConnectionId,
    change: (of: ConversationState['leftovers']) => ConversationState['leftovers'],
  ): Promise<void> {
    const { lock, store } = this.#context
    return lock(stateLock(id), async () => {
      const state = await store.readState(id)
      state.leftovers = change(state.leftovers)
      await store.commit(id, { state })
    })
  }

  /** By another message of one's own, sent or waiting: the grant goes with the last one. */
  async #isNamed(id: ConnectionId, media: MediaId): Promise<boolean> {
    const { me, store } = this.#context
    const places = [...(await store.placesOf(id, media)), ...(await store.placesOf(id, media, 'effects'))]
    if (places.some((place) => refOf(place).senderId === me.userId)) return true
    const waiting = await store.outbox(id)
    return waiting.some(({ content: { type, body } }) => type === 'media' && bodyOf(type, body).media.mediaId === media)
  }
}

/** What the server refuses for good is done: it is gone, or no longer one's own. */
async function unlessPassing(task: () => Promise<unknown>): Promise<void> {
  try {
    await task()
  } catch (error) {
    if (!isAppError(error) || isPassing(error) || AGAIN.has(error.code)) throw error
  }
}

const AGAIN: ReadonlySet<ErrorCode> = new Set(['internal', 'server/bad-answer', 'vault/locked'])
