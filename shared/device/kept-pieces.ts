import { AppError } from '../errors.ts'
import type { Bytes } from '../format/bytes.ts'
import type { MediaId, ObjectId } from '../format/ids.ts'

/**
 * Ciphertext that was kept, in pieces of this many bytes: Cache Storage refuses 206 and ignores Range, so that every
 * piece is an answer of its own, and a seek reads a slice of one or two.
 */
export const PIECE_BYTES = 4 * 2 ** 20
/** Name of a Background Fetch of an item. */
export const FETCH_PREFIX = 'keep/'
/** Between pages and Service Worker: what is kept has changed; `{ fetched }`: a Background Fetch is written down. */
export const KEPT_CHANNEL = 'kith/kept'
const PREFIX = 'kith/kept/'
const TOTAL = 'x-total-bytes'

/** Pieces of one item's objects. One cache for an item: taking it off the device is a single step. */
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

  /** @throws {AppError} `offline/no-room` */
  async write(object: ObjectId, index: number, bytes: Bytes, totalBytes: number): Promise<void> {
    const headers = { 'content-length': String(bytes.length), [TOTAL]: String(totalBytes) }
    try {
      await this.#cache.put(urlOf(object, index), new Response(bytes, { headers }))
    } catch (cause) {
      if (cause instanceof DOMException && cause.name === 'QuotaExceededError')
        throw new AppError('offline/no-room', 'the browser gives no more room', { cause })
      throw cause
    }
  }

  /** Bytes `[from, to)` of a piece, and the size of its object; `null`: not here, or cut short. */
  async read(
    object: ObjectId,
    index: number,
    from = 0,
    to = PIECE_BYTES,
  ): Promise<{ bytes: Bytes; totalBytes: number } | null> {
    const answer = await this.#cache.match(urlOf(object, index))
    const totalBytes = Number(answer?.headers.get(TOTAL))
    if (!answer || !Number.isSafeInteger(totalBytes)) return null
    const blob = await answer.blob()
    if (blob.size !== pieceBytes(totalBytes, index)) return null
    return { bytes: new Uint8Array(await blob.slice(from, to).arrayBuffer()), totalBytes }
  }

  async remove(object: ObjectId, pieces: number): Promise<void> {
    for (let index = 0; index < pieces; index++) await this.#cache.delete(urlOf(object, index))
  }

  async removeAllBut(objects: ReadonlySet<ObjectId>): Promise<void> {
    for (const { url } of await this.#cache.keys()) {
      const object = new URL(url).pathname.split('/')[2] as ObjectId
      if (!objects.has(object)) await this.#cache.delete(url)
    }
  }
}

/** How many bytes piece `index` of an object has. */
export function pieceBytes(totalBytes: number, index: number): number {
  return Math.max(0, Math.min(PIECE_BYTES, totalBytes - index * PIECE_BYTES))
}

export async function removePieces(media: MediaId): Promise<void> {
  await globalThis.caches?.delete(PREFIX + media)
}

/** Items of which something lies here, wanted or left over. */
export async function itemsWithPieces(): Promise<MediaId[]> {
  const names = (await globalThis.caches?.keys()) ?? []
  return names.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length) as MediaId)
}

export async function removeAllPieces(): Promise<void> {
  for (const media of await itemsWithPieces()) await removePieces(media)
}

/** Never asked of a network: only a name inside the cache. */
const urlOf = (object: ObjectId, index: number): string => `/kept/${object}/${index}`
