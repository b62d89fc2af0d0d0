import { type DeviceSchema, openDevice } from './db.ts'

type KeyName = DeviceSchema['keys']['key']

/** Some private windows refuse to store keys: then they live as long as this realm. */
const inMemory = new Map<KeyName, CryptoKey>()

/**
 * A new non-extractable AES-256-GCM key under `name`, read back before it is relied on.
 * The old one is gone, and with it everything sealed under it.
 */
export async function createKey(name: KeyName): Promise<CryptoKey> {
  const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
  const db = await openDevice()
  inMemory.delete(name)
  try {
    await db.put('keys', key, name)
    const stored = await db.get('keys', name)
    if (stored) {
      await crypto.subtle.encrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, stored, new Uint8Array(1))
      return stored
    }
  } catch {
    // falls through: kept in memory
  }
  await db.delete('keys', name)
  inMemory.set(name, key)
  return key
}

export async function readKey(name: KeyName): Promise<CryptoKey | null> {
  return inMemory.get(name) ?? (await (await openDevice()).get('keys', name)) ?? null
}

export async function removeKey(name: KeyName): Promise<void> {
  inMemory.delete(name)
  await (await openDevice()).delete('keys', name)
}
