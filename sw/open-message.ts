import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { expand } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import * as z from 'zod/mini'
import { AppError } from '../shared/errors.ts'
import { type Bytes, concat, equalBytes, fromUtf8, utf8 } from '../shared/format/bytes.ts'
import type { ConnectionId, UserId } from '../shared/format/ids.ts'
import { idBytes } from '../shared/format/ids.ts'
import { MESSAGE_TYPES, type MessageBody, type MessageType, messageBodies } from '../shared/wire/message-body.ts'

const HEADER_BYTES = 135
const NONCE_BYTES = 24
const COMMITMENT_BYTES = 32
const SIGNATURE_BYTES = 64
const TYPES: ReadonlyMap<number, MessageType> = new Map(
  Object.entries(MESSAGE_TYPES).map(([type, number]) => [number, type as MessageType]),
)

export type Preview = { [T in MessageType]: { readonly type: T; readonly body: MessageBody<T> } }[MessageType]

/** Epoch of a message, from its header (docs/protocol.md §5). */
export function epochOf(sealed: Bytes): number {
  return new DataView(sealed.buffer, sealed.byteOffset).getUint32(19)
}

/**
 * What a message of the friend says, for an announcement (docs/protocol.md §5). Its seal says that one of the two wrote
 * it, and its header that it was the friend; the signature is checked by the page before anything is kept.
 * @throws {AppError} `message/misplaced`, `message/tampered`
 */
export function openPreview(
  sealed: Bytes,
  of: { connectionId: ConnectionId; senderId: UserId; messageSecret: Bytes },
): Preview {
  const header = sealed.subarray(0, HEADER_BYTES)
  const nonce = sealed.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES)
  const box = sealed.subarray(HEADER_BYTES + NONCE_BYTES + COMMITMENT_BYTES)
  const isHere = equalBytes(header.subarray(3, 19), idBytes(of.connectionId))
  if (!isHere || !equalBytes(header.subarray(23, 39), idBytes(of.senderId))) {
    throw new AppError('message/misplaced', 'a message of somebody else')
  }
  // connectionId ‖ epoch ‖ senderId ‖ deviceId ‖ counter: as they follow each other in the header.
  const okm = expand(sha256, of.messageSecret, concat(utf8('kith/v1/msg'), header.subarray(3, 63)), 64)
  const commitment = sealed.subarray(HEADER_BYTES + NONCE_BYTES, HEADER_BYTES + NONCE_BYTES + COMMITMENT_BYTES)
  if (!equalBytes(new Uint8Array(okm.subarray(32)), commitment)) throw new AppError('message/tampered', 'another key')
  try {
    const padded = xchacha20poly1305(okm.subarray(0, 32), nonce, concat(header, nonce)).decrypt(box)
    const end = padded.lastIndexOf(0x80)
    const type = TYPES.get(header[2] ?? 0) ?? 'text'
    const body = z.decode(
      messageBodies[type] as z.ZodMiniType,
      JSON.parse(fromUtf8(padded.subarray(SIGNATURE_BYTES, end))),
    )
    return { type, body } as Preview
  } catch (cause) {
    throw new AppError('message/tampered', 'a message does not open', { cause })
  }
}
