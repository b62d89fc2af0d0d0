import * as z from 'zod/mini'
import { AppError } from '../errors.ts'
import { type Bytes, equalBytes } from '../format/bytes.ts'
import type { UserId } from '../format/ids.ts'
import { isUsername } from '../format/username.ts'
import { bytes, hash, natural, timeMs, userId } from '../wire/primitives.ts'
import { checkChain, checkSignature, decodeUnverified, type SignedEntry, ZERO_HASH } from './signed.ts'

/** docs/protocol.md §4 */
export const IDENTITY_LABEL = 'kith/v1/identity'
/** Label of the server's challenge that the recovery key answers (§3). */
export const RECOVERY_LABEL = 'kith/v1/recovery'
export const AGREEMENT_KEY_BYTES = 1216

export const identityStatement = z.strictObject({
  v: z.literal(1),
  userId,
  username: z.string().check(z.refine(isUsername)),
  seq: natural,
  prev: hash,
  /** Ed25519. */
  identityKey: bytes(32),
  /** X-Wing. */
  agreementKey: bytes(AGREEMENT_KEY_BYTES),
  /** Public keys that the account key may be sealed to; a method that is not listed was invented by the server. */
  unlockMethods: z
    .array(
      z.strictObject({ method: z.enum(['password', 'recovery', 'passkey']), publicKey: bytes(AGREEMENT_KEY_BYTES) }),
    )
    .check(z.minLength(1), z.maxLength(8)),
  createdAt: timeMs,
})
export type IdentityStatement = z.output<typeof identityStatement>
export type VerifiedStatement = IdentityStatement & { readonly head: Bytes }

/** What a verified identity log says now. */
export type Identity = Omit<IdentityStatement, 'v' | 'prev' | 'createdAt'> & { readonly head: Bytes }

/** What was seen of an identity before. */
export type IdentityPin = { readonly seq: number; readonly head: Bytes; readonly identityKey: Bytes }

/**
 * Verifies an identity log from its first statement on.
 * @throws {AppError} `log/bad-entry`, `log/bad-signature`, `log/wrong-prev`; `identity/changed` when keys or ids differ
 *   inside the log, from `expected` or from the pin; `identity/rollback` when it is shorter than the pin.
 */
export function replayIdentity(entries: readonly SignedEntry[], pin?: IdentityPin, expected?: UserId): Identity {
  let identity: Identity | undefined
  for (const entry of entries) {
    identity = follow(identity, entry)
    if (pin && identity.seq === pin.seq && !equalBytes(identity.head, pin.head)) throw changed('another history')
  }
  if (!identity) throw new AppError('log/bad-entry', 'an identity log cannot be empty')
  if (expected !== undefined && identity.userId !== expected) throw changed('another person')
  if (pin && !equalBytes(identity.identityKey, pin.identityKey)) throw changed('another key')
  if (pin && identity.seq < pin.seq) throw new AppError('identity/rollback', 'the server shows an older identity')
  return identity
}

/** Takes one more statement. @throws as `replayIdentity` */
export function follow(before: Identity | undefined, entry: SignedEntry): Identity {
  const statement = decodeUnverified(identityStatement, entry.bytes)
  const head = checkSignature(IDENTITY_LABEL, entry, before?.identityKey ?? statement.identityKey)
  checkChain(statement, before ? before.seq + 1 : 0, before?.head ?? ZERO_HASH)
  if (before && (before.userId !== statement.userId || before.username !== statement.username))
    throw changed('another person')
  if (before && !equalBytes(before.identityKey, statement.identityKey)) throw changed('another key')
  const { v: _v, prev: _prev, createdAt: _createdAt, ...rest } = statement
  return { ...rest, head }
}

/**
 * A statement taken out of its log, as entries of a group log carry it: signed by the key it names. The chain is
 * checked where the identity log itself is at hand.
 * @throws {AppError} `log/bad-entry`, `log/bad-signature`
 */
export function verifyStatement(entry: SignedEntry): VerifiedStatement {
  const statement = decodeUnverified(identityStatement, entry.bytes)
  const head = checkSignature(IDENTITY_LABEL, entry, statement.identityKey)
  return { ...statement, head }
}

/**
 * The account key is sealed to listed methods only.
 * @throws {AppError} `identity/foreign-method` when the server shows a method that the person never signed.
 */
export function checkUnlockMethods(identity: Pick<Identity, 'unlockMethods'>, shown: readonly string[]): void {
  const known = new Set<string>(identity.unlockMethods.map(({ method }) => method))
  if (shown.some((method) => !known.has(method))) {
    throw new AppError('identity/foreign-method', 'the server shows a way to unlock that was never set up')
  }
}

function changed(what: string): AppError {
  return new AppError('identity/changed', `the identity is ${what}`)
}
