import { createHash } from 'node:crypto'
import { toBase64Url } from '../../shared/format/base64url.ts'
import type { DeviceId, UserId } from '../../shared/format/ids.ts'
import type { Person } from '../actor.ts'
import type { PushSubscriptionRow } from '../db/chat-rows.ts'
import type { AccountRow, RemovedSessionRow, SessionRow } from '../db/rows.ts'
import type { Db, Deps } from '../deps.ts'
import type { Removed } from '../realtime/events.ts'

/** How often `seen_at` is written: more often would turn every read into a write. */
const SEEN_STEP_MS = 60_000

/** Tokens are stored hashed: who reads the database cannot sign in with what is there. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/**
 * A new session; `token` goes into the cookie and is kept nowhere.
 * @param before token that the browser came with: the same person goes on there as one device, freshly signed in.
 */
export async function createSession(
  deps: Deps,
  db: Db,
  userId: UserId,
  deviceId: DeviceId,
  before: string | null = null,
): Promise<{ token: string; sessionId: string }> {
  const token = toBase64Url(deps.random(32))
  const now = deps.clock.now()
  const known = before === null ? null : await findPerson(deps, db, before)
  const fresh = { token_hash: hashToken(token), device_id: deviceId, created_at: now, seen_at: now }
  if (known?.userId === userId) {
    await db<SessionRow>('sessions').where({ session_id: known.sessionId }).update(fresh)
    return { token, sessionId: known.sessionId }
  }
  const sessionId = toBase64Url(deps.random(16))
  await db<SessionRow>('sessions').insert({ ...fresh, session_id: sessionId, user_id: userId })
  return { token, sessionId }
}

/** Whose session it is; `null` where it is unknown, ended, idle for too long or too old. */
export async function findPerson(deps: Deps, db: Db, token: string): Promise<Person | null> {
  const { sessionIdleMs, sessionMaxMs } = deps.config
  const now = deps.clock.now()
  const row = await db('sessions')
    .join('accounts', 'accounts.user_id', 'sessions.user_id')
    .where('sessions.token_hash', hashToken(token))
    .first<(SessionRow & AccountRow & { started_at: number }) | undefined>(
      'accounts.user_id',
      'username',
      'owns_instance',
      'session_id',
      'device_id',
      'sessions.created_at as started_at',
      'seen_at',
    )
  if (!row || row.seen_at + sessionIdleMs <= now || row.started_at + sessionMaxMs <= now) return null
  if (row.seen_at + SEEN_STEP_MS <= now) {
    await db<SessionRow>('sessions').where({ session_id: row.session_id }).update({ seen_at: now })
  }
  return {
    kind: 'person',
    userId: row.user_id,
    username: row.username,
    deviceId: row.device_id,
    sessionId: row.session_id,
    ownsInstance: row.owns_instance === 1,
    signedInAtMs: row.started_at,
    expiresAtMs: Math.min(now + sessionIdleMs, row.started_at + sessionMaxMs),
  }
}

/** Ends sessions of a person: one, or all but one. Publish the answer by `events.ended` after the commit. */
export async function endSessions(
  db: Db,
  userId: UserId,
  which: { only: string } | { except: string | null },
): Promise<string[]> {
  const query = db<SessionRow>('sessions').where({ user_id: userId })
  if ('only' in which) query.where({ session_id: which.only })
  else if (which.except !== null) query.whereNot({ session_id: which.except })
  const ids = (await query.select('session_id')).map(({ session_id }) => session_id)
  await db<SessionRow>('sessions').whereIn('session_id', ids).delete()
  return ids
}

/** Where a person is signed in, newest use first. */
export async function listSessions(deps: Deps, { userId, sessionId }: Person) {
  const { sessionIdleMs, sessionMaxMs } = deps.config
  const now = deps.clock.now()
  const rows = await deps
    .db<SessionRow>('sessions')
    .where({ user_id: userId })
    .where('seen_at', '>', now - sessionIdleMs)
    .where('created_at', '>', now - sessionMaxMs)
    .orderBy('seen_at', 'desc')
  return rows.map((row) => ({
    sessionId: row.session_id,
    createdAt: row.created_at,
    seenAt: row.seen_at,
    isCurrent: row.session_id === sessionId,
  }))
}

/**
 * As `endSessions`, by another device: whoever still comes with one of them is told, and browsers that sleep are woken to
 * come. Publish the answer by `events.removed` after the commit.
 */
export async function removeSessions(
  { clock, db }: Pick<Deps, 'clock' | 'db'>,
  userId: UserId,
  which: { only: string } | { except: string | null },
): Promise<Removed> {
  return db.transaction(async (trx) => {
    const rows = trx<SessionRow>('sessions').where({ user_id: userId })
    if ('only' in which) rows.where({ session_id: which.only })
    else if (which.except !== null) rows.whereNot({ session_id: which.except })
    const ids: string[] = []
    for (const { session_id, token_hash } of await rows) {
      ids.push(session_id)
      await trx<RemovedSessionRow>('removed_sessions').insert({ token_hash, removed_at: clock.now() })
    }
    // Before they go with their sessions.
    const subscriptions = await trx<PushSubscriptionRow>('push_subscriptions').whereIn('session_id', ids)
    return { sessions: await endSessions(trx, userId, which), subscriptions }
  })
}

/** Whether another device ended this session. */
export async function wasRemoved(db: Db, token: string): Promise<boolean> {
  const row = await db<RemovedSessionRow>('removed_sessions')
    .where({ token_hash: hashToken(token) })
    .first()
  return row !== undefined
}

/** Removes what no cookie can open any more. */
export async function sweepSessions(deps: Deps): Promise<void> {
  const now = deps.clock.now()
  await deps
    .db<SessionRow>('sessions')
    .where('seen_at', '<=', now - deps.config.sessionIdleMs)
    .orWhere('created_at', '<=', now - deps.config.sessionMaxMs)
    .delete()
  await deps
    .db<RemovedSessionRow>('removed_sessions')
    .where('removed_at', '<=', now - deps.config.sessionMaxMs)
    .delete()
}
