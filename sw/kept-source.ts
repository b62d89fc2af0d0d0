import type { KeptRow } from '../shared/device/db.ts'
import { readKept, readKeptRange, sizeIn } from '../shared/device/kept.ts'
import { PIECE_BYTES } from '../shared/device/kept-pieces.ts'
import { AppError, isAppError } from '../shared/errors.ts'
import type { MediaId, ObjectId } from '../shared/format/ids.ts'
import type { Source } from './source.ts'

/** What was kept on the device, resp. `server` where nothing or not all of an object was. Looks at once what there is. */
export function keptFirst(media: MediaId, server: (object: ObjectId) => Source): (object: ObjectId) => Source {
  // Without the database nothing is kept; the server may still have it.
  const row = readKept(media).catch(() => null)
  return (object) => keptOr(media, object, row, server(object))
}

function keptOr(media: MediaId, object: ObjectId, row: Promise<KeptRow | null>, server: Source): Source {
  let size = row.then((kept) => sizeIn(kept, object))
  return {
    async read(from, to) {
      const totalBytes = await size
      if (totalBytes === null) return server.read(from, to)
      try {
        return { bytes: await readKeptRange(media, object, from, Math.min(to, totalBytes)), totalBytes }
      } catch (error) {
        if (!isAppError(error, 'object/not-found')) throw error
        // The browser may throw kept bytes away; then the server is asked, as if nothing had been kept.
        size = Promise.resolve(null)
        return server.read(from, to)
      }
    },
    async readAll(maxBytes) {
      const totalBytes = await size
      if (totalBytes === null) return server.readAll(maxBytes)
      if (totalBytes > maxBytes) throw new AppError('request/too-large', 'an object is larger than its kind may be')
      try {
        return await readKeptRange(media, object, 0, totalBytes)
      } catch (error) {
        if (!isAppError(error, 'object/not-found')) throw error
        return server.readAll(maxBytes)
      }
    },
    async *stream() {
      const totalBytes = await size
      if (totalBytes === null) return yield* server.stream()
      for (let at = 0; at < totalBytes; at += PIECE_BYTES) yield (await this.read(at, at + PIECE_BYTES)).bytes
    },
  }
}
