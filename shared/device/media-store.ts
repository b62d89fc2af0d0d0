import type { IDBPTransaction } from 'idb'
import { checkRevision } from '../crypto/document.ts'
import { unwrapCardKey, unwrapContentKey } from '../crypto/wraps.ts'
import { AppError } from '../errors.ts'
import type { Bytes } from '../format/bytes.ts'
import type { GroupId, MediaId } from '../format/ids.ts'
import type { MediaRecord } from '../wire/media.ts'
import { type DeviceSchema, type MediaCursor, openDevice, type SeenItem, type SeenRevision } from './db.ts'
import { requireEpochKeys } from './group-keys.ts'

/**
 * Takes what the server shows of items, ciphertext and all. Revisions never fall, also not by way of a deletion: what was
 * seen of an item outlives it.
 * @throws {AppError} `card/rollback`; `card/tampered` when an item moved to another group. Nothing is kept then.
 */
export async function takeMedia(records: readonly MediaRecord[]): Promise<void> {
  const transaction = (await openDevice()).transaction(['media', 'seen', 'cursors'], 'readwrite')
  // Told by what is thrown here.
  transaction.done.catch(() => undefined)
  try {
    for (const record of records) await takeOne(transaction, record)
  } catch (error) {
    transaction.abort()
    throw error
  }
  await transaction.done
}

type Taking = IDBPTransaction<DeviceSchema, ('media' | 'seen' | 'cursors')[], 'readwrite'>

async function takeOne(transaction: Taking, record: MediaRecord): Promise<void> {
  const { mediaId, groupId, card, workerDocument } = record
  const seen = await transaction.objectStore('seen').get(mediaId)
  if (seen && seen.groupId !== groupId) throw new AppError('card/tampered', 'an item moved to another group')
  const notBefore = (await transaction.objectStore('cursors').get(groupId))?.groupSeq ?? -1
  const next = (before: SeenRevision | undefined, revision: number): SeenRevision => {
    checkRevision(before?.revision ?? 0, revision)
    return before?.revision === revision ? before : { revision, notBefore }
  }
  await transaction.objectStore('seen').put(
    {
      groupId,
      card: next(seen?.card, card.revision),
      document: next(seen?.document, workerDocument?.revision ?? 0),
    },
    mediaId,
  )
  const media = transaction.objectStore('media')
  if (record.state === 'deleted') await media.delete(mediaId)
  else await media.put(record)
}

/** What was seen of an item's documents, also of one that was deleted. */
export async function readSeen(media: MediaId): Promise<SeenItem | null> {
  return (await (await openDevice()).get('seen', media)) ?? null
}

export async function readMediaRecord(media: MediaId): Promise<MediaRecord | null> {
  return (await (await openDevice()).get('media', media)) ?? null
}

/** In the order asked for; `null`: not there. */
export async function readMediaRecords(all: readonly MediaId[]): Promise<(MediaRecord | null)[]> {
  const { store } = (await openDevice()).transaction('media')
  return Promise.all(all.map(async (media) => (await store.get(media)) ?? null))
}

/** All of a group, oldest first, a page at a time: thousands at once would hold up the screen. */
export async function* listMediaRecords(
  group: GroupId,
  pageSize = 500,
): AsyncGenerator<MediaRecord[], void, undefined> {
  for (let after: [GroupId, number, MediaId] | [GroupId] = [group]; ; ) {
    const range = IDBKeyRange.bound(after, [group, []], true)
    const page = await (await openDevice()).getAllFromIndex('media', 'byGroup', range, pageSize)
    const last = page.at(-1)
    if (!last) return
    yield page
    after = [group, last.createdAt, last.mediaId]
  }
}

/** Forgets the items of a group. What was seen of them stays: a server cannot go back by having somebody come again. */
export async function removeMedia(group: GroupId): Promise<void> {
  const ofGroup = IDBKeyRange.bound([group], [group, []])
  const transaction = (await openDevice()).transaction(['media', 'opened', 'cursors'], 'readwrite')
  const media = transaction.objectStore('media')
  await Promise.all([
    media
      .index('byGroup')
      .getAllKeys(ofGroup)
      .then((keys) => Promise.all(keys.map((key) => media.delete(key)))),
    transaction.objectStore('opened').delete(ofGroup),
    transaction.objectStore('cursors').delete(group),
    transaction.done,
  ])
}

export async function readCursor(group: GroupId): Promise<MediaCursor | null> {
  return (await (await openDevice()).get('cursors', group)) ?? null
}

export async function writeCursor(group: GroupId, cursor: MediaCursor): Promise<void> {
  await (await openDevice()).put('cursors', cursor, group)
}

/**
 * Moves on from what is there. `false`: there is none any more, and nothing is written: the group was closed meanwhile, by another
 * tab perhaps, and whoever comes back to it has to ask for everything.
 */
export async function advanceCursor(group: GroupId, cursor: MediaCursor): Promise<boolean> {
  const { store, done } = (await openDevice()).transaction('cursors', 'readwrite')
  const isThere = (await store.get(group)) !== undefined
  if (isThere) await store.put(cursor, group)
  await done
  return isThere
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
