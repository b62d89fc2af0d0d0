import { ed25519 } from '@noble/curves/ed25519.js'
import { sha256 } from '@noble/hashes/sha2.js'
import * as z from 'zod/mini'
import { AppError } from '../errors.ts'
import { toBase64Url } from '../format/base64url.ts'
import { type Bytes, concat, equalBytes, fromUtf8, utf8 } from '../format/bytes.ts'
import type { signedEntry } from '../wire/primitives.ts'
import { isKnownGood, noteGood } from './known-good.ts'

/** A statement as its author signed it (docs/protocol.md §2): nothing is ever encoded again to verify it. */
export type SignedEntry = z.output<typeof signedEntry>

/** `prev` of a first entry. */
export const ZERO_HASH: Bytes = new Uint8Array(32)

/** What stands before that which is remembered: the one kind is never taken for the other. */
const KNOWN_MESSAGE = utf8('kith/v1/known-message')
const KNOWN_ENTRY = utf8('kith/v1/known-entry')

/** What is signed: `label ‖ 0x00 ‖ bytes`. */
export function signingInput(label: string, bytes: Uint8Array): Bytes {
  return concat(utf8(label), new Uint8Array(1), bytes)
}

/** Ed25519, RFC 8032 §5.1.7, strict (not ZIP 215). Never throws: a malformed key or signature is `false`. */
export function verifySignature(label: string, bytes: Uint8Array, sig: Uint8Array, publicKey: Uint8Array): boolean {
  return verifyEd25519(publicKey, signingInput(label, bytes), sig)
}

/** As `verifySignature`, over the bare message. */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, sig: Uint8Array): boolean {
  // Both of fixed length: no two inputs look alike.
  if (publicKey.length !== 32 || sig.length !== 64) return false
  const digest = toBase64Url(hashOf(KNOWN_MESSAGE, publicKey, sig, message))
  if (!isKnownGood(digest)) {
    if (!isVerified(publicKey, message, sig)) return false
    noteGood(digest)
  }
  return true
}

function isVerified(publicKey: Uint8Array, message: Uint8Array, sig: Uint8Array): boolean {
  try {
    return ed25519.verify(sig, message, publicKey, { zip215: false })
  } catch {
    return false
  }
}

/** `H(entry)`, over signature ‖ bytes. */
export function hashEntry(entry: SignedEntry): Bytes {
  return new Uint8Array(sha256(concat(entry.sig, entry.bytes)))
}

/** SHA-256 without waiting, for short input. */
export function hashOf(...parts: Uint8Array[]): Bytes {
  return new Uint8Array(sha256(concat(...parts)))
}

/** Bytes of a statement, encoded once by its author. */
export function encodeStatement<T extends z.ZodMiniType>(schema: T, statement: z.output<T>): Bytes {
  return utf8(JSON.stringify(z.encode(schema, statement)))
}

/**
 * Reads an entry whose author is not known yet; whoever calls verifies it before acting on it.
 * @throws {AppError} `log/bad-entry`
 */
export function decodeUnverified<T extends z.ZodMiniType>(schema: T, bytes: Bytes): z.output<T> {
  try {
    return z.decode(schema, JSON.parse(fromUtf8(bytes)))
  } catch (cause) {
    throw new AppError('log/bad-entry', 'an entry does not have the form of its log', { cause })
  }
}

/**
 * Hashes an entry once, for the chain and to know it again: with its statements it is long, and is read at each start.
 * @returns `H(entry)`
 * @throws {AppError} `log/bad-signature`
 */
export function checkSignature(label: string, entry: SignedEntry, publicKey: Uint8Array): Bytes {
  const head = hashEntry(entry)
  if (publicKey.length !== 32 || entry.sig.length !== 64) throw notTheirs(label)
  const digest = toBase64Url(hashOf(KNOWN_ENTRY, publicKey, head, utf8(label)))
  if (!isKnownGood(digest)) {
    if (!isVerified(publicKey, signingInput(label, entry.bytes), entry.sig)) throw notTheirs(label)
    noteGood(digest)
  }
  return head
}

function notTheirs(label: string): AppError {
  return new AppError('log/bad-signature', `${label}: the signature is not its author’s`)
}

/** @throws {AppError} `log/wrong-prev` when an entry does not follow `head` as number `seq`. */
export function checkChain(statement: { seq: number; prev: Bytes }, seq: number, head: Bytes): void {
  if (statement.seq !== seq || !equalBytes(statement.prev, head)) {
    throw new AppError('log/wrong-prev', `entry ${seq} does not follow the one before`)
  }
}
