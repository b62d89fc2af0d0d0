import * as z from 'zod/mini'
import type { EpochKeys } from '../crypto/group-key.ts'
import { AppError } from '../errors.ts'
import { fromUtf8, utf8 } from '../format/bytes.ts'
import type { GroupId } from '../format/ids.ts'
import { bytes, natural } from '../wire/primitives.ts'
import { readKey } from './device-key.ts'
import { readSealed, removeSealed, writeSealed } from './sealed-store.ts'

const stored = z.array(z.strictObject({ epoch: natural, media: bytes(32), meta: bytes(32) }))

/** Subkeys of a group, by epoch. */
export type GroupKeys = ReadonlyMap<number, EpochKeys>

const placeOf = (group: GroupId) => `groups/${group}`

/** Kept for the Service Worker and for a quick start; the vault is where they come from. */
export async function writeGroupKeys(group: GroupId, keys: GroupKeys): Promise<void> {
  const list = [...keys].map(([epoch, { media, meta }]) => ({ epoch, media, meta }))
  await writeSealed(placeOf(group), utf8(JSON.stringify(z.encode(stored, list))))
}

/** `null`: none kept. @throws {AppError} `vault/locked` */
export async function readGroupKeys(group: GroupId): Promise<GroupKeys | null> {
  const plain = await readSealed(placeOf(group))
  if (!plain) return null
  const list = z.decode(stored, JSON.parse(fromUtf8(plain)))
  return new Map(list.map(({ epoch, media, meta }) => [epoch, { media, meta }]))
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
