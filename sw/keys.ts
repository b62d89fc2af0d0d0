import { verifyAndOpenDocument } from '../shared/crypto/document.ts'
import { readGranted } from '../shared/device/granted-store.ts'
import { cardKeyOf, contentKeyOf, readMediaRecord, takeMedia } from '../shared/device/media-store.ts'
import { AppError, isAppError } from '../shared/errors.ts'
import type { Bytes } from '../shared/format/bytes.ts'
import type { MediaId } from '../shared/format/ids.ts'
import { card } from '../shared/wire/card.ts'
import { type MediaRecord, readMedia } from '../shared/wire/media.ts'
import { call } from './call.ts'

/**
 * An item's content key, from what the device keeps; an item that the page has not met yet is asked of the server.
 * It does not stay here, and its group's keys only as long as their row on the device does (`forgetGroupKeys`): locking
 * takes effect with the next request.
 * @throws {AppError} `vault/locked`, `key/unavailable`; what the server answers: `media/not-found`, `auth/…`, `server/…`
 */
export async function contentKey(media: MediaId): Promise<Bytes> {
  const record = await readMediaRecord(media)
  if (!record) {
    const granted = await readGranted(media)
    if (granted) return granted.contentKey
  }
  try {
    return await contentKeyOf(record ?? (await fetchRecord(media)))
  } catch (error) {
    // In no group of ours: then a friend may have passed it on.
    const granted = isAppError(error, 'key/unavailable') ? await readGranted(media) : null
    if (!granted) throw error
    return granted.contentKey
  }
}

/**
 * The file name on an item's card. The seal says that a member wrote it; who it was makes no difference to a download,
 * so the signature is left to the page.
 */
export async function fileName(media: MediaId): Promise<string | null> {
  const record = await readMediaRecord(media)
  if (!record) return grantedName(media)
  const name = { label: 'kith/v1/card', id: media, revision: record.card.revision } as const
  const anyMember = { schema: card, verifyAuthor: () => true }
  try {
    return (await verifyAndOpenDocument(name, await cardKeyOf(record), record.card.sealed, anyMember)).body.fileName
  } catch {
    return grantedName(media)
  }
}

async function grantedName(media: MediaId): Promise<string | null> {
  return (await readGranted(media).catch(() => null))?.fileName ?? null
}

async function fetchRecord(mediaId: MediaId): Promise<MediaRecord> {
  const record = await call(readMedia, { params: { mediaId } })
  if (record.mediaId !== mediaId) throw new AppError('server/bad-answer', 'another item')
  await takeMedia([record])
  return record
}
