import type { ObjectName } from '../shared/crypto/object-key.ts'
import { PICTURES_CACHE } from '../shared/device/pictures.ts'
import type { Bytes } from '../shared/format/bytes.ts'
import { openWhole } from './open-object.ts'
import type { Source } from './source.ts'

/**
 * Opens a small picture, from what was shown before where it is still here. Only what opened is kept; what lies here and
 * does not open is asked for anew. Without Cache Storage, or room in it, the source alone is read.
 * @param url its name in the cache.
 */
export async function openPicture(object: ObjectName, url: string, source: Pick<Source, 'readAll'>): Promise<Bytes[]> {
  const known = await globalThis.caches?.match(url, { cacheName: PICTURES_CACHE }).catch(() => undefined)
  if (known) {
    const readAll = async () => new Uint8Array(await known.arrayBuffer())
    const parts = await openWhole(object, { readAll }).catch(() => null)
    if (parts) return parts
  }
  let sealed: Bytes | undefined
  const parts = await openWhole(object, {
    async readAll(maxBytes) {
      sealed = await source.readAll(maxBytes)
      return sealed
    },
  })
  // Not waited for: the picture is shown meanwhile.
  void keepPicture(url, new Response(sealed, { headers: { 'content-length': `${sealed?.length}` } }))
  return parts
}

async function keepPicture(url: string, sealed: Response): Promise<void> {
  const cache = await globalThis.caches?.open(PICTURES_CACHE).catch(() => undefined)
  await cache?.put(url, sealed).catch(() => undefined)
}
