import type { ObjectName } from '../shared/crypto/object-key.ts'
import { type OpenedObject, openHeader, openRange } from '../shared/crypto/open-object.ts'
import type { Bytes } from '../shared/format/bytes.ts'
import { CHUNK_LOG2, HEADER_BYTES, TAG_BYTES } from '../shared/format/layout.ts'
import type { Source } from './source.ts'

/** Playlists, segments, posters: nothing of their kind is larger. */
export const MAX_WHOLE_BYTES = 64 * 2 ** 20
const FIRST_READ_BYTES = HEADER_BYTES + 2 ** CHUNK_LOG2 + TAG_BYTES
const OPENED_MAX = 16

/** An object that can be read at any place. */
export type Reader = {
  readonly trueBytes: number
  readonly chunkBytes: number
  /** Plaintext `[start, end)`. @throws {TamperedError} and what the source throws. */
  read(start: number, end: number): Promise<Bytes>
}

/** Opens an object that is used whole: one request, all chunks at once. */
export async function openWhole(object: ObjectName, source: Source): Promise<Bytes> {
  const sealed = await source.readAll(MAX_WHOLE_BYTES)
  const opened = await openHeader(object, sealed.subarray(0, HEADER_BYTES), sealed.length)
  return openRange(opened, 0, opened.trueBytes, async (from, to) => sealed.subarray(from, to))
}

type Entry = { readonly opened: OpenedObject; readonly head: Bytes }

/**
 * Checked headers of large objects, with the chunk that came along; the oldest goes first. Only to save requests:
 * everything in it can be read again, since the browser may stop this program at any time.
 */
export class OpenedObjects {
  readonly #entries = new Map<string, Promise<Entry>>()

  async open(object: ObjectName, source: Source): Promise<Reader> {
    const key = `${object.mediaId}/${object.name}`
    const known = this.#entries.get(key)
    const entry = known ?? openFirst(object, source)
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= OPENED_MAX) break
      this.#entries.delete(oldest)
    }
    try {
      return reader(await entry, source)
    } catch (error) {
      this.#entries.delete(key)
      throw error
    }
  }

  forget(): void {
    this.#entries.clear()
  }
}

async function openFirst(object: ObjectName, source: Source): Promise<Entry> {
  const { bytes, totalBytes } = await source.read(0, FIRST_READ_BYTES)
  const opened = await openHeader(object, bytes.slice(0, HEADER_BYTES), totalBytes)
  return { opened, head: bytes }
}

function reader({ opened, head }: Entry, source: Source): Reader {
  return {
    trueBytes: opened.trueBytes,
    chunkBytes: opened.layout.chunkBytes,
    read: (start, end) =>
      openRange(opened, start, end, async (from, to) =>
        to <= head.length ? head.subarray(from, to) : (await source.read(from, to)).bytes,
      ),
  }
}
