import { isAppError } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import { type StoredReceipt, writeReceipt } from '../../shared/wire/connections.ts'
import type { ReceiptBody } from '../../shared/wire/message-body.ts'
import type { Connection } from '../friends/types.ts'
import { type ChatContext, stateLock } from './context.ts'
import { refOf } from './rows.ts'
import { type ConversationState, type Mark, markOf, raiseMarks } from './state.ts'
import type { Position } from './store.ts'
import type { Window } from './windows.ts'

type Delivered = ReceiptBody['delivered'][number]

/** Takes what other devices say that they have received and read. A receipt that is refused changes nothing. */
export async function takeReceipts(
  context: ChatContext,
  connection: Connection,
  state: ConversationState,
  receipts: readonly StoredReceipt[],
): Promise<void> {
  const { connectionId, peer } = connection
  const { me, now } = context
  for (const receipt of receipts) {
    const { userId, deviceId, revision } = receipt
    const isMine = userId === me.userId
    if (!isMine && userId !== peer.userId) continue
    if (isMine && deviceId === state.self.deviceId) {
      // An old copy of this device came back: go on after what it said last.
      state.receipt.revision = Math.max(state.receipt.revision, revision)
      continue
    }
    const known = state.receipts.find((one) => one.userId === userId && one.deviceId === deviceId)
    if (known && known.revision >= revision) {
      if (known.revision > revision) state.fault = 'receipt/rollback'
      continue
    }
    try {
      const body = await open(context, connectionId, receipt, isMine ? null : peer.identityKey)
      if (!body) continue
      if (isMine) state.read = raiseMarks(state.read, only(body.read ?? [], peer.userId))
      else {
        state.told.delivered = raiseMarks(state.told.delivered, only(body.delivered, me.userId).map(plain))
        state.told.read = raiseMarks(state.told.read, only(body.read ?? [], me.userId))
      }
      const never = isMine ? [] : neverOf(only(body.delivered, me.userId))
      state.receipts = [...state.receipts.filter((one) => one !== known), { userId, deviceId, revision, never }]
    } catch (error) {
      if (!isAppError(error)) throw error
      state.fault = error.code
    }
  }
  const own = state.windows.filter(({ senderId }) => senderId === me.userId)
  const isConfirmed = own.length > 0 && own.every((window) => markOf(state.told.delivered, window) >= window.high)
  if (receipts.length > 0 && isConfirmed) state.confirmedAt = now()
}

/** How many are not read, from the first on that may not be. @param moved what is about to be written. */
export async function recount(
  { store, me }: ChatContext,
  id: ConnectionId,
  state: ConversationState,
  moved: { added: readonly Position[]; removed: readonly Position[] },
): Promise<void> {
  if (state.unread === 0) return
  const stored = await store.positions(id, state.unreadFrom)
  const places = new Map([...stored, ...moved.added].map(([lamport, place]) => [place, lamport]))
  for (const [, place] of moved.removed) places.delete(place)
  const unread = [...places].filter(([place]) => isUnread(state, me.userId, place)).map(([, lamport]) => lamport)
  state.unread = unread.length
  state.unreadFrom = unread.length === 0 ? 0 : unread.reduce((a, b) => Math.min(a, b))
}

export function isUnread({ read }: ConversationState, me: string, place: string): boolean {
  const ref = refOf(place)
  return ref.senderId !== me && ref.counter > markOf(read, ref)
}

/** Tells the friend's devices and one's own, soon: many changes become one. */
export class Receipts {
  readonly #context: ChatContext
  /** Whether the friend may know what was read. */
  readonly #tellsRead: () => boolean
  readonly #waiting = new Map<ConnectionId, ReturnType<typeof setTimeout>>()
  readonly #running = new Set<ConnectionId>()

  constructor(context: ChatContext, tellsRead: () => boolean) {
    this.#context = context
    this.#tellsRead = tellsRead
  }

