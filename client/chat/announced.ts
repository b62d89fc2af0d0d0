import {
  type Heard,
  type NotifyState,
  QUIET_TAG,
  raiseHeard,
  readNotifyState,
  removePreviewKeys,
  writeNotifyState,
  writePreviewKeys,
} from '../../shared/device/push-store.ts'
import { isAppError } from '../../shared/errors.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import type { ChatContext } from './context.ts'
import type { Conversation } from './types.ts'
import type { Window } from './windows.ts'

/** Epochs whose messages may still be announced. */
const EPOCHS = 3
const WAIT_MS = 500

/** Keeps what the Service Worker announces in step with what the pages know: keys, what was seen, the badge. */
export class Announced {
  readonly #context: ChatContext
  readonly #waiting = new Set<ConnectionId>()
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(context: ChatContext) {
    this.#context = context
  }

  /** Soon, and once for many changes. */
  update(conversations: readonly Conversation[], changed: readonly ConnectionId[]): void {
    if (!globalThis.navigator?.serviceWorker) return
    for (const id of changed) this.#waiting.add(id)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#write(conversations).catch((error: unknown) => {
        // Locked meanwhile.
        if (!isAppError(error)) throw error
      })
    }, WAIT_MS)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  async #write(conversations: readonly Conversation[]): Promise<void> {
    const ids = [...this.#waiting]
    this.#waiting.clear()
    const state = await readNotifyState()
    const known = new Map(state.conversations.map((one) => [one.connectionId, one]))
    for (const id of ids) {
      const conversation = conversations.find(({ connectionId }) => connectionId === id)
      const isMuted = this.#context.connections.get(id)?.state === 'blocked'
      if (isMuted) {
        await removePreviewKeys(id)
        known.set(id, { seq: 0, heard: [], ...known.get(id), connectionId: id, unread: 0, isMuted })
        continue
      }
      if (!conversation) {
        // Nobody is to hear of it any more: its secrets may be forgotten by now.
        await removePreviewKeys(id)
        continue
      }
      const { cursor, windows } = await this.#context.store.readState(id)
      await this.#writeKeys(id, cursor)
      const { seq = 0, heard = [] } = known.get(id) ?? {}
      known.set(id, {
        connectionId: id,
        seq: Math.max(seq, cursor),
        unread: conversation.unread,
        heard: raiseHeard(heard, this.#heardOf(windows)),
      })
      if (conversation.unread === 0) await closeAnnouncements(`chat/${id}`)
    }
    await closeAnnouncements(QUIET_TAG)
    await writeNotifyState({ ...state, conversations: [...known.values()] } satisfies NotifyState)
    const unread = conversations.reduce((sum, one) => sum + one.unread, 0)
    await (unread > 0 ? navigator.setAppBadge?.(unread) : navigator.clearAppBadge?.())?.catch(() => undefined)
  }

  /** What the server gives a new number later is not announced as new. */
  #heardOf(windows: readonly Window[]): Heard {
    return windows
      .filter(({ senderId }) => senderId !== this.#context.me.userId)
      .map(({ deviceId, low, seen }) => ({ deviceId, counter: Math.max(low.counter, seen.at(-1)?.counter ?? 0) }))
  }

  async #writeKeys(id: ConnectionId, since: number): Promise<void> {
    const { connections } = this.#context
    const connection = connections.get(id)
    const newest = connections.newestEpoch(id)
    if (!connection || newest === null) return
    const epochs = Array.from({ length: EPOCHS }, (_, back) => newest - back).flatMap((epoch) => {
      const messageSecret = epoch < 0 ? null : connections.messageSecret(id, epoch)
      return messageSecret ? [{ epoch, messageSecret }] : []
    })
    const { userId, username } = connection.peer
    await writePreviewKeys(id, { peer: { userId, username }, epochs, since })
  }
}

/** Seen here: what was announced of it goes. */
async function closeAnnouncements(tag: string): Promise<void> {
  const registration = await navigator.serviceWorker.getRegistration()
  for (const shown of (await registration?.getNotifications({ tag })) ?? []) shown.close()
}
