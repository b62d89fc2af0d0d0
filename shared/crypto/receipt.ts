import * as z from 'zod/mini'
import { AppError } from '../errors.ts'
import { type Bytes, concat, fromUtf8, u32, u64, utf8 } from '../format/bytes.ts'
import { type ConnectionId, idBytes, type UserId } from '../format/ids.ts'
import { pad, unpad } from '../format/pad.ts'
import { hashOf, signingInput } from '../logs/signed.ts'
import { type ReceiptBody, receiptBody } from '../wire/message-body.ts'
import { hkdf, labelled } from './hkdf.ts'
import { sodiumPrimitives } from './message.ts'
import { expandKey, type ReceiptPlace } from './message-steps.ts'
import { randomBytes } from './random.ts'
import { openSecret, sealSecret } from './secretbox.ts'
import { sodium } from './sodium.ts'

const SIG_BYTES = 64
const NONCE_BYTES = 24
const EPOCH_BYTES = 4
const SIG_LABEL = 'kith/v1/receipt-sig'
const to256 = (length: number): number => Math.ceil(length / 256) * 256

/** What a device has received and read, for the friend: `u32 epoch ‖ nonce ‖ box` (docs/protocol.md §5). */
export async function sealPeerReceipt(
  place: ReceiptPlace,
  keys: { epoch: number; messageSecret: Bytes; identitySeed: Bytes },
  body: ReceiptBody,
): Promise<Bytes> {
  const p = sodiumPrimitives(await sodium())
  const context = contextOf(place, keys.epoch)
  const plain = encodeBody(body)
  const sig = p.sign(keys.identitySeed, signingInput(SIG_LABEL, concat(context, hashOf(plain))))
  const nonce = randomBytes(NONCE_BYTES)
  const box = p.seal(expandKey(keys.messageSecret, context, 32), nonce, pad(concat(sig, plain), to256), context)
  return concat(u32(keys.epoch), nonce, box)
}

/** Under which epoch's secret a friend's receipt lies. @throws {AppError} `message/tampered` */
export function receiptEpoch(sealed: Bytes): number {
  if (sealed.length < EPOCH_BYTES) throw new AppError('message/tampered', 'a receipt that was cut short')
  return new DataView(sealed.buffer, sealed.byteOffset, EPOCH_BYTES).getUint32(0)
}

/** @throws {AppError} `message/tampered` */
export async function openPeerReceipt(
  place: ReceiptPlace,
  keys: { messageSecret: Bytes; identityKey: Bytes },
  sealed: Bytes,
): Promise<ReceiptBody> {
  const p = sodiumPrimitives(await sodium())
  try {
    const context = contextOf(place, receiptEpoch(sealed))
    const nonce = sealed.slice(EPOCH_BYTES, EPOCH_BYTES + NONCE_BYTES)
    const box = sealed.slice(EPOCH_BYTES + NONCE_BYTES)
    const plain = unpad(p.open(expandKey(keys.messageSecret, context, 32), nonce, box, context))
    const signed = signingInput(SIG_LABEL, concat(context, hashOf(plain.subarray(SIG_BYTES))))
    if (!p.verify(keys.identityKey, signed, plain.slice(0, SIG_BYTES))) throw new Error('not signed by its device')
    return decodeBody(plain.subarray(SIG_BYTES))
  } catch (cause) {
    throw new AppError('message/tampered', 'a receipt that its device did not write', { cause })
  }
}

/** The same for one's own other devices, always with what was read. */
export async function sealOwnReceipt(place: ReceiptPlace, accountKey: Bytes, body: ReceiptBody): Promise<Bytes> {
  return sealSecret(await ownKey(place, accountKey), pad(encodeBody(body), to256), contextOf(place, 0))
}

/** @throws {AppError} `message/tampered` */
export async function openOwnReceipt(place: ReceiptPlace, accountKey: Bytes, sealed: Bytes): Promise<ReceiptBody> {
  const key = await ownKey(place, accountKey)
  const plain = await openSecret(key, sealed, contextOf(place, 0), 'message/tampered')
  try {
    return decodeBody(unpad(plain))
  } catch (cause) {
    throw new AppError('message/tampered', 'a receipt that no device wrote', { cause })
  }
}

/** That somebody types, and when: so that the server cannot make it up, or keep it for later. */
export async function sealTyping(
  connectionId: ConnectionId,
  senderId: UserId,
  messageSecret: Bytes,
  nowMs: number,
): Promise<Bytes> {
  const [key, aad] = typingKey(connectionId, senderId, messageSecret)
  return sealSecret(key, u64(nowMs), aad)
}

/** @returns when it was said; `null`: not by the friend. */
export async function openTyping(
  connectionId: ConnectionId,
  senderId: UserId,
  messageSecret: Bytes,
  sealed: Bytes,
): Promise<number | null> {
  const [key, aad] = typingKey(connectionId, senderId, messageSecret)
  const plain = await openSecret(key, sealed, aad, 'message/tampered').catch(() => null)
  return plain?.length === 8 ? Number(new DataView(plain.buffer, plain.byteOffset).getBigUint64(0)) : null
}

function typingKey(connectionId: ConnectionId, senderId: UserId, secret: Bytes): [key: Bytes, aad: Bytes] {
  const context = concat(utf8('kith/v1/typing'), idBytes(connectionId), idBytes(senderId))
  return [expandKey(secret, context, 32), context]
}

function contextOf({ connectionId, senderId, deviceId, revision }: ReceiptPlace, epoch: number): Bytes {
  const ids = [idBytes(connectionId), u32(epoch), idBytes(senderId), idBytes(deviceId)]
  return concat(utf8('kith/v1/receipt'), ...ids, u64(revision))
}

function ownKey({ connectionId }: ReceiptPlace, accountKey: Bytes): Promise<Bytes> {
  return hkdf(accountKey, '', labelled('kith/v1/own-receipt', idBytes(connectionId)), 32)
}

const encodeBody = (body: ReceiptBody): Bytes => utf8(JSON.stringify(z.encode(receiptBody, body)))
const decodeBody = (plain: Bytes): ReceiptBody => z.decode(receiptBody, JSON.parse(fromUtf8(plain)))
