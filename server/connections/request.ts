import { AppError } from '../../shared/errors.ts'
import { equalBytes } from '../../shared/format/bytes.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import { hashEntry } from '../../shared/logs/signed.ts'
import { type ConnectionView, REQUESTS_A_DAY, type requestConnection } from '../../shared/wire/connections.ts'
import type { BodyOf } from '../../shared/wire/route.ts'
import { readNewestIdentity } from '../accounts/identity-log.ts'
import type { Person } from '../actor.ts'
import type { ConnectionEntryRow, ConnectionRow, ConnectionSideRow } from '../db/chat-rows.ts'
import type { AccountRow } from '../db/rows.ts'
import type { Db, Deps } from '../deps.ts'
import { RateLimitedError } from '../middleware/problems.ts'
import { isBlockedPair } from '../people/blocks.ts'
import { type Change, nextConnectionChange, publishChanges } from './changes.ts'
import { endConnection } from './connections.ts'
import { checkRequest } from './entries.ts'
import { isOver, presentConnection } from './present.ts'
import { refuse, requireSide, storeConnectionEntry } from './store.ts'

const DAY_MS = 86_400_000

type Request = BodyOf<typeof requestConnection>

/**
 * Somebody asks somebody. The same bytes again answer as they did.
 * @throws {AppError} `connection/exists`, `connection/refused`, `auth/rate-limited`; as `checkRequest`
 */
export async function askToConnect(deps: Deps, actor: Person, body: Request): Promise<ConnectionView> {
  const { db, clock, events } = deps
  const changes = await db.transaction((trx) => ask(deps, trx, actor, body))
  publishChanges(deps, changes)
  if (changes.length > 0) events.wake(body.peerId, 'news')
  return presentConnection(await requireSide(db, body.connectionId, actor.userId), clock.now())
}

async function ask(deps: Deps, trx: Db, actor: Person, body: Request): Promise<Change[]> {
  const { connectionId, peerId, entry, note } = body
  const now = deps.clock.now()
  const known = await trx<ConnectionRow>('connections').where({ connection_id: connectionId }).first()
  if (known) {
    if (known.asker_id === actor.userId && (await isFirstEntry(trx, connectionId, entry))) return []
    throw new AppError('connection/exists', 'this id is taken')
  }
  // Before all refusals: whoever waits for an answer must not learn of a block by asking again.
  const changes = await makeWay(trx, actor, body, now)
  const [me, peer] = [await readNewestIdentity(trx, actor.userId), await readNewestIdentity(trx, peerId)]
  const account = await trx<AccountRow>('accounts').where({ user_id: peerId }).whereNotNull('recovery_key').first()
  const isBlocked = await isBlockedPair(trx, actor.userId, peerId)
  if (!me || !peer || !account || isBlocked || peerId === actor.userId) throw refuse()
  const { head, expiresAt } = checkRequest(entry, { connectionId, from: actor.userId, to: peerId, me, peer, note, now })
  await requireFewToday(deps, trx, actor)
  await trx<ConnectionRow>('connections').insert({
    connection_id: connectionId,
    asker_id: actor.userId,
    asked_id: peerId,
    pair: pairOf(body, actor),
    state: 'pending',
    length: 1,
    head: Buffer.from(head),
    epoch: 0,
    epoch_seq: 0,
    last_seq: 0,
    note: note && Buffer.from(note),
    created_at: now,
    expires_at: expiresAt,
  })
  await storeConnectionEntry(trx, connectionId, { seq: 0, authorId: actor.userId, createdAt: now }, entry)
  for (const userId of [actor.userId, peerId].sort()) {
    const changeSeq = await nextConnectionChange(trx, userId)
    await trx<ConnectionSideRow>('connection_sides').insert({
      connection_id: connectionId,
      user_id: userId,
      peer_id: userId === peerId ? actor.userId : peerId,
      change_seq: changeSeq,
    })
    changes.push({ userId, connectionId, changeSeq })
  }
  return changes
}

const pairOf = ({ peerId }: Request, { userId }: Person) => [userId, peerId].sort().join(':')

/** Ends what stands between the two and can lead nowhere any more. @throws {AppError} `connection/exists` */
async function makeWay(trx: Db, actor: Person, body: Request, now: number): Promise<Change[]> {
  const open = await trx<ConnectionRow>('connections')
    .where({ pair: pairOf(body, actor) })
    .whereNot({ state: 'ended' })
    .first()
  if (!open) return []
  // Whoever denied may ask in turn; to whoever was denied the old request still looks open.
  const isMyDenial = open.state === 'denied' && open.asked_id === actor.userId
  if (isOver(open, now) || isMyDenial) return endConnection(trx, open)
  throw new AppError('connection/exists', 'there is a request or a connection already')
}

/** Counted in the table, so that a restart gives nobody a second helping. */
async function requireFewToday({ clock, config }: Deps, trx: Db, { userId }: Person): Promise<void> {
  const now = clock.now()
  const rows = await trx<ConnectionRow>('connections')
    .where({ asker_id: userId })
    .where('created_at', '>', now - DAY_MS)
    .orderBy('created_at', 'desc')
    .limit(REQUESTS_A_DAY * config.rateScale)
    .select('created_at')
  const oldest = rows.at(-1)
  if (oldest && rows.length >= REQUESTS_A_DAY * config.rateScale) {
    throw new RateLimitedError(oldest.created_at + DAY_MS - now)
  }
}

async function isFirstEntry(trx: Db, connectionId: ConnectionId, entry: Request['entry']): Promise<boolean> {
  const row = await trx<ConnectionEntryRow>('connection_entries').where({ connection_id: connectionId, seq: 0 }).first()
  return row !== undefined && equalBytes(hashEntry(entry), row.hash)
}
