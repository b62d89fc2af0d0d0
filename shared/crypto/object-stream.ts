import { AppError } from '../errors.ts'
import type { Bytes } from '../format/bytes.ts'
import { HEADER_BYTES, sealedChunk } from '../format/layout.ts'
import { exactReader } from './exact-reader.ts'
import type { ObjectName } from './object-key.ts'
import { openChunk, openHeader } from './open-object.ts'

/** How much is read and opened ahead of the taker, in parallel; at least two chunks. */
const AHEAD_BYTES = 2 * 2 ** 20

/**
 * Opens an object as it arrives, split in any way; holds a few chunks at a time (`AHEAD_BYTES`).
 * Yields only plaintext that authenticated; ends only when the last chunk did and nothing follows it.
 * @throws as `openHeader`; `object/wrong-size` when the stream is shorter or longer than `sealedBytes`; {TamperedError}.
 */
export async function* openStream(
  object: ObjectName,
  sealedBytes: number,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Bytes, void, undefined> {
  const reader = exactReader(source, (what) => new AppError('object/wrong-size', `${object.name}: ${what}`))
  try {
    const opened = await openHeader(object, await reader.take(Math.min(HEADER_BYTES, sealedBytes)), sealedBytes)
    const { layout } = opened
    const ahead = Math.max(2, Math.floor(AHEAD_BYTES / layout.chunkBytes))
    const opening: Promise<Bytes>[] = []
    let reading: Promise<unknown> = Promise.resolve()

    /** Reads stay in order, one after the other; chunks open while later ones arrive. */
    const begin = (index: number): Promise<Bytes> => {
      const [from, to] = sealedChunk(layout, index)
      const sealed = reading.then(() => reader.take(to - from))
      reading = sealed
      const plain = sealed.then((bytes) => openChunk(opened, index, bytes))
      plain.catch(() => {}) // told when its turn comes
      return plain
    }

    for (let index = 0, next = 0; index < layout.chunks; index++) {
      while (next < Math.min(layout.chunks, index + ahead)) opening.push(begin(next++))
      const plain = (await opening.shift()) as Bytes
      if (index === layout.chunks - 1) await reader.end()
      if (plain.length > 0) yield plain
    }
  } finally {
    reader.close()
  }
}
