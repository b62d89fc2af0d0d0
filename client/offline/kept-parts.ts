import { objectId } from '../../shared/crypto/object-key.ts'
import { keptSize } from '../../shared/device/kept.ts'
import { contentKeyOf } from '../../shared/device/media-store.ts'
import type { MediaRecord } from '../../shared/wire/media.ts'
import { MEDIA_PREFIX } from '../../shared/wire/page-sw.ts'

/** Which parts of an item are on this device. */
export type KeptParts = { isHere(url: string): Promise<boolean> }

/** @param record of an item that is kept, or being kept. */
export function keptParts(record: MediaRecord): KeptParts {
  return {
    async isHere(url) {
      const path = decodeURIComponent(new URL(url, location.origin).pathname)
      const name = path.slice(MEDIA_PREFIX.length + record.mediaId.length + 1)
      const key = await contentKeyOf(record).catch(() => null)
      return key !== null && (await keptSize(record.mediaId, await objectId(key, name))) !== null
    },
  }
}
