import type { Granted } from '../../shared/device/granted-store.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { ConnectionId, MediaId, UserId } from '../../shared/format/ids.ts'
import type { Api } from '../app/api.ts'
import type { Connections } from '../friends/types.ts'
import type { ChatCrypto } from './ports.ts'
import type { ChatStore, Position } from './store.ts'

/** What moved in a conversation; null: look at everything anew. */
export type Moved = {
  readonly added: readonly Position[]
  readonly removed: readonly Position[]
  /** Nothing else has changed, in what is added or in any other message. */
  readonly isOnlyNew?: boolean
} | null

/** What lies in the outbox has changed, or what is known of the conversation; no message. */
export const NOTHING_MOVED: Moved = { added: [], removed: [] }

/** Likewise, and what lies there has at most become more: what a screen shows of it stands. */
export const ALL_STANDS: Moved = { ...NOTHING_MOVED, isOnlyNew: true }

/** What the parts of the chat engine work with while unlocked. */
export type ChatContext = {
  readonly api: Pick<Api, 'call' | 'behindMs'>
  readonly crypto: ChatCrypto
  readonly connections: Connections
  readonly store: ChatStore
  readonly me: {
    readonly userId: UserId
    readonly accountKey: Bytes
    readonly identitySeed: Bytes
    readonly identityKey: Bytes
  }
  readonly now: () => number
  /** As `now`, or by the server's clock where that is known to be later: what is over goes, however late this device is. */
  readonly latest: () => number
  /** One at a time over all tabs: what reads a conversation's state and then writes it must not meet itself. */
  readonly lock: <T>(name: string, task: () => Promise<T>) => Promise<T>
  /** No other tab works on the same device. */
  readonly isAlone: boolean
  /** Seals an item's key so that the Service Worker can open it. */
  readonly sealGranted: (media: MediaId, of: Granted) => Promise<Bytes>
  /** Tells screens and other tabs. */
  readonly changed: (id: ConnectionId, moved: Moved) => void
}

export const stateLock = (id: ConnectionId) => `kith/chat/${id}`
/** Of whoever sends: the Service Worker takes it, too. */
export const sendLock = (id: ConnectionId) => `kith/outbox/${id}`
