import { expand } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { AppError, type ErrorCode } from '../errors.ts'
import { type Bytes, concat, equalBytes, fromUtf8, utf8 } from '../format/bytes.ts'
import type { ConnectionId, DeviceId, UserId } from '../format/ids.ts'
import {
  encodeMessageHeader,
  MESSAGE_COMMITMENT_BYTES,
  MESSAGE_HEADER_BYTES,
  MESSAGE_NONCE_BYTES,
  type MessageHeader,
  messagePaddedBytes,
  messagePlace,
  parseMessageHeader,
} from '../format/message-layout.ts'
import { pad, unpad } from '../format/pad.ts'
import { hashOf, signingInput } from '../logs/signed.ts'
import { MESSAGE_TYPES, type MessageType } from '../wire/message-body.ts'

/** What messages need of a library: libsodium in the crypto Web Worker, noble in the Service Worker. */
export type MessagePrimitives = {
  /** XChaCha20-Poly1305-IETF. */
  seal(key: Bytes, nonce: Bytes, plain: Bytes, aad: Bytes): Bytes
  /** @throws where it does not authenticate. */
  open(key: Bytes, nonce: Bytes, sealed: Bytes, aad: Bytes): Bytes
  /** Ed25519 by a 32-byte seed. */
  sign(seed: Bytes, message: Bytes): Bytes
  /** Strict: no small order, no other encoding. */
  verify(publicKey: Bytes, message: Bytes, sig: Bytes): boolean
}

export type ToSeal = Omit<MessageHeader, 'type'> & {
  readonly messageSecret: Bytes
  readonly identitySeed: Bytes
  readonly type: MessageType
  /** JSON by the type's schema. */
  readonly body: string
}
export type SealedMessage = { readonly bytes: Bytes; readonly hash: Bytes }
/** `messageSecret` null: its epoch is not known here, or gone. `identityKey`: of the sender that the header names. */
export type ToOpen = {
  readonly sealed: Bytes
  readonly connectionId: ConnectionId
  readonly messageSecret: Bytes | null
  readonly identityKey: Bytes
}
export type OpenedMessage = Omit<MessageHeader, 'type'> & {
  readonly type: MessageType
  readonly hash: Bytes
  readonly body: string
}
/** Whose receipt, and its number: what its keys are for. */
export type ReceiptPlace = {
  readonly connectionId: ConnectionId
  readonly senderId: UserId
  readonly deviceId: DeviceId
  readonly revision: number
}

const SIG_BYTES = 64
const SIG_LABEL = 'kith/v1/msg-sig'
const TYPES = new Map(Object.entries(MESSAGE_TYPES).map(([name, type]) => [type as number, name as MessageType]))

/** HKDF-Expand, RFC 5869 §2.3: the secrets of a connection are uniform already. */
export function expandKey(secret: Bytes, info: Bytes, length: number): Bytes {
  return new Uint8Array(expand(sha256, secret, info, length))
}

/** docs/protocol.md §5 */
export function sealMessageWith(p: MessagePrimitives, nonce: Bytes, message: ToSeal): SealedMessage {
  const header = encodeMessageHeader({ ...message, type: MESSAGE_TYPES[message.type] })
  const [key, commitment] = keysOf(message.messageSecret, header)
  const body = utf8(message.body)
  const sig = p.sign(message.identitySeed, signedInput(header, body))
  const padded = pad(concat(sig, body), messagePaddedBytes)
  const bytes = concat(header, nonce, commitment, p.seal(key, nonce, padded, concat(header, nonce)))
  return { bytes, hash: hashOf(bytes) }
}

/**
 * Verifies everything before anything of it is used.
 * @throws {AppError} `message/misplaced` (another connection), `message/key-gone`, `message/tampered`
 */
export function openMessageWith(p: MessagePrimitives, { sealed, ...to }: ToOpen): OpenedMessage {
  const header = guarded(() => parseMessageHeader(sealed))
  if (header.connectionId !== to.connectionId) throw new AppError('message/misplaced', 'of another connection')
  if (!to.messageSecret) throw new AppError('message/key-gone', `no key of epoch ${header.epoch}`)
  const type = TYPES.get(header.type)
  if (!type) throw new AppError('message/tampered', 'a type that nobody sends')
  const aad = sealed.subarray(0, MESSAGE_HEADER_BYTES + MESSAGE_NONCE_BYTES)
  const [key, commitment] = keysOf(to.messageSecret, aad)
  const from = aad.length + MESSAGE_COMMITMENT_BYTES
  if (!equalBytes(sealed.subarray(aad.length, from), commitment))
    throw new AppError('message/tampered', 'sealed under another key')
  const body = guarded(() => {
    const plain = unpad(p.open(key, aad.subarray(MESSAGE_HEADER_BYTES), sealed.subarray(from), aad))
    const signed = signedInput(aad.subarray(0, MESSAGE_HEADER_BYTES), plain.subarray(SIG_BYTES))
    if (plain.length < SIG_BYTES || !p.verify(to.identityKey, signed, plain.subarray(0, SIG_BYTES)))
      throw new Error('not signed by its sender')
    return fromUtf8(plain.subarray(SIG_BYTES))
  })
  return { ...header, type, hash: hashOf(sealed), body }
}

/** What a failure is called, for batches in which one bad message must not hold up the others. */
export function codeOfRefusal(error: unknown): ErrorCode {
  return error instanceof AppError ? error.code : 'message/tampered'
}

function keysOf(secret: Bytes, header: Uint8Array): [key: Bytes, commitment: Bytes] {
  const okm = expandKey(secret, concat(utf8('kith/v1/msg'), messagePlace(header)), 32 + MESSAGE_COMMITMENT_BYTES)
  return [okm.slice(0, 32), okm.slice(32)]
}

/** `label ‖ 0x00 ‖ header ‖ H(body)` */
function signedInput(header: Uint8Array, body: Uint8Array): Bytes {
  return signingInput(SIG_LABEL, concat(header, hashOf(body)))
}

function guarded<T>(run: () => T): T {
  try {
    return run()
  } catch (cause) {
    throw new AppError('message/tampered', 'not what its sender wrote', { cause })
  }
}
