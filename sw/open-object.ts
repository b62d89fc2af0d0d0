import type { ObjectName } from '../shared/crypto/object-key.ts'
import { openStream } from '../shared/crypto/object-stream.ts'
import { type OpenedObject, openHeader, openParts } from '../shared/crypto/open-object.ts'
import type { Bytes } from '../shared/format/bytes.ts'
import { CHUNK_LOG2, HEADER_BYTES, sealedRange, sealedSize, TAG_BYTES } from '../shared/format/layout.ts'
import type { Source } from './source.ts'

/** Playlists, segments, posters: nothing of their kind is larger. */
export const MAX_WHOLE_BYTES = 64 * 2 ** 20
const FIRST_READ_BYTES = HEADER_BYTES + 2 ** CHUNK_LOG2 + TAG_BYTES
const OPENED_MAX = 16
/** Who asks for this much asks for what follows next. */
const SEQUENTIAL_BYTES = 2 ** 20

/** An object that can be read at any place. */
export type Reader = {
  readonly trueBytes: number
  readonly chunkBytes: number
  /** All of it in order, by one request. @throws as `read` */
  readAll(): AsyncGenerator<Bytes, void, undefined>
  /** Plaintext `[start, end)` as parts, none of them before all have authenticated. @throws {TamperedError} and what the source throws. */
  read(start: number, end: number): Promise<Bytes[]>
}

/** Opens an object that is used whole: one request, all chunks at once. */
export async function openWhole(
  object: ObjectName,
  source: Pick<Source, 'readAll'>,
  maxBytes = MAX_WHOLE_BYTES,
): Promise<Bytes[]> {
  const sealed = await source.readAll(maxBytes)
  const opened = await openHeader(object, sealed.subarray(0, HEADER_BYTES), sealed.length)
  return openParts(opened, 0, opened.trueBytes, async (from, to) => sealed.subarray(from, to))
}

type Entry = { readonly opened: OpenedObject; readonly head: Bytes }

/**
 * Checked headers of large objects, with the chunk that came along; the oldest goes first. Only to save requests:
 * everything in it can be read again, since the browser may stop this program at any time.
 */
export class OpenedObjects {
  readonly #entries = new Map<string, Promise<Entry>>()
  /** One for all objects: what plays is read in order, and a second copy of many would cost memory. */
  #ahead: Ahead | undefined

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
      return this.#reader(object, await entry, source)
    } catch (error) {
      this.#entries.delete(key)
      throw error
    }
  }

  forget(): void {
    this.#entries.clear()
    this.#ahead = undefined
  }

  #reader(object: ObjectName, { opened, head }: Entry, source: Source): Reader {
    const fetchSealed = async (from: number, to: number): Promise<Bytes> => {
      if (to <= head.length) return head.subarray(from, to)
      const ahead = this.#ahead
      if (ahead?.object === opened && ahead.from <= from && to <= ahead.to) {
        const bytes = await ahead.bytes.catch(() => null)
        if (bytes && bytes.length >= to - ahead.from) return bytes.subarray(from - ahead.from, to - ahead.from)
      }
      return (await source.read(from, to)).bytes
    }
    return {
      trueBytes: opened.trueBytes,
      chunkBytes: opened.layout.chunkBytes,
      readAll: () => openStream(object, sealedSize(opened.layout), source.stream()),
      read: (start, end) =>
        openParts(opened, start, end, async (from, to) => {
          const sealed = await fetchSealed(from, to)
          // Asked for while this part is opened and taken: the network and the processor work at the same time.
          if (end - start >= SEQUENTIAL_BYTES && end < opened.trueBytes)
            this.#readAhead(opened, source, end, end - start)
          return sealed
        }),
    }
  }

  #readAhead(object: OpenedObject, source: Source, start: number, length: number): void {
    const [from, to] = sealedRange(object.layout, start, Math.min(object.trueBytes, start + length))
    const bytes = source.read(from, to).then((part) => part.bytes)
    bytes.catch(() => undefined)
    this.#ahead = { object, from, to, bytes }
  }
}

async function openFirst(object: ObjectName, source: Source): Promise<Entry> {
  const { bytes, totalBytes } = await source.read(0, FIRST_READ_BYTES)
  const opened = await openHeader(object, bytes.slice(0, HEADER_BYTES), totalBytes)
  return { opened, head: bytes }
}

/** Sealed bytes that were asked for before somebody wanted them. */
type Ahead = {
  readonly object: OpenedObject
  readonly from: number
  readonly to: number
  readonly bytes: Promise<Bytes>
}
