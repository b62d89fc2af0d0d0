import { AppError } from '../../shared/errors.ts'
import { equalBytes } from '../../shared/format/bytes.ts'
import type { ConnectionId, UserId } from '../../shared/format/ids.ts'
import { hashEntry } from '../../shared/logs/signed.ts'
import type { appendConnectionLog, ConnectionView } from '../../shared/wire/connections.ts'
import type { BodyOf } from '../../shared/wire/route.ts'
import { readNewestIdentity } from '../accounts/identity-log.ts'
import type { Person } from '../actor.ts'
import type { ConnectionEntryRow, ConnectionRow, GrantRow } from '../db/chat-rows.ts'
import type { Db, Deps } from '../deps.ts'
import { type Change, changeSides, publishChanges } from './changes.ts'
import { checkNext, stateOf } from './entries.ts'
import { isOver, presentConnection } from './present.ts'
import { requireFewRotations } from './rotations-today.ts'
import {
  areFriends,
  readConnectionEntries,
  refuse,
  requireSide,
  type Side,
  sideOf,
  sides,
  storeConnectionEntry,
} from './store.ts'

const PAGE_MAX = 200
/** A rotation with what it closes; far above what two people's devices need. */
const ENTRY_MAX_BYTES = 16_384

type Append = BodyOf<typeof appendConnectionLog>

/** The rules of connections that are there, without HTTP; how one begins is in `request.ts`. */
export function createConnections(deps: Deps) {
  const { db, clock, events } = deps

  /** One change in one transaction, told to whoever it concerns. */
  async function change(
    actor: Person,
    connectionId: ConnectionId,
    rule: (trx: Db, side: Side) => Promise<Change[]>,
  ): Promise<Change[]> {
    const changes = await db.transaction(async (trx) => rule(trx, await requireSide(trx, connectionId, actor.userId)))
    publishChanges(deps, changes)
    return changes
  }

  /** @throws as `checkNext` */
  async function follow(trx: Db, side: Side, { entry }: Append): Promise<Partial<ConnectionRow>> {
    const me = await readNewestIdentity(trx, side.me)
    const [request] = await readConnectionEntries(trx, side.connection_id, { max: 1 })
    if (!me || !request) throw new AppError('identity/changed', 'there is no identity')
    const { length, head, epoch } = checkNext(stateOf(side, request), entry, side.me, me)
    return { length, head: Buffer.from(head), epoch, epoch_seq: side.last_seq, state: 'friends', note: null }
  }

  return {
    /** Oldest change first. */
    async list(actor: Person, since: number): Promise<{ connections: ConnectionView[]; more: boolean }> {
      const rows = await sides(db, actor.userId)
        .where('side.change_seq', '>', since)
        .orderBy('side.change_seq')
        .limit(PAGE_MAX + 1)
      const connections = rows.slice(0, PAGE_MAX).map((row) => presentConnection(sideOf(row), clock.now()))
      return { connections, more: rows.length > PAGE_MAX }
    },

    async read(actor: Person, connectionId: ConnectionId): Promise<ConnectionView> {
      return presentConnection(await requireSide(db, connectionId, actor.userId), clock.now())
    },

    /**
     * `accept` or `rotate`; the same bytes again change nothing.
     * @throws {AppError} `connection/not-found`, `connection/refused`, `connection/expired`, `log/conflict`,
     * `connection/behind`, `auth/rate-limited`; as `checkNext`
     */
    async append(actor: Person, connectionId: ConnectionId, body: Append): Promise<ConnectionView> {
      if (body.entry.bytes.length > ENTRY_MAX_BYTES) throw new AppError('request/too-large', 'the entry is too large')
      let isAccept = false
      let peer: UserId | null = null
      await change(actor, connectionId, async (trx, side) => {
        if (await isStored(trx, connectionId, hashEntry(body.entry))) return []
        requireMayAppend(side, clock.now())
        if (!equalBytes(side.head, body.ifHead)) throw new AppError('log/conflict', 'the log has grown meanwhile')
        if (side.last_seq !== body.ifLastSeq) throw new AppError('connection/behind', 'there are newer messages')
        const row = await follow(trx, side, body)
        isAccept = side.state === 'pending'
        peer = side.peer_id
        if (!isAccept) await requireFewRotations(deps, trx, side)
        const at = { seq: side.length, authorId: side.me, createdAt: clock.now() }
        await storeConnectionEntry(trx, connectionId, at, body.entry)
        await trx<ConnectionRow>('connections').where({ connection_id: connectionId }).update(row)
        return changeSides(trx, connectionId, [side.me, side.peer_id])
      })
      if (isAccept && peer) events.wake(peer, 'news')
      return this.read(actor, connectionId)
    },

    /** Idempotent, and known to the one who denies alone. @throws {AppError} `connection/forbidden` */
    async deny(actor: Person, connectionId: ConnectionId): Promise<void> {
      await change(actor, connectionId, async (trx, side) => {
        if (side.asker_id === side.me || side.state === 'friends') {
          throw new AppError('connection/forbidden', 'this is not yours to deny')
        }
        return deny(trx, side)
      })
    },

    /** Idempotent. */
    async end(actor: Person, connectionId: ConnectionId): Promise<void> {
      await change(actor, connectionId, async (trx, side) => {
        // Whoever was asked must not tell by this door what the other one does not tell.
        if (side.state !== 'friends' && side.asker_id !== side.me) return deny(trx, side)
        return endConnection(trx, side)
      })
    },
  }
}
export type Connections = ReturnType<typeof createConnections>

/** For both; what was granted ends with it. */
export async function endConnection(
  trx: Db,
  { connection_id, state, asker_id, asked_id }: ConnectionRow,
): Promise<Change[]> {
  if (state === 'ended') return []
  await trx<ConnectionRow>('connections').where({ connection_id }).update({ state: 'ended', note: null })
  await trx<GrantRow>('media_grants').where({ connection_id }).delete()
  return changeSides(trx, connection_id, [asker_id, asked_id])
}

async function deny(trx: Db, { connection_id, state, me }: Side): Promise<Change[]> {
  if (state !== 'pending') return []
  await trx<ConnectionRow>('connections').where({ connection_id }).update({ state: 'denied', note: null })
  return changeSides(trx, connection_id, [me])
}

function requireMayAppend(side: Side, now: number): void {
  if (side.isBlockedByMe || side.isBlockedByPeer) throw refuse()
  if (areFriends(side)) return
  if (side.state !== 'pending' || side.asker_id === side.me) throw refuse()
  if (isOver(side, now)) throw new AppError('connection/expired', 'the request has run out')
}

async function isStored(trx: Db, connectionId: ConnectionId, hash: Uint8Array): Promise<boolean> {
  const row = await trx<ConnectionEntryRow>('connection_entries')
    .where({ connection_id: connectionId, hash: Buffer.from(hash) })
    .first('seq')
  return row !== undefined
}
