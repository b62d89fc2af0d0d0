import { AppError } from '../errors.ts'
import type { Bytes } from '../format/bytes.ts'
import type { MediaId, ObjectId } from '../format/ids.ts'

/**
 * Ciphertext that was kept, in pieces of this many bytes: Cache Storage refuses 206 and ignores Range, so that every
 * piece is an answer of its own, and a seek reads a slice of one or two.
 */
export const PIECE_BYTES = 4 * 2 ** 20
/** Name of a Background Fetch: this, the item, and the height that it brings, empty for the original. */
export const FETCH_PREFIX = 'keep/'
/** Between pages and Service Worker: what is kept has changed; `{ fetched }`: a Background Fetch is written down. */
export const KEPT_CHANNEL = 'kith/kept'
const PREFIX = 'kith/kept/'
const TOTAL = 'x-total-bytes'

/**
 * Takes pieces of one item's objects. One cache for an item: taking it off the device is a single step, and what is
 * written after it goes with it.
 */
export class Pieces {
  readonly #cache: Cache
  private constructor(cache: Cache) {
    this.#cache = cache
  }

  /** @throws {AppError} `offline/unavailable` where the browser has no Cache Storage, as in some private windows. */
  static async open(media: MediaId): Promise<Pieces> {
    try {
      return new Pieces(await caches.open(PREFIX + media))
    } catch (cause) {
      throw new AppError('offline/unavailable', 'no Cache Storage', { cause })
    }
  }

  /** @throws what the storage says, `QuotaExceededError` for one. */
  async write(object: ObjectId, index: number, bytes: Bytes, totalBytes: number): Promise<void> {
    const headers = { 'content-length': String(bytes.length), [TOTAL]: String(totalBytes) }
    await this.#cache.put(urlOf(object, index), new Response(bytes, { headers }))
  }
}

/** Objects of an item that nothing asks for any more, by `isWanted`. Not in the class: the Service Worker has no use for it. */
export async function removeObjects(media: MediaId, isWanted: (object: ObjectId) => boolean): Promise<void> {
  const cache = await caches.open(PREFIX + media)
  for (const { url } of await cache.keys()) {
    const object = new URL(url).pathname.split('/')[2] as ObjectId
    if (!isWanted(object)) await cache.delete(url)
  }
}

/** Bytes of a piece, and the size of its object. */
type Part = { readonly bytes: Bytes; readonly totalBytes: number }

/**
 * Bytes `[from, to)` of a piece; `null`: not here, or cut short. By one question: to open a cache first takes another, and
 * makes one where there was none. Where the browser has no Cache Storage, as in some private windows, nothing is here.
 */
export async function readPiece(
  media: MediaId,
  object: ObjectId,
  index: number,
  from = 0,
  to = PIECE_BYTES,
): Promise<Part | null> {
  const answer = await globalThis.caches
    ?.match(urlOf(object, index), { cacheName: PREFIX + media })
    .catch(() => undefined)
  const totalBytes = Number(answer?.headers.get(TOTAL))
  if (!answer || !Number.isSafeInteger(totalBytes)) return null
  const length = pieceBytes(totalBytes, index)
  // All of it comes straight from the disk; a Blob goes through another process first.
  if (from === 0 && to >= length) {
    const bytes = new Uint8Array(await answer.arrayBuffer())
    return bytes.length === length ? { bytes, totalBytes } : null
  }
  const blob = await answer.blob()
  if (blob.size !== length) return null
  return { bytes: new Uint8Array(await blob.slice(from, to).arrayBuffer()), totalBytes }
}

/** How many bytes piece `index` of an object has. */
export function pieceBytes(totalBytes: number, index: number): number {
  return Math.max(0, Math.min(PIECE_BYTES, totalBytes - index * PIECE_BYTES))
}

/** Bytes that lie here of an item, also of what is not whole yet. */
export async function bytesHere(media: MediaId): Promise<number> {
  if (!(await globalThis.caches?.has(PREFIX + media).catch(() => false))) return 0
  const answers = await (await caches.open(PREFIX + media)).matchAll()
  return answers.reduce((sum, { headers }) => sum + Number(headers.get('content-length')), 0)
}

/** How many pieces of each object lie here; `null`: the browser does not tell. */
export async function countPieces(media: MediaId): Promise<ReadonlyMap<ObjectId, number> | null> {
  const counts = new Map<ObjectId, number>()
  try {
    if (!(await caches.has(PREFIX + media))) return counts
    for (const { url } of await (await caches.open(PREFIX + media)).keys()) {
      const object = new URL(url).pathname.split('/')[2] as ObjectId
      counts.set(object, (counts.get(object) ?? 0) + 1)
    }
    return counts
  } catch {
    return null
  }
}

export async function removePieces(media: MediaId): Promise<void> {
  await globalThis.caches?.delete(PREFIX + media).catch(() => false)
}

/** Items of which something lies here, wanted or left over. */
export async function itemsWithPieces(): Promise<MediaId[]> {
  const names = (await globalThis.caches?.keys().catch(() => [])) ?? []
  return names.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length) as MediaId)
}

export async function removeAllPieces(): Promise<void> {
  for (const media of await itemsWithPieces()) await removePieces(media)
}

/** Never asked of a network: only a name inside the cache. */
const urlOf = (object: ObjectId, index: number): string => `/kept/${object}/${index}`
