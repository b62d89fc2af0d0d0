import { AppError } from '../../shared/errors.ts'
import { equalBytes } from '../../shared/format/bytes.ts'
import type { ConnectionId, UserId } from '../../shared/format/ids.ts'
import type { StoredReceipt, writeReceipt } from '../../shared/wire/connections.ts'
import type { BodyOf } from '../../shared/wire/route.ts'
import type { Person } from '../actor.ts'
import { changeSides, publishChanges } from '../connections/changes.ts'
import { requireFriends } from '../connections/store.ts'
import type { ReceiptRow } from '../db/chat-rows.ts'
import type { Db, Deps } from '../deps.ts'
import { toBytes } from '../format.ts'

/** Of one person in one conversation; the receipts of devices that wrote none for the longest time go first. */
const DEVICES_MAX = 32

type Receipt = BodyOf<typeof writeReceipt>

/** The same receipt again changes nothing. @throws {AppError} `connection/refused`, `receipt/rollback` */
export async function storeReceipt(
  deps: Deps,
  actor: Person,
  connectionId: ConnectionId,
  receipt: Receipt,
): Promise<void> {
  const changes = await deps.db.transaction(async (trx) => {
    const { me, peer_id } = await requireFriends(trx, connectionId, actor.userId)
    const key = { connection_id: connectionId, user_id: me, device_id: receipt.deviceId }
    const known = await trx<ReceiptRow>('receipts').where(key).first()
    if (known && known.revision >= receipt.revision) {
      if (known.revision === receipt.revision && equalBytes(known.peer, receipt.peer)) return []
      throw new AppError('receipt/rollback', 'there is a newer receipt of this device')
    }
    const row: ReceiptRow = {
      ...key,
      revision: receipt.revision,
      peer: Buffer.from(receipt.peer),
      own: Buffer.from(receipt.own),
      updated_at: deps.clock.now(),
    }
    await trx<ReceiptRow>('receipts').insert(row).onConflict(['connection_id', 'user_id', 'device_id']).merge()
    if (!known) await keepNewest(trx, connectionId, me)
    return changeSides(trx, connectionId, [me, peer_id])
  })
  publishChanges(deps, changes)
  if (changes.length > 0) deps.events.wake(actor.userId, 'seen', actor.sessionId)
}

/** The friend's boxes for the friend, one's own for oneself. */
export async function readReceipts(db: Db, connectionId: ConnectionId, me: UserId): Promise<StoredReceipt[]> {
  const rows = await db<ReceiptRow>('receipts')
    .where({ connection_id: connectionId })
    .orderBy(['user_id', 'device_id'])
    .select<(Pick<ReceiptRow, 'user_id' | 'device_id' | 'revision'> & { sealed: Buffer })[]>(
      'user_id',
      'device_id',
      'revision',
      db.raw('case when user_id = ? then own else peer end as sealed', [me]),
    )
  return rows.map(({ user_id, device_id, revision, sealed }) => ({
    userId: user_id,
    deviceId: device_id,
    revision,
    sealed: toBytes(sealed),
  }))
}

async function keepNewest(trx: Db, connectionId: ConnectionId, userId: UserId): Promise<void> {
  const where = { connection_id: connectionId, user_id: userId }
  const old = await trx<ReceiptRow>('receipts')
    .where(where)
    .orderBy('updated_at', 'desc')
    .offset(DEVICES_MAX)
    .limit(DEVICES_MAX)
    .pluck('device_id')
  if (old.length > 0) await trx<ReceiptRow>('receipts').where(where).whereIn('device_id', old).delete()
}
