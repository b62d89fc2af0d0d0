import { importAesKey, openAes, sealAes } from '../crypto/aes-gcm.ts'
import { randomBytes } from '../crypto/random.ts'
import { utf8 } from '../format/bytes.ts'

const CACHE = 'kith/device'
const PLACE = '/device-half'

/**
 * The second half of the device key: a key sealed under the first, in a file of its own. A database keeps what was deleted in
 * its log for as long as it likes, the first half too; a file that is deleted is gone from the profile
 * (docs/decisions/device-keys.md). Where the browser has no Cache Storage, or no room in it, there is none.
 * @returns whether there is one.
 */
export async function createHalf(first: CryptoKey): Promise<boolean> {
  const sealed = await sealAes(first, randomBytes(32), utf8(PLACE))
  try {
    await (await caches.open(CACHE)).put(PLACE, new Response(sealed))
    return true
  } catch {
    // As in some private windows, which leave no profile.
    return false
  }
}

/** What was written; `null`: there is none. Asked without the first half, so that both can be read at the same time. */
export async function readSealedHalf(): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    const found = await caches.match(PLACE, { cacheName: CACHE })
    return found ? new Uint8Array(await found.arrayBuffer()) : null
  } catch {
    return null
  }
}

/** `null`: made beside another first half. */
export async function openHalf(first: CryptoKey, sealed: Uint8Array<ArrayBuffer>): Promise<CryptoKey | null> {
  try {
    return await importAesKey(await openAes(first, sealed, utf8(PLACE)))
  } catch {
    return null
  }
}

export async function removeHalf(): Promise<void> {
  try {
    // The entry by itself, too: of a cache that is still open somewhere the browser deletes the files later.
    await (await caches.open(CACHE)).delete(PLACE)
    await caches.delete(CACHE)
  } catch {
    // No Cache Storage: there was none.
  }
}
