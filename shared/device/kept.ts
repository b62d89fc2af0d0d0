import { AppError } from '../errors.ts'
import type { Bytes } from '../format/bytes.ts'
import type { GroupId, MediaId, ObjectId } from '../format/ids.ts'
import { type KeepRule, type KeptRow, openDevice } from './db.ts'
import { PIECE_BYTES, readPiece, removePieces } from './kept-pieces.ts'

export async function readKept(media: MediaId): Promise<KeptRow | null> {
  return (await (await openDevice()).get('kept', media)) ?? null
}

export async function listKept(): Promise<KeptRow[]> {
  return (await openDevice()).getAll('kept')
}

/** Changes a row by what it is at that moment; `null` leaves it. @returns the row after it; `null`: there is none. */
export async function changeKept(
  media: MediaId,
  change: (row: KeptRow | null) => KeptRow | null,
): Promise<KeptRow | null> {
  const transaction = (await openDevice()).transaction('kept', 'readwrite')
  const before = (await transaction.store.get(media)) ?? null
  const after = change(before)
  if (after) await transaction.store.put(after)
  await transaction.done
  return after ?? before
}

/** The row goes first: bytes that nobody names are swept, a row without its bytes would promise something. */
export async function removeKept(media: MediaId): Promise<void> {
  await (await openDevice()).delete('kept', media)
  await removePieces(media)
}

export async function readKeepRules(): Promise<ReadonlyMap<GroupId, KeepRule>> {
  const transaction = (await openDevice()).transaction('keepRules')
  const [keys, values] = await Promise.all([transaction.store.getAllKeys(), transaction.store.getAll()])
  return new Map(keys.map((key, i) => [key, values[i] as KeepRule]))
}

export async function writeKeepRule(group: GroupId, rule: KeepRule | null): Promise<void> {
  const db = await openDevice()
  await (rule ? db.put('keepRules', rule, group) : db.delete('keepRules', group))
}

/** Size of a sealed object that is all here; `null` where it is not. */
export async function keptSize(media: MediaId, object: ObjectId): Promise<number | null> {
  return sizeIn(await readKept(media), object)
}

/** As `keptSize`, in a row that was read. */
export function sizeIn(row: KeptRow | null, object: ObjectId): number | null {
  return row?.objects.find(({ objectId }) => objectId === object)?.sealedBytes ?? null
}

/**
 * Sealed bytes `[from, to)` of an object that is kept.
 * @throws {AppError} `object/not-found` when the browser has thrown something of it away.
 */
export async function readKeptRange(media: MediaId, object: ObjectId, from: number, to: number): Promise<Bytes> {
  const out = new Uint8Array(to - from)
  for (let at = from; at < to; ) {
    const index = Math.floor(at / PIECE_BYTES)
    const start = index * PIECE_BYTES
    const part = await readPiece(media, object, index, at - start, Math.min(PIECE_BYTES, to - start))
    if (!part || part.bytes.length === 0) throw new AppError('object/not-found', 'a kept piece is gone')
    out.set(part.bytes, at - from)
    at += part.bytes.length
  }
  return out
}
