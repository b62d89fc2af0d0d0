import * as z from 'zod/mini'
import type { EpochKeys } from '../crypto/group-key.ts'
import { AppError } from '../errors.ts'
import { type Bytes, equalBytes, fromUtf8, utf8 } from '../format/bytes.ts'
import type { GroupId } from '../format/ids.ts'
import { bytes, natural } from '../wire/primitives.ts'
import { openDevice } from './db.ts'
import { readKey } from './device-key.ts'
import { openOnDevice, removeSealed, writeSealed } from './sealed-store.ts'

const stored = z.array(z.strictObject({ epoch: natural, media: bytes(32), meta: bytes(32) }))

/** Subkeys of a group, by epoch. */
export type GroupKeys = ReadonlyMap<number, EpochKeys>

/**
 * What was opened last, by the row that it came from. A player asks for the same group's keys again and again; a lock takes
 * the row away, and the device's key, so that it takes effect with the next question.
 */
let last: { readonly place: string; readonly sealed: Bytes; readonly keys: GroupKeys } | undefined

const placeOf = (group: GroupId) => `groups/${group}`

/** Kept for the Service Worker and for a quick start; the vault is where they come from. */
export async function writeGroupKeys(group: GroupId, keys: GroupKeys): Promise<void> {
  const list = [...keys].map(([epoch, { media, meta }]) => ({ epoch, media, meta }))
  await writeSealed(placeOf(group), utf8(JSON.stringify(z.encode(stored, list))))
}

/** `null`: none kept. @throws {AppError} `vault/locked` */
export async function readGroupKeys(group: GroupId): Promise<GroupKeys | null> {
  const place = placeOf(group)
  const transaction = (await openDevice()).transaction(['sealed', 'keys'])
  const [sealed, key] = await Promise.all([
    transaction.objectStore('sealed').get(place),
    transaction.objectStore('keys').getKey('device'),
  ])
  const isSame = last && sealed && key && last.place === place && equalBytes(last.sealed, sealed)
  if (!isSame) forgetGroupKeys()
  if (!sealed) return null
  if (last) return last.keys
  const list = z.decode(stored, JSON.parse(fromUtf8(await openOnDevice(place, sealed))))
  const keys: GroupKeys = new Map(list.map(({ epoch, media, meta }) => [epoch, { media, meta }]))
  // A key that the browser does not store may be gone with the page that lent it.
  if (key) last = { place, sealed, keys }
  return keys
}

/** Whether the Service Worker finds any. */
export async function hasGroupKeys(group: GroupId): Promise<boolean> {
  return (await (await openDevice()).getKey('sealed', placeOf(group))) !== undefined
}

/** Nothing of what was opened stays in memory. */
export function forgetGroupKeys(): void {
  last = undefined
}

/** @throws {AppError} `vault/locked`, `key/unavailable` */
export async function requireEpochKeys(group: GroupId, epoch: number): Promise<EpochKeys> {
  const kept = await readGroupKeys(group)
  // Locking takes away what lay under the device key together with it.
  if (!kept && !(await readKey('device'))) throw new AppError('vault/locked', 'this device is locked')
  const keys = kept?.get(epoch)
  if (!keys) throw new AppError('key/unavailable', `no key of epoch ${epoch} on this device`)
  return keys
}

export async function removeGroupKeys(group: GroupId): Promise<void> {
  await removeSealed(placeOf(group))
}
