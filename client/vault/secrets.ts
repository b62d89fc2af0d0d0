import type { BoxKeys } from '../../shared/crypto/box.ts'
import type { GroupActor } from '../../shared/crypto/group-entry.ts'
import { signStatement } from '../../shared/crypto/signing.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { UserId } from '../../shared/format/ids.ts'
import {
  IDENTITY_LABEL,
  type IdentityStatement,
  identityStatement,
  verifyStatement,
} from '../../shared/logs/identity.ts'
import { type SignedEntry, ZERO_HASH } from '../../shared/logs/signed.ts'
import type { UnlockMethod } from '../../shared/wire/accounts.ts'
import type { Crypto } from '../workers/crypto.ts'
import type { IdentityItem } from './items.ts'

/** What this account can sign and open with, in memory while unlocked. */
export type Secrets = {
  readonly userId: UserId
  readonly accountKey: Bytes
  readonly identitySeed: Bytes
  /** Its public half. */
  readonly identityKey: Bytes
  readonly agreement: BoxKeys
}

export async function secretsFrom(
  crypto: Crypto,
  userId: UserId,
  accountKey: Bytes,
  item: IdentityItem,
): Promise<Secrets> {
  const [identityKey, agreement] = await Promise.all([
    crypto.identityKeyOf(item.seed),
    crypto.boxKeysFrom(item.agreementSeed),
  ])
  return { userId, accountKey, identitySeed: item.seed, identityKey, agreement }
}

/** Who signs entries of group logs. @param statement the newest of the identity log. */
export function actorFrom(secrets: Secrets, statement: SignedEntry): GroupActor {
  return { id: secrets.userId, seed: secrets.identitySeed, head: verifyStatement(statement).head }
}

/** The first statement of an identity log. */
export function firstStatement(
  secrets: Secrets,
  username: string,
  unlockMethods: { method: UnlockMethod; publicKey: Bytes }[],
  nowMs: number,
): SignedEntry {
  return sign(secrets, {
    v: 1,
    userId: secrets.userId,
    username,
    seq: 0,
    prev: ZERO_HASH,
    identityKey: secrets.identityKey,
    agreementKey: secrets.agreement.publicKey,
    unlockMethods,
    createdAt: nowMs,
  })
}

/** The next statement, with another key for one way to unlock. */
export function nextStatement(
  secrets: Secrets,
  last: SignedEntry,
  changed: { method: UnlockMethod; publicKey: Bytes },
  nowMs: number,
): SignedEntry {
  const { head, ...before } = verifyStatement(last)
  const others = before.unlockMethods.filter(({ method }) => method !== changed.method)
  return sign(secrets, {
    ...before,
    seq: before.seq + 1,
    prev: head,
    unlockMethods: [...others, changed],
    createdAt: nowMs,
  })
}

function sign(secrets: Secrets, statement: IdentityStatement): SignedEntry {
  return signStatement(secrets.identitySeed, IDENTITY_LABEL, identityStatement, statement)
}
