import { unwrapCardKey, unwrapContentKey } from '../crypto/wraps.ts'
import type { Bytes } from '../format/bytes.ts'
import type { GroupId, MediaId } from '../format/ids.ts'
import type { MediaRecord } from '../wire/media.ts'
import { openDevice } from './db.ts'
import { requireEpochKeys } from './group-keys.ts'

/** Keeps what the server told of items, ciphertext and all; deleted ones are forgotten. */
export async function writeMedia(records: readonly MediaRecord[]): Promise<void> {
  const transaction = (await openDevice()).transaction('media', 'readwrite')
  await Promise.all([
    ...records.map((record) =>
      record.state === 'deleted' ? transaction.store.delete(record.mediaId) : transaction.store.put(record),
    ),
    transaction.done,
  ])
}

export async function readMediaRecord(media: MediaId): Promise<MediaRecord | null> {
  return (await (await openDevice()).get('media', media)) ?? null
}

/** Newest first. */
export async function listMediaRecords(group: GroupId): Promise<MediaRecord[]> {
  const range = IDBKeyRange.bound([group], [group, []])
  return (await (await openDevice()).getAllFromIndex('media', 'byGroup', range)).reverse()
}

export async function readCursor(group: GroupId): Promise<number | null> {
  return (await (await openDevice()).get('cursors', group)) ?? null
}

export async function writeCursor(group: GroupId, changeSeq: number): Promise<void> {
  await (await openDevice()).put('cursors', changeSeq, group)
}

/** @throws {AppError} `vault/locked`, `key/unavailable` */
export async function contentKeyOf(record: MediaRecord): Promise<Bytes> {
  const { media } = await requireEpochKeys(record.groupId, record.epoch)
  return unwrapContentKey(media, record, record.wrappedContent)
}

/** @throws {AppError} `vault/locked`, `key/unavailable` */
export async function cardKeyOf(record: MediaRecord): Promise<Bytes> {
  const { meta } = await requireEpochKeys(record.groupId, record.epoch)
  return unwrapCardKey(meta, record, record.wrappedCard)
}
