import * as z from 'zod/mini'
import { importAesKey, openAes, sealAes } from '../crypto/aes-gcm.ts'
import { hkdf } from '../crypto/hkdf.ts'
import { AppError } from '../errors.ts'
import { type Bytes, fromUtf8, utf8 } from '../format/bytes.ts'
import type { MediaId } from '../format/ids.ts'
import { bytes } from '../wire/primitives.ts'
import { openDevice } from './db.ts'
import { readSealed, writeSealed } from './sealed-store.ts'

const KEY_NAME = 'granted-key'

/** What a message says of an item: the grantee has no card of it. */
const granted = z.strictObject({ contentKey: bytes(32), fileName: z.string() })
export type Granted = z.output<typeof granted>

/**
 * Keys of items that came in messages. They outlive a lock: what seals them comes from the account key, and lies under
 * the device key only while unlocked, where the Service Worker finds it.
 */
export async function keepGrantedKey(accountKey: Bytes): Promise<void> {
  await writeSealed(KEY_NAME, await hkdf(accountKey, '', 'kith/v1/device-granted', 32))
}

/** What the store `granted` keeps of an item. @throws {AppError} `vault/locked` */
export async function sealGranted(media: MediaId, of: Granted): Promise<Bytes> {
  return sealAes(await grantedKey(), utf8(JSON.stringify(z.encode(granted, of))), utf8(media))
}

/** `null`: no message brought it. @throws {AppError} `vault/locked`, `key/unavailable` */
export async function readGranted(media: MediaId): Promise<Granted | null> {
  const sealed = await (await openDevice()).get('granted', media)
  if (!sealed) return null
  const key = await grantedKey()
  try {
    return z.decode(granted, JSON.parse(fromUtf8(await openAes(key, sealed, utf8(media)))))
  } catch (cause) {
    throw new AppError('key/unavailable', 'the key of this item was kept by somebody else', { cause })
  }
}

async function grantedKey(): Promise<CryptoKey> {
  const raw = await readSealed(KEY_NAME)
  if (!raw) throw new AppError('vault/locked', 'this device is locked')
  return importAesKey(raw)
}