  soon(id: ConnectionId, waitMs = 400): void {
    if (this.#waiting.has(id)) return
    this.#waiting.set(
      id,
      setTimeout(() => {
        this.#waiting.delete(id)
        if (this.#running.has(id)) return this.soon(id, waitMs)
        this.#running.add(id)
        this.tell(id)
          .catch((error: unknown) => {
            // Told with the next change, or after the next start.
            if (!isAppError(error)) throw error
          })
          .finally(() => this.#running.delete(id))
      }, waitMs),
    )
  }

  stop(): void {
    for (const timer of this.#waiting.values()) clearTimeout(timer)
    this.#waiting.clear()
  }

  /** @throws {AppError} of the server. */
  async tell(id: ConnectionId): Promise<void> {
    const { api, connections, crypto, lock, me, store } = this.#context
    const connection = connections.get(id)
    if (connection?.state !== 'friends' || connection.fault) return
    const made = await lock(stateLock(id), async () => {
      const state = await store.readState(id)
      const delivered = state.windows
        .filter(({ senderId, low }) => senderId === connection.peer.userId && low.counter > 0)
        .map(({ senderId, deviceId, low, never }): Delivered => {
          return { senderId, deviceId, counter: low.counter, ...(never.length > 0 ? { never } : {}) }
        })
        .slice(-256)
      const read = state.read.slice(-256)
      const tells = this.#tellsRead()
      const said = JSON.stringify([delivered, read, tells])
      const keys = newestKeys(this.#context, id)
      if (said === state.receipt.said || !keys || (delivered.length === 0 && read.length === 0)) return null
      const revision = state.receipt.revision + 1
      // Before it goes out: a revision is never used for two things.
      await store.commit(id, { state: { ...state, receipt: { ...state.receipt, revision } } })
      const { deviceId } = state.self
      const of = { connectionId: id, senderId: me.userId, deviceId, revision }
      const peer = await crypto.sealPeerReceipt(
        of,
        { ...keys, identitySeed: me.identitySeed },
        { delivered, read: tells ? within(read, state.windows) : null },
      )
      const own = await crypto.sealOwnReceipt(of, me.accountKey, { delivered, read })
      return { body: { deviceId, revision, peer, own }, said }
    })
    if (!made) return
    await api.call(writeReceipt, { params: { connectionId: id }, body: made.body })
    await lock(stateLock(id), async () => {
      const state = await store.readState(id)
      if (state.receipt.revision === made.body.revision) {
        await store.commit(id, { state: { ...state, receipt: { ...state.receipt, said: made.said } } })
      }
    })
  }
}

/** Newest epoch whose secret is here: receipts never make a rotation. */
export function newestKeys(
  { connections }: ChatContext,
  id: ConnectionId,
): { epoch: number; messageSecret: Bytes } | null {
  const epoch = connections.newestEpoch(id)
  const messageSecret = epoch === null ? null : connections.messageSecret(id, epoch)
  return epoch === null || !messageSecret ? null : { epoch, messageSecret }
}

async function open(
  { connections, crypto, me }: ChatContext,
  connectionId: ConnectionId,
  { userId, deviceId, revision, sealed }: StoredReceipt,
  identityKey: Bytes | null,
): Promise<ReceiptBody | null> {
  const of = { connectionId, senderId: userId, deviceId, revision }
  if (!identityKey) return crypto.openOwnReceipt(of, me.accountKey, sealed)
  const epoch = new DataView(sealed.buffer, sealed.byteOffset).getUint32(0)
  const messageSecret = connections.messageSecret(connectionId, epoch)
  // Said under an epoch that has disappeared: the next one will open.
  return messageSecret && crypto.openPeerReceipt(of, { messageSecret, identityKey }, sealed)
}

/** Nobody hears that something was read which never came: what is told ends before the first hole. */
function within(marks: readonly Mark[], windows: readonly Window[]): Mark[] {
  return marks.flatMap((mark) => {
    const own = windows.find((one) => one.senderId === mark.senderId && one.deviceId === mark.deviceId)
    const counter = Math.min(mark.counter, own?.low.counter ?? 0)
    return counter > 0 ? [{ ...mark, counter }] : []
  })
}

const only = <T extends Mark>(marks: readonly T[], sender: string) =>
  marks.filter(({ senderId }) => senderId === sender)
const plain = ({ senderId, deviceId, counter }: Delivered): Mark => ({ senderId, deviceId, counter })
const neverOf = (marks: readonly Delivered[]) =>
  marks.flatMap(({ deviceId, never }) => (never ? [{ deviceId, ranges: never }] : []))
