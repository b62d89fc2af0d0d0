import { openAes, sealAes } from '../crypto/aes-gcm.ts'
import { AppError } from '../errors.ts'
import { type Bytes, utf8 } from '../format/bytes.ts'
import { openDevice } from './db.ts'
import { createHalf, openHalf, readSealedHalf, removeHalf } from './device-half.ts'
import { createKey, readKey, removeKey } from './device-key.ts'

/** Keeps `plain` under `name`, sealed under the device key. @throws {AppError} `vault/locked` */
export async function writeSealed(name: string, plain: Bytes): Promise<void> {
  await (await openDevice()).put('sealed', await sealOnDevice(name, plain), name)
}

/** `null`: nothing kept under `name`. @throws {AppError} `vault/locked` while there is no key that opens it. */
export async function readSealed(name: string): Promise<Bytes | null> {
  const sealed = await (await openDevice()).get('sealed', name)
  return sealed === undefined ? null : openOnDevice(name, sealed)
}

export async function removeSealed(name: string): Promise<void> {
  await (await openDevice()).delete('sealed', name)
}

/** For rows of other stores. @throws {AppError} `vault/locked` */
export async function sealOnDevice(place: string, plain: Bytes): Promise<Bytes> {
  return sealAes(await deviceKey(), plain, utf8(place))
}

/** @throws {AppError} `vault/locked` */
export async function openOnDevice(place: string, sealed: Bytes): Promise<Bytes> {
  const key = await deviceKey()
  try {
    return await openAes(key, sealed, utf8(place))
  } catch (cause) {
    // Sealed before the last lock: that key is gone for good.
    throw new AppError('vault/locked', 'sealed under an earlier key of this device', { cause })
  }
}

/** A row that says so, and is nothing sealed. */
const HAS_HALF = 'has-half'

/** Unlocks the device: what was sealed under its key before is gone. */
export async function createDeviceKey(): Promise<void> {
  const first = await createKey('device')
  await (await openDevice()).clear('sealed')
  if (await createHalf(first)) await (await openDevice()).put('sealed', new Uint8Array(1), HAS_HALF)
}

/** Locks the device: nothing that was sealed under its key opens again, whatever the browser's files still hold of it. */
export async function removeDeviceKey(): Promise<void> {
  await removeHalf()
  await removeKey('device')
  await (await openDevice()).clear('sealed')
}

async function deviceKey(): Promise<CryptoKey> {
  const [first, half] = await Promise.all([readKey('device'), readSealedHalf()])
  if (!first) throw new AppError('vault/locked', 'this device is locked')
  const key = half && (await openHalf(first, half))
  if (key) return key
  // Never by the first half alone where there is a second: what a copied profile holds of the first would open it.
  if (await (await openDevice()).get('sealed', HAS_HALF))
    throw new AppError('vault/locked', 'the second half is not here')
  return first
}
