import { AppError } from '../errors.ts'
import { type Bytes, concat, utf8 } from '../format/bytes.ts'
import { idBytes, type UserId } from '../format/ids.ts'
import type { UnlockMethod } from '../wire/accounts.ts'
import { type BoxKeys, boxContext, boxKeysFrom, openBox, sealTo } from './box.ts'
import { hkdf, labelled } from './hkdf.ts'

/** HMAC-SHA-256. */
const MAC_BYTES = 32

/** Keys of one way to unlock: what the account key is sealed to, and what proves that its owner sealed it. */
export type UnlockKeys = BoxKeys & { readonly authKey: Bytes }

/** Whose account a box opens. */
export type UnlockPlace = {
  readonly userId: UserId
  /** Ed25519: what the account signs with, for ever. */
  readonly identityKey: Bytes
  readonly method: UnlockMethod
}

/**
 * Keys of one way to unlock the account (docs/protocol.md §3).
 * @param secret OPAQUE's export key, the recovery key, or the passkey's PRF output.
 */
export async function unlockKeys(method: UnlockMethod, secret: Bytes): Promise<UnlockKeys> {
  const [seed, authKey] = await Promise.all([
    hkdf(secret, '', labelled('kith/v1/unlock', utf8(method)), 32),
    hkdf(secret, '', labelled('kith/v1/unlock-auth', utf8(method)), 32),
  ])
  return { ...(await boxKeysFrom(seed)), authKey }
}

/** The account key for one method: `mac ‖ box`. */
export async function sealAccountKey(keys: UnlockKeys, place: UnlockPlace, accountKey: Bytes): Promise<Bytes> {
  const box = await sealTo(keys.publicKey, accountKey, contextOf(place))
  const mac = await crypto.subtle.sign('HMAC', await macKey(keys, 'sign'), macInput(place, box))
  return concat(new Uint8Array(mac), box)
}

/** @throws {AppError} `box/tampered`, also where it was sealed for another identity, or by who knows public keys alone. */
export async function openAccountKey(keys: UnlockKeys, place: UnlockPlace, sealed: Bytes): Promise<Bytes> {
  const [mac, box] = [sealed.subarray(0, MAC_BYTES), sealed.subarray(MAC_BYTES)]
  // The public half stands in the identity log: without the check the server could seal a key of its own to it.
  if (!(await crypto.subtle.verify('HMAC', await macKey(keys, 'verify'), mac, macInput(place, box)))) {
    throw new AppError('box/tampered', 'the account key was not sealed by its owner')
  }
  return openBox(keys, box, contextOf(place))
}

function macKey({ authKey }: UnlockKeys, use: 'sign' | 'verify'): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', authKey, { name: 'HMAC', hash: 'SHA-256' }, false, [use])
}

/** The method needs no place here: its key is its own. */
function macInput({ userId, identityKey }: UnlockPlace, box: Bytes): Bytes {
  return concat(idBytes(userId), identityKey, box)
}

function contextOf({ userId, method }: UnlockPlace): Bytes {
  return boxContext('kith/v1/account-key', idBytes(userId), utf8(method))
}
