import { openDevice } from '../../shared/device/db.ts'
import { PICTURES_CACHE } from '../../shared/device/pictures.ts'
import type { MediaId } from '../../shared/format/ids.ts'

/** Some two thousand of them. */
const MAX_BYTES = 64 * 2 ** 20

/** Small pictures of an item that was deleted. */
export async function forgetPictures(media: MediaId): Promise<void> {
  await removeWhere((url) => mediaOf(url) === media)
}

/** Those of items that are gone from this device go, then the oldest, until the rest takes no more than `maxBytes`. */
export async function sweepPictures(maxBytes = MAX_BYTES): Promise<void> {
  const db = await openDevice()
  const known = new Set([...(await db.getAllKeys('media')), ...(await db.getAllKeys('granted'))])
  let bytes = 0
  await removeWhere((url, sealedBytes) => {
    if (!known.has(mediaOf(url))) return true
    bytes += sealedBytes
    return bytes > maxBytes
  })
}

/** Asks of each, the newest first. */
async function removeWhere(isGone: (url: string, sealedBytes: number) => boolean): Promise<void> {
  if (!(await globalThis.caches?.has(PICTURES_CACHE).catch(() => false))) return
  const cache = await caches.open(PICTURES_CACHE)
  // Both in the order in which they were put there.
  const [requests, answers] = await Promise.all([cache.keys(), cache.matchAll()])
  for (const [index, { url }] of [...requests.entries()].reverse())
    if (isGone(url, Number(answers[index]?.headers.get('content-length') ?? 0))) await cache.delete(url)
}

/** As `pictureUrl` says. */
const mediaOf = (url: string): MediaId => new URL(url).pathname.split('/')[2] as MediaId
