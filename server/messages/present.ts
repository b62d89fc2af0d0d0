import type { StoredMessage } from '../../shared/wire/connections.ts'
import type { MessageRow } from '../db/chat-rows.ts'
import { toBytes } from '../format.ts'

/** A message as its two people are shown it. */
export function presentMessage(row: MessageRow, now: number): StoredMessage {
  // Whose time is over is not handed out, although the sweep has not come yet.
  const isGone = row.sealed === null || (row.expires_at !== null && row.expires_at <= now)
  return {
    seq: row.seq,
    senderId: row.sender_id,
    deviceId: row.device_id,
    counter: row.counter,
    sealed: isGone || row.sealed === null ? null : toBytes(row.sealed),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }
}
