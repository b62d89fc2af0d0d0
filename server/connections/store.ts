import { AppError } from '../../shared/errors.ts'
import type { ConnectionId, UserId } from '../../shared/format/ids.ts'
import { hashEntry, type SignedEntry } from '../../shared/logs/signed.ts'
import type { ConnectionEntryRow, ConnectionRow } from '../db/chat-rows.ts'
import type { Db } from '../deps.ts'
import { toBytes } from '../format.ts'

/** A connection as one of its two people stands to it. */
export interface Side extends ConnectionRow {
  me: UserId
  peer_id: UserId
  peer_name: string
  change_seq: number
  isPeerGone: boolean
  isBlockedByMe: boolean
  isBlockedByPeer: boolean
}
type Joined = Omit<Side, 'isPeerGone' | 'isBlockedByMe' | 'isBlockedByPeer'> & {
  peer_gone: unknown
  by_me: unknown
  by_peer: unknown
}

const blockOf = (blocker: string, blocked: string) =>
  `exists (select 1 from blocks where blocker_id = ${blocker} and blocked_id = ${blocked})`

/** All connections of a person; narrow it down, then `sideOf` each row. */
export function sides(db: Db, userId: UserId) {
  return db('connection_sides as side')
    .join('connections', 'connections.connection_id', 'side.connection_id')
    .join('accounts', 'accounts.user_id', 'side.peer_id')
    .where('side.user_id', userId)
    .select<Joined[]>(
      'connections.*',
      'side.user_id as me',
      'side.peer_id',
      'side.change_seq',
      'accounts.username as peer_name',
      db.raw('(accounts.recovery_key is null) as peer_gone'),
      db.raw(`${blockOf('side.user_id', 'side.peer_id')} as by_me`),
      db.raw(`${blockOf('side.peer_id', 'side.user_id')} as by_peer`),
    )
}

export function sideOf({ peer_gone, by_me, by_peer, ...row }: Joined): Side {
  return {
    ...row,
    isPeerGone: Boolean(peer_gone),
    isBlockedByMe: Boolean(by_me),
    isBlockedByPeer: Boolean(by_peer),
  }
}

/** `null` where there is none, or the person is not one of its two. */
export async function findSide(db: Db, connectionId: ConnectionId, userId: UserId): Promise<Side | null> {
  const [row] = await sides(db, userId).where('side.connection_id', connectionId)
  return row ? sideOf(row) : null
}

/** @throws {AppError} `connection/not-found` */
export async function requireSide(db: Db, connectionId: ConnectionId, userId: UserId): Promise<Side> {
  const side = await findSide(db, connectionId, userId)
  if (!side) throw new AppError('connection/not-found', 'there is no such connection')
  return side
}

/** Unknown, asked, denied, ended, blocked by either: one answer, after the same question to the database. */
export function refuse(): AppError {
  return new AppError('connection/refused', 'this person cannot be reached')
}

export function areFriends(side: Side): boolean {
  return side.state === 'friends' && !side.isBlockedByMe && !side.isBlockedByPeer
}

/** @throws {AppError} `connection/refused` */
export async function requireFriends(db: Db, connectionId: ConnectionId, userId: UserId): Promise<Side> {
  const side = await findSide(db, connectionId, userId)
  if (!side || !areFriends(side)) throw refuse()
  return side
}

export async function readConnectionEntries(
  db: Db,
  connectionId: ConnectionId,
  { from = 0, max }: { from?: number; max?: number } = {},
): Promise<SignedEntry[]> {
  const query = db<ConnectionEntryRow>('connection_entries')
    .where({ connection_id: connectionId })
    .where('seq', '>=', from)
    .orderBy('seq')
  const rows = await (max === undefined ? query : query.limit(max))
  return rows.map(({ bytes, sig }) => ({ bytes: toBytes(bytes), sig: toBytes(sig) }))
}

export async function storeConnectionEntry(
  trx: Db,
  connectionId: ConnectionId,
  { seq, authorId, createdAt }: { seq: number; authorId: UserId; createdAt: number },
  entry: SignedEntry,
): Promise<void> {
  await trx<ConnectionEntryRow>('connection_entries').insert({
    connection_id: connectionId,
    seq,
    author_id: authorId,
    created_at: createdAt,
    bytes: Buffer.from(entry.bytes),
    sig: Buffer.from(entry.sig),
    hash: Buffer.from(hashEntry(entry)),
  })
}
