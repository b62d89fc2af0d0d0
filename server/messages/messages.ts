import { AppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import type { ConnectionId, DeviceId } from '../../shared/format/ids.ts'
import { type MessageHeader, parseMessageHeader } from '../../shared/format/message-layout.ts'
import { DEVICES_A_SIDE } from '../../shared/logs/connection-entries.ts'
import { hashOf } from '../../shared/logs/signed.ts'
import type { MessageTtl, StoredMessage } from '../../shared/wire/connections.ts'
import { CARRIED_MAX_BYTES } from '../../shared/wire/events.ts'
import type { Person } from '../actor.ts'
import { type Change, changeSides, publishChanges } from '../connections/changes.ts'
import { areFriends, findSide, refuse, requireSide, type Side } from '../connections/store.ts'
import type { ConnectionRow, MessageRow } from '../db/chat-rows.ts'
import type { Db, Deps } from '../deps.ts'
import { presentMessage } from './present.ts'

interface Sent {
  row: Pick<MessageRow, 'seq' | 'created_at'>
  changes: Change[]
  /** What the event carries, so that nobody who listens has to ask. */
  message?: StoredMessage
}

/** Messages lie here as ciphertext, in the order in which they came; order among people is in the messages. */
export function createMessages(deps: Deps) {
  const { db, clock, events } = deps

  async function store(trx: Db, actor: Person, header: MessageHeader, sealed: Bytes, ttlMs: MessageTtl): Promise<Sent> {
    const { connectionId, deviceId, counter } = header
    const side = await findSide(trx, connectionId, actor.userId)
    const hash = hashOf(sealed)
    const known = await trx<MessageRow>('connection_messages')
      .where({ connection_id: connectionId, sender_id: actor.userId, device_id: deviceId, counter })
      .first('seq', 'created_at', 'hash')
    if (known) {
      // Its answer was lost. Before all else: the device must learn that the message is stored, whatever came after.
      if (equalBytes(known.hash, hash)) return { row: known, changes: [] }
      throw new AppError('message/conflict', 'another message has this number')
    }
    if (!side || !areFriends(side)) throw refuse()
    if (header.epoch !== side.epoch) throw new AppError('connection/stale-epoch', 'the keys have changed')
    await requireFewDevices(trx, side, deviceId)
    await trx<ConnectionRow>('connections').where({ connection_id: connectionId }).increment('last_seq', 1)
    const now = clock.now()
    const row: MessageRow = {
      connection_id: connectionId,
      seq: side.last_seq + 1,
      sender_id: actor.userId,
      device_id: deviceId,
      counter,
      sealed: Buffer.from(sealed),
      hash: Buffer.from(hash),
      created_at: now,
      expires_at: ttlMs === null ? null : now + ttlMs,
    }
    await trx<MessageRow>('connection_messages').insert(row)
    const changes = await changeSides(trx, connectionId, [side.me, side.peer_id])
    const isCarried = sealed.length <= CARRIED_MAX_BYTES
    return { row, changes, ...(isCarried ? { message: presentMessage(row, now) } : {}) }
  }

  return {
    /**
     * The same bytes again answer as the first time.
     * @throws {AppError} `message/misplaced`, `message/conflict`, `connection/refused`, `connection/stale-epoch`,
     * `message/too-many-devices`
     */
    async send(
      actor: Person,
      connectionId: ConnectionId,
      { sealed, ttlMs }: { sealed: Bytes; ttlMs: MessageTtl },
    ): Promise<{ seq: number; createdAt: number }> {
      const header = parseMessageHeader(sealed)
      if (header.connectionId !== connectionId || header.senderId !== actor.userId) {
        throw new AppError('message/misplaced', 'the message belongs elsewhere')
      }
      const { row, changes, message } = await db.transaction((trx) => store(trx, actor, header, sealed, ttlMs))
      publishChanges(deps, changes, message)
      for (const { userId } of changes) if (userId !== actor.userId) events.wake(userId, 'news')
      return { seq: row.seq, createdAt: row.created_at }
    },

    /** The ciphertext goes, the number stays. Idempotent. @throws {AppError} `connection/not-found`, `request/not-found`, `connection/forbidden` */
    async takeBack(actor: Person, connectionId: ConnectionId, seq: number): Promise<void> {
      await db.transaction(async (trx) => {
        await requireSide(trx, connectionId, actor.userId)
        const where = { connection_id: connectionId, seq }
        const row = await trx<MessageRow>('connection_messages').where(where).first('sender_id')
        if (!row) throw new AppError('request/not-found', 'there is no such message')
        if (row.sender_id !== actor.userId) throw new AppError('connection/forbidden', 'only its sender may')
        await trx<MessageRow>('connection_messages').where(where).update({ sealed: null })
      })
    },
  }
}

/**
 * Whoever makes up a device for each message would make the entry that has to close them all too large for the log.
 * @throws {AppError} `message/too-many-devices`
 */
async function requireFewDevices(trx: Db, side: Side, deviceId: DeviceId): Promise<void> {
  const sent = trx<MessageRow>('connection_messages')
    .where({ connection_id: side.connection_id, sender_id: side.me })
    .where('seq', '>', side.epoch_seq)
  if (await sent.clone().where({ device_id: deviceId }).first('seq')) return
  const devices = await sent.clone().distinct('device_id')
  if (devices.length >= DEVICES_A_SIDE)
    throw new AppError('message/too-many-devices', 'too many devices have written since the keys changed')
}
