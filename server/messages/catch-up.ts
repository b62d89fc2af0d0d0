import type { catchUp, StoredMessage } from '../../shared/wire/connections.ts'
import type { BodyOf, ReplyOf } from '../../shared/wire/route.ts'
import type { Person } from '../actor.ts'
import { findSide, readConnectionEntries } from '../connections/store.ts'
import type { MessageRow } from '../db/chat-rows.ts'
import type { Db, Deps } from '../deps.ts'
import { presentMessage } from './present.ts'
import { readReceipts } from './receipts.ts'

/** Of one answer: for one conversation, and for all. Log and receipts of one alone are smaller than that by far. */
const ENTRIES_EACH = 256
const MESSAGES_EACH = 256
const MESSAGES_ALL = 1024
const BYTES_ALL = 8 * 2 ** 20

type Cursor = BodyOf<typeof catchUp>['cursors'][number]
type Answer = ReplyOf<typeof catchUp>['connections'][number]
/** What still fits into the answer; once something did not, nothing more is read. */
type Room = { messages: number; bytes: number; isSpent: boolean }

/**
 * What came after the cursors, and how many sealed and signed bytes that is. Whatever is not the person's is left out,
 * whether it exists or not.
 */
export async function readCatchUp(
  { db, clock }: Deps,
  actor: Person,
  cursors: readonly Cursor[],
): Promise<{ reply: ReplyOf<typeof catchUp>; bytes: number }> {
  const room = { messages: MESSAGES_ALL, bytes: BYTES_ALL, isSpent: false }
  const connections: Answer[] = []
  for (const cursor of cursors) {
    const answer = await readOne(db, actor, cursor, room, clock.now())
    if (answer) connections.push(answer)
  }
  return { reply: { connections }, bytes: BYTES_ALL - room.bytes }
}

async function readOne(
  db: Db,
  { userId }: Person,
  { connectionId, logFrom, since }: Cursor,
  room: Room,
  now: number,
): Promise<Answer | null> {
  const side = await findSide(db, connectionId, userId)
  if (!side) return null
  const lastSeq = side.last_seq
  const nothing: Answer = { connectionId, entries: [], messages: [], receipts: [], lastSeq, more: true }
  if (room.isSpent) return nothing
  // Read after `lastSeq`, which no message goes beyond: every epoch that they name is in it.
  const log = await readConnectionEntries(db, connectionId, { from: logFrom, max: ENTRIES_EACH + 1 })
  const entries = log.slice(0, ENTRIES_EACH)
  if (
    !spend(
      room,
      sizeOf(entries, ({ bytes, sig }) => bytes.length + sig.length),
    )
  )
    return nothing
  if (log.length > ENTRIES_EACH) return { ...nothing, entries }
  const receipts = await readReceipts(db, connectionId, userId)
  if (
    !spend(
      room,
      sizeOf(receipts, ({ sealed }) => sealed.length),
    )
  )
    return { ...nothing, entries }
  const messages = since < lastSeq ? await readMessages(db, connectionId, { since, lastSeq, room, now }) : []
  return { ...nothing, entries, receipts, messages, more: (messages.at(-1)?.seq ?? since) < lastSeq }
}

async function readMessages(
  db: Db,
  connectionId: Cursor['connectionId'],
  { since, lastSeq, room, now }: { since: number; lastSeq: number; room: Room; now: number },
): Promise<StoredMessage[]> {
  const rows = await db<MessageRow>('connection_messages')
    .where({ connection_id: connectionId })
    .where('seq', '>', since)
    .where('seq', '<=', lastSeq)
    .orderBy('seq')
    .limit(Math.min(MESSAGES_EACH, room.messages))
  const messages: StoredMessage[] = []
  for (const row of rows) {
    if (!spend(room, row.sealed?.length ?? 0)) break
    messages.push(presentMessage(row, now))
  }
  room.messages -= messages.length
  if (room.messages === 0) room.isSpent = true
  return messages
}

function spend(room: Room, bytes: number): boolean {
  room.isSpent ||= bytes > room.bytes
  if (!room.isSpent) room.bytes -= bytes
  return !room.isSpent
}

const sizeOf = <T>(rows: readonly T[], size: (row: T) => number) => rows.reduce((sum, row) => sum + size(row), 0)
