import { type DeviceSchema, openDevice } from './db.ts'

type KeyName = DeviceSchema['keys']['key']

/** Some private windows refuse to store keys: then they live as long as this realm, which lends them to the others. */
const inMemory = new Map<KeyName, CryptoKey>()
const CHANNEL = 'kith/device-keys'
/** For a page that is there, however busy; nobody who is not there would ever answer. */
const ANSWER_MS = 3000
let lending: BroadcastChannel | undefined

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
    if (stored) return await tried(stored)
  } catch {
    // falls through: kept in memory
  }
  await db.delete('keys', name)
  inMemory.set(name, key)
  lend()
  return key
}

/** Whether a reload of this page would be a lock: the browser stores no keys, and this page has one. */
export const hasKeyInMemory = (): boolean => inMemory.size > 0

/** The key under `name` where there is one that works: what is sealed under it goes on opening. Else a new one. */
export async function ensureKey(name: KeyName): Promise<CryptoKey> {
  try {
    const kept = await readKey(name)
    if (kept) return await tried(kept)
  } catch {
    // falls through: the browser lost what it keeps keys under
  }
  return createKey(name)
}

export async function readKey(name: KeyName): Promise<CryptoKey | null> {
  const db = await openDevice()
  const kept = inMemory.get(name) ?? (await db.get('keys', name))
  if (kept) return kept
  // What is sealed under it goes when this device is locked: it is unlocked, and another realm holds the key.
  return name === 'device' && (await db.count('sealed')) > 0 ? borrow(name) : null
}

export async function removeKey(name: KeyName): Promise<void> {
  inMemory.delete(name)
  await (await openDevice()).delete('keys', name)
}

/** Some browsers store a key and give back one that does nothing. */
async function tried(key: CryptoKey): Promise<CryptoKey> {
  await crypto.subtle.encrypt(
    { name: 'AES-GCM', iv: crypto.getRandomValues(new Uint8Array(12)) },
    key,
    new Uint8Array(1),
  )
  return key
}

/** A key is not readable by script, here as little as in IndexedDB: it can be used by this origin alone. */
function lend(): void {
  if (lending) return
  lending = new BroadcastChannel(CHANNEL)
  lending.onmessage = ({ data }) => {
    const key = inMemory.get(data?.asked)
    if (key) lending?.postMessage({ name: data.asked, key })
  }
}

async function borrow(name: KeyName): Promise<CryptoKey | null> {
  const channel = new BroadcastChannel(CHANNEL)
  try {
    return await new Promise((resolve) => {
      channel.onmessage = ({ data }) => {
        if (data?.name === name && data.key instanceof CryptoKey) resolve(data.key)
      }
      channel.postMessage({ asked: name })
      setTimeout(() => resolve(null), ANSWER_MS)
    })
  } finally {
    channel.close()
  }
}
