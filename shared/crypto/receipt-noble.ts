import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import * as z from 'zod/mini'
import { type Bytes, concat, fromUtf8, u32, u64, utf8 } from '../format/bytes.ts'
import { idBytes } from '../format/ids.ts'
import { unpad } from '../format/pad.ts'
import { type ReceiptBody, receiptBody } from '../wire/message-body.ts'
import { hkdf, labelled } from './hkdf.ts'
import type { ReceiptPlace } from './message-steps.ts'

const NONCE_BYTES = 24

/**
 * A receipt of one's own other device, in JavaScript alone: for the Service Worker. `null`: not by one's own devices;
 * the page says what is wrong with it.
 */
export async function openOwnReceiptSlowly(
  { connectionId, senderId, deviceId, revision }: ReceiptPlace,
  accountKey: Bytes,
  sealed: Bytes,
): Promise<ReceiptBody | null> {
  const key = await hkdf(accountKey, '', labelled('kith/v1/own-receipt', idBytes(connectionId)), 32)
  const ids = [idBytes(connectionId), u32(0), idBytes(senderId), idBytes(deviceId)]
  const aad = concat(utf8('kith/v1/receipt'), ...ids, u64(revision))
  try {
    const box = xchacha20poly1305(key, sealed.subarray(0, NONCE_BYTES), aad)
    const plain = unpad(new Uint8Array(box.decrypt(sealed.subarray(NONCE_BYTES))))
    return z.decode(receiptBody, JSON.parse(fromUtf8(plain)))
  } catch {
    return null
  }
}
