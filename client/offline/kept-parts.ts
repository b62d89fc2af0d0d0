import { objectId } from '../../shared/crypto/object-key.ts'
import type { KeptRow } from '../../shared/device/db.ts'
import { keptSize } from '../../shared/device/kept.ts'
import { contentKeyOf } from '../../shared/device/media-store.ts'
import type { MediaRecord } from '../../shared/wire/media.ts'
import { MEDIA_PREFIX, mediaUrl } from '../../shared/wire/page-sw.ts'

/** Which parts of an item are on this device; `master`: URL of the playlist that it was kept with, maybe not the newest. */
export type KeptParts = { readonly master: string | null; isHere(url: string): Promise<boolean> }

/** Whether all of it plays without network, also while something else of it is fetched. */
export function playsHere({ state, before }: KeptRow): boolean {
  return state === 'kept' || before !== undefined
}

/** @param record of an item that is kept, or being kept: `row`. */
export function keptParts(record: MediaRecord, row: KeptRow): KeptParts {
  return {
    master: row.master === undefined ? null : mediaUrl(record.mediaId, row.master),
    async isHere(url) {
      const path = decodeURIComponent(new URL(url, location.origin).pathname)
      const name = path.slice(MEDIA_PREFIX.length + record.mediaId.length + 1)
      const key = await contentKeyOf(record).catch(() => null)
      return key !== null && (await keptSize(record.mediaId, await objectId(key, name))) !== null
    },
  }
}
