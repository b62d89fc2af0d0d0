import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import * as z from 'zod/mini'
import { hkdf, labelled } from '../shared/crypto/hkdf.ts'
import { readSealed } from '../shared/device/sealed-store.ts'
import { type Bytes, concat, fromUtf8, u32, u64, utf8 } from '../shared/format/bytes.ts'
import { type ConnectionId, idBytes, type UserId } from '../shared/format/ids.ts'
import { unpad } from '../shared/format/pad.ts'
import type { StoredReceipt } from '../shared/wire/connections.ts'
import { receiptBody } from '../shared/wire/message-body.ts'

const NONCE_BYTES = 24

/** Up to where one's own devices have read each device of the friend (docs/protocol.md §5); empty while locked. */
export async function readOwnMarks(
  id: ConnectionId,
  me: UserId,
  receipts: readonly StoredReceipt[],
): Promise<ReadonlyMap<string, number>> {
  const marks = new Map<string, number>()
  const accountKey = await readSealed('account-key').catch(() => null)
  if (!accountKey) return marks
  const key = await hkdf(accountKey, '', labelled('kith/v1/own-receipt', idBytes(id)), 32)
  for (const receipt of receipts) {
    if (receipt.userId !== me) continue
    for (const { senderId, deviceId, counter } of open(id, key, receipt)) {
      const place = `${senderId}.${deviceId}`
      marks.set(place, Math.max(marks.get(place) ?? 0, counter))
    }
  }
  return marks
}

function open(id: ConnectionId, key: Bytes, { userId, deviceId, revision, sealed }: StoredReceipt) {
  const ids = [idBytes(id), u32(0), idBytes(userId), idBytes(deviceId)]
  const aad = concat(utf8('kith/v1/receipt'), ...ids, u64(revision))
  try {
    const box = xchacha20poly1305(key, sealed.subarray(0, NONCE_BYTES), aad)
    const plain = unpad(new Uint8Array(box.decrypt(sealed.subarray(NONCE_BYTES))))
    return z.decode(receiptBody, JSON.parse(fromUtf8(plain))).read ?? []
  } catch {
    // The page says what is wrong with it.
    return []
  }
}
