import { openAes, sealAes } from '../../shared/crypto/aes-gcm.ts'
import { randomBytes } from '../../shared/crypto/random.ts'
import { type DeviceAccount, eraseDevice, openDevice } from '../../shared/device/db.ts'
import { createKey, ensureKey, readKey } from '../../shared/device/device-key.ts'
import { createDeviceKey, readSealed, removeDeviceKey, writeSealed } from '../../shared/device/sealed-store.ts'
import { AppError } from '../../shared/errors.ts'
import { type Bytes, utf8 } from '../../shared/format/bytes.ts'
import { idBytes, type UserId } from '../../shared/format/ids.ts'
import { eraseSpool } from '../upload/spool-folder.ts'
import type { Crypto } from '../workers/crypto.ts'
import { dropStalePasskey } from './passkey.ts'

const SALT_BYTES = 16
/** Nonce, account key and tag: what a password opens. */
const INNER_BYTES = 24 + 32 + 16
const ACCOUNT_KEY = 'account-key'

export async function readDeviceAccount(): Promise<DeviceAccount | null> {
  return (await (await openDevice()).get('account', 'current')) ?? null
}

export async function writeDeviceAccount(account: DeviceAccount): Promise<void> {
  await (await openDevice()).put('account', account, 'current')
}

/** By what is there at that moment, since another tab may have seen more; `null`: it stays as it is. @returns what was written */
export async function changeDeviceAccount<T extends DeviceAccount | null>(
  change: (now: DeviceAccount | null) => T,
): Promise<T> {
  const { store, done } = (await openDevice()).transaction('account', 'readwrite')
  const next = change((await store.get('current')) ?? null)
  if (next) void store.put(next, 'current')
  await done
  return next
}

/** The account key, while this device is unlocked. `null`: locked. */
export async function readAccountKey(): Promise<Bytes | null> {
  if (!(await readKey('device'))) return null
  return readSealed(ACCOUNT_KEY)
}

/** Unlocks the device: a new device key, and the account key under it. What the old one had sealed is gone. */
export async function keepAccountKey(accountKey: Bytes): Promise<void> {
  await createDeviceKey()
  await writeSealed(ACCOUNT_KEY, accountKey)
}

/** Locks the device: nothing that was sealed under the device key opens again. */
export async function forgetAccountKey(): Promise<void> {
  await removeDeviceKey()
}

/**
 * Lets `password` unlock this device without the server: the account key under Argon2id, and that under a second key
 * which a copied profile without its key store does not have (docs/decisions/device-keys.md). That key stays what it was, so
 * that one row changes, at once: a program that ends here leaves the old password or the new one, never neither.
 */
export async function keepUnlock(crypto: Crypto, userId: UserId, password: string, accountKey: Bytes): Promise<void> {
  const salt = randomBytes(SALT_BYTES)
  const inner = await crypto.sealSecret(await crypto.stretchPassword(password, salt), accountKey, idBytes(userId))
  await writeUnlock(await ensureKey('lock'), salt, inner)
  await dropStalePasskey(accountKey)
}

async function writeUnlock(lock: CryptoKey, salt: Bytes, inner: Bytes): Promise<void> {
  const sealed = await sealAes(lock, inner, utf8('unlock'))
  await (await openDevice()).put('unlock', { salt, sealed }, 'password')
}

/**
 * Erases everything but the name, and puts an unlock record there that no password opens: who watches sees the same lock
 * screen, which answers as before.
 */
export async function destroyDevice(account: DeviceAccount): Promise<void> {
  await forgetAccountKey()
  await eraseAll()
  await writeDeviceAccount(account)
  // A new key: what the old one had sealed never opens again.
  await writeUnlock(await createKey('lock'), randomBytes(SALT_BYTES), randomBytes(INNER_BYTES))
}

/** Forgets everything on this device, with what uploads have left beside the database. */
export async function eraseAll(): Promise<void> {
  await eraseDevice()
  await eraseSpool()
}

/** What is shared to this device is sealed to the next account then (`client/share/share-key.ts`). */
export async function forgetShareKey(): Promise<void> {
  await (await openDevice()).delete('shareKey', 'current')
}

/** Whether there is anything here that another device could want gone: not so after `destroyDevice`. */
export async function keepsSomething(): Promise<boolean> {
  return (await (await openDevice()).count('vault')) > 0
}

/** @throws {AppError} `auth/failed`: another password; `key/unavailable`: this device has never been unlocked by one. */
export async function openUnlock(crypto: Crypto, userId: UserId, password: string): Promise<Bytes> {
  const kept = await (await openDevice()).get('unlock', 'password')
  const lock = await readKey('lock')
  if (!kept || !lock) throw new AppError('key/unavailable', 'sign in anew on this device')
  const inner = await openAes(lock, kept.sealed, utf8('unlock')).catch((cause) => {
    throw new AppError('key/unavailable', 'sealed under another key than this device has', { cause })
  })
  const key = await crypto.stretchPassword(password, kept.salt)
  return crypto.openSecret(key, inner, idBytes(userId), 'auth/failed')
}
