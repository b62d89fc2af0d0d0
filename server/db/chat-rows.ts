import type { ConnectionId, DeviceId, MediaId, UserId } from '../../shared/format/ids.ts'
import type { LogEntryRow } from './rows.ts'

/** As in `rows.ts`. */
export interface ConnectionRow {
  connection_id: ConnectionId
  asker_id: UserId
  asked_id: UserId
  pair: string
  /** `denied` is known to whoever denied alone: to the other one it is `pending` until it expires. */
  state: 'pending' | 'denied' | 'friends' | 'ended'
  length: number
  head: Buffer
  epoch: number
  /** Number of the last message before it began. */
  epoch_seq: number
  last_seq: number
  note: Buffer | null
  created_at: number
  expires_at: number
}
export interface ConnectionSideRow {
  connection_id: ConnectionId
  user_id: UserId
  peer_id: UserId
  change_seq: number
}
export interface ConnectionEntryRow extends LogEntryRow {
  connection_id: ConnectionId
  author_id: UserId
  created_at: number
}
export interface MessageRow {
  connection_id: ConnectionId
  seq: number
  sender_id: UserId
  device_id: DeviceId
  counter: number
  sealed: Buffer | null
  hash: Buffer
  created_at: number
  expires_at: number | null
}
export interface ReceiptRow {
  connection_id: ConnectionId
  user_id: UserId
  device_id: DeviceId
  revision: number
  peer: Buffer
  own: Buffer
  updated_at: number
}
export interface BlockRow {
  blocker_id: UserId
  blocked_id: UserId
  created_at: number
}
export interface GrantRow {
  media_id: MediaId
  connection_id: ConnectionId
  granter_id: UserId
  created_at: number
}
export interface PushSubscriptionRow {
  session_id: string
  user_id: UserId
  endpoint: string
  topic: string
  is_pending: 0 | 1
  created_at: number
}
