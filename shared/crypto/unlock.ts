import type { Bytes } from '../format/bytes.ts'
import { utf8 } from '../format/bytes.ts'
import { idBytes, type UserId } from '../format/ids.ts'
import type { UnlockMethod } from '../wire/accounts.ts'
import { type BoxKeys, boxContext, boxKeysFrom, openBox, sealTo } from './box.ts'
import { hkdf, labelled } from './hkdf.ts'

/**
 * Keys of one way to unlock the account (docs/protocol.md §3).
 * @param secret OPAQUE's export key, the recovery key, or the passkey's PRF output.
 */
export async function unlockKeys(method: UnlockMethod, secret: Bytes): Promise<BoxKeys> {
  return boxKeysFrom(await hkdf(secret, '', labelled('kith/v1/unlock', utf8(method)), 32))
}

/** The account key for one method; needs only that method's public key. */
export function sealAccountKey(
  publicKey: Bytes,
  user: UserId,
  method: UnlockMethod,
  accountKey: Bytes,
): Promise<Bytes> {
  return sealTo(publicKey, accountKey, contextOf(user, method))
}

/** @throws {AppError} `box/tampered` */
export function openAccountKey(keys: BoxKeys, user: UserId, method: UnlockMethod, sealed: Bytes): Promise<Bytes> {
  return openBox(keys, sealed, contextOf(user, method))
}

function contextOf(user: UserId, method: UnlockMethod): Bytes {
  return boxContext('kith/v1/account-key', idBytes(user), utf8(method))
}
