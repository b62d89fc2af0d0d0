import { openOwnReceiptSlowly } from '../shared/crypto/receipt-noble.ts'
import { readSealed } from '../shared/device/sealed-store.ts'
import type { ConnectionId, UserId } from '../shared/format/ids.ts'
import type { StoredReceipt } from '../shared/wire/connections.ts'

/** Up to where one's own devices have read each device of the friend; empty while locked. */
export async function readOwnMarks(
  connectionId: ConnectionId,
  me: UserId,
  receipts: readonly StoredReceipt[],
): Promise<ReadonlyMap<string, number>> {
  const marks = new Map<string, number>()
  const accountKey = await readSealed('account-key').catch(() => null)
  if (!accountKey) return marks
  for (const { userId: senderId, deviceId, revision, sealed } of receipts) {
    if (senderId !== me) continue
    const body = await openOwnReceiptSlowly({ connectionId, senderId, deviceId, revision }, accountKey, sealed)
    for (const mark of body?.read ?? []) {
      const place = `${mark.senderId}.${mark.deviceId}`
      marks.set(place, Math.max(marks.get(place) ?? 0, mark.counter))
    }
  }
  return marks
}
