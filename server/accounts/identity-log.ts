import { AppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import type { UserId } from '../../shared/format/ids.ts'
import {
  follow,
  type Identity,
  identityStatement,
  replayIdentity,
  verifyStatement,
} from '../../shared/logs/identity.ts'
import { decodeUnverified, type SignedEntry } from '../../shared/logs/signed.ts'
import type { IdentityEntryRow } from '../db/rows.ts'
import type { Db } from '../deps.ts'
import { toBytes } from '../format.ts'

/** Room for every way to unlock. All of a log is read at once. */
const STATEMENT_MAX_BYTES = 16_384

export async function readIdentityLog(db: Db, userId: UserId): Promise<SignedEntry[]> {
  const rows = await db<IdentityEntryRow>('identity_entries').where({ user_id: userId }).orderBy('seq')
  return rows.map(({ bytes, sig }) => ({ bytes: toBytes(bytes), sig: toBytes(sig) }))
}

/** Head of the log; `null` where the person is unknown. */
export async function readIdentityHead(db: Db, userId: UserId): Promise<Buffer | null> {
  const row = await db<IdentityEntryRow>('identity_entries')
    .where({ user_id: userId })
    .orderBy('seq', 'desc')
    .first('hash')
  return row?.hash ?? null
}

export interface NewestIdentity {
  identityKey: Bytes
  head: Bytes
}

/** What the newest statement says, which was verified when it was stored; `null` where the person is unknown. */
export async function readNewestIdentity(db: Db, userId: UserId): Promise<NewestIdentity | null> {
  const row = await findNewest(db, userId)
  if (!row) return null
  return { identityKey: decodeUnverified(identityStatement, toBytes(row.bytes)).identityKey, head: toBytes(row.hash) }
}

function findNewest(db: Db, userId: UserId): Promise<IdentityEntryRow | undefined> {
  return db<IdentityEntryRow>('identity_entries').where({ user_id: userId }).orderBy('seq', 'desc').first()
}

/** The first statement. @throws as `replayIdentity`; `request/too-large` */
export async function startIdentityLog(trx: Db, userId: UserId, entry: SignedEntry): Promise<Identity> {
  checkSize(entry)
  const identity = replayIdentity([entry], undefined, userId)
  await store(trx, identity, entry)
  return identity
}

/**
 * One more statement, where the author knew the newest one (docs/protocol.md §4). Call it in a transaction.
 * @throws {AppError} `log/conflict`, `request/too-large`; as `replayIdentity`
 */
export async function appendIdentityEntry(
  trx: Db,
  userId: UserId,
  ifHead: Bytes,
  entry: SignedEntry,
): Promise<Identity> {
  checkSize(entry)
  const newest = await findNewest(trx, userId)
  // It stands for the whole log, each statement of which was verified when it was stored: many must not cost more.
  const before = newest && verifyStatement({ bytes: toBytes(newest.bytes), sig: toBytes(newest.sig) })
  if (!before || !equalBytes(before.head, ifHead))
    throw new AppError('log/conflict', 'the identity was changed elsewhere')
  const identity = follow(before, entry)
  await store(trx, identity, entry)
  // A method that the person no longer lists must not open the account any more.
  await trx('unlock_boxes')
    .where({ user_id: userId })
    .whereNotIn(
      'method',
      identity.unlockMethods.map(({ method }) => method),
    )
    .delete()
  return identity
}

function checkSize({ bytes }: SignedEntry): void {
  if (bytes.length > STATEMENT_MAX_BYTES) throw new AppError('request/too-large', 'the statement is too large')
}

async function store(trx: Db, identity: Identity, entry: SignedEntry): Promise<void> {
  await trx<IdentityEntryRow>('identity_entries').insert({
    user_id: identity.userId,
    seq: identity.seq,
    bytes: Buffer.from(entry.bytes),
    sig: Buffer.from(entry.sig),
    hash: Buffer.from(identity.head),
  })
}
