import type { catchUp, StoredMessage } from '../../shared/wire/connections.ts'
import type { BodyOf, ReplyOf } from '../../shared/wire/route.ts'
import type { Person } from '../actor.ts'
import { findSide, readConnectionEntries } from '../connections/store.ts'
import type { MessageRow } from '../db/chat-rows.ts'
import type { Db, Deps } from '../deps.ts'
import { toBytes } from '../format.ts'
import { readReceipts } from './receipts.ts'

/** Of one answer: for one conversation, and for all. */
const ENTRIES_EACH = 256
const MESSAGES_EACH = 256
const MESSAGES_ALL = 1024
const SEALED_BYTES_ALL = 8 * 2 ** 20

type Cursor = BodyOf<typeof catchUp>['cursors'][number]
type Answer = ReplyOf<typeof catchUp>['connections'][number]

/** What came after the cursors. Whatever is not the person's is left out, whether it exists or not. */
export async function readCatchUp(
  { db, clock }: Deps,
  actor: Person,
  cursors: readonly Cursor[],
): Promise<ReplyOf<typeof catchUp>> {
  const room = { messages: MESSAGES_ALL, bytes: SEALED_BYTES_ALL }
  const connections: Answer[] = []
  for (const cursor of cursors) {
    const answer = await readOne(db, actor, cursor, room, clock.now())
    if (answer) connections.push(answer)
  }
  return { connections }
}

async function readOne(
  db: Db,
  { userId }: Person,
  { connectionId, logFrom, since }: Cursor,
  room: { messages: number; bytes: number },
  now: number,
): Promise<Answer | null> {
  const side = await findSide(db, connectionId, userId)
  if (!side) return null
  const lastSeq = side.last_seq
  const limit = Math.min(MESSAGES_EACH, room.messages)
  const rows = await db<MessageRow>('connection_messages')
    .where({ connection_id: connectionId })
    .where('seq', '>', since)
    .where('seq', '<=', lastSeq)
    .orderBy('seq')
    .limit(limit)
  // The log is read after the messages: every epoch that they name is in it.
  const entries = await readConnectionEntries(db, connectionId, { from: logFrom, max: ENTRIES_EACH + 1 })
  const isLogCut = entries.length > ENTRIES_EACH
  const messages = isLogCut ? [] : take(rows, room, now)
  return {
    connectionId,
    entries: entries.slice(0, ENTRIES_EACH),
    messages,
    receipts: await readReceipts(db, connectionId, userId),
    lastSeq,
    more: isLogCut || (messages.at(-1)?.seq ?? since) < lastSeq,
  }
}

function take(rows: readonly MessageRow[], room: { messages: number; bytes: number }, now: number): StoredMessage[] {
  const messages: StoredMessage[] = []
  for (const row of rows) {
    const size = row.sealed?.length ?? 0
    if (size > room.bytes) break
    room.bytes -= size
    room.messages--
    messages.push(presentMessage(row, now))
  }
  return messages
}

function presentMessage(row: MessageRow, now: number): StoredMessage {
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
