import { readSeen, takeMedia } from '../../shared/device/media-store.ts'
import { isAppError } from '../../shared/errors.ts'
import type { MediaId } from '../../shared/format/ids.ts'
import { type MediaRecord, readMedia } from '../../shared/wire/media.ts'
import type { Api } from '../app/api.ts'

/**
 * Takes what the server shows of items. While an answer is on its way, another one or another tab may have taken something newer
 * of an item: that one is asked for once more, before a server is said to go back.
 * @returns what was taken; without an item that was deleted meanwhile, as the next changes tell of that.
 * @throws {AppError} as `takeMedia`
 */
export async function takeShown(
  api: Pick<Api, 'call'>,
  records: readonly MediaRecord[],
): Promise<readonly MediaRecord[]> {
  try {
    await takeMedia(records)
    return records
  } catch (error) {
    if (!isAppError(error, 'card/rollback')) throw error
    const newest: MediaRecord[] = []
    for (const record of records) {
      const isBehind = await isOlder(record)
      const now = isBehind ? await askAgain(api, record.mediaId) : record
      if (!now) continue
      // At the first lie: whoever shows nothing but older ones is not asked for all of them.
      if (isBehind && (await isOlder(now))) throw error
      newest.push(now)
    }
    await takeMedia(newest)
    return newest
  }
}

async function askAgain(api: Pick<Api, 'call'>, mediaId: MediaId): Promise<MediaRecord | null> {
  try {
    return await api.call(readMedia, { params: { mediaId } })
  } catch (error) {
    if (!isAppError(error, 'media/not-found')) throw error
    return null
  }
}

/** Than what this device has seen of the item. */
async function isOlder({ mediaId, card, workerDocument }: MediaRecord): Promise<boolean> {
  const seen = await readSeen(mediaId)
  return (
    seen !== null && (card.revision < seen.card.revision || (workerDocument?.revision ?? 0) < seen.document.revision)
  )
}
