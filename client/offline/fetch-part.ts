import { AppError } from '../../shared/errors.ts'
import type { MediaId, ObjectId } from '../../shared/format/ids.ts'
import { objectPath } from '../../shared/wire/media.ts'
import type { FetchPart } from './keep-object.ts'

/**
 * Ciphertext by ranges, one after the other.
 * @throws {AppError} `object/not-found`, `auth/required`, `server/unreachable`, `server/unavailable`, `server/bad-answer`
 */
export function fetchParts(media: MediaId, object: ObjectId, signal: AbortSignal): FetchPart {
  return async (from, to) => {
    let response: Response
    try {
      const headers = { range: `bytes=${from}-${to - 1}` }
      response = await fetch(objectPath(media, object), {
        headers,
        credentials: 'same-origin',
        signal,
        cache: 'no-store',
      })
      if (response.status === 404) throw new AppError('object/not-found', 'the server does not have this object')
      if (response.status === 401) throw new AppError('auth/required', 'the session is over')
      if (!response.ok) throw new AppError('server/unavailable', `the server answered ${response.status}`)
      const [, start, total] =
        /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15})$/.exec(response.headers.get('content-range') ?? '') ?? []
      const length = Number(response.headers.get('content-length'))
      const totalBytes = Number(total)
      // Read only what was asked for: a server that sends without end would fill the memory.
      if (response.status !== 206 || Number(start) !== from || length !== Math.min(to, totalBytes) - from)
        throw new AppError('server/bad-answer', 'the server did not answer with the part that was asked for')
      const bytes = new Uint8Array(await response.arrayBuffer())
      if (bytes.length !== length) throw new AppError('server/bad-answer', 'the part is shorter than it says')
      return { bytes, totalBytes }
    } catch (cause) {
      if (cause instanceof AppError || signal.aborted) throw cause
      throw new AppError('server/unreachable', 'no answer from the server', { cause })
    }
  }
}
