import { AppError } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { MediaId, ObjectId } from '../../shared/format/ids.ts'
import { objectPath } from '../../shared/wire/media.ts'
import type { FetchPart } from './keep-object.ts'
import { STALLED_MS } from './pulse.ts'

/**
 * Ciphertext by ranges, one after the other. A network that takes the question and then says nothing is given up.
 * @param came told with whatever comes.
 * @throws {AppError} `object/not-found`, `auth/required`, `server/unreachable`, `server/unavailable`, `server/bad-answer`
 */
export function fetchParts(
  media: MediaId,
  object: ObjectId,
  { signal, came }: { signal: AbortSignal; came: () => void },
): FetchPart {
  return async (from, to) => {
    const stalled = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const wait = () => {
      clearTimeout(timer)
      timer = setTimeout(() => stalled.abort(), STALLED_MS)
    }
    try {
      wait()
      const headers = { range: `bytes=${from}-${to - 1}` }
      const response = await fetch(objectPath(media, object), {
        headers,
        credentials: 'same-origin',
        signal: AbortSignal.any([signal, stalled.signal]),
        cache: 'no-store',
      })
      if (response.status === 404) throw new AppError('object/not-found', 'the server does not have this object')
      if (response.status === 401) throw new AppError('auth/required', 'the session is over')
      if (!response.ok) throw new AppError('server/unavailable', `the server answered ${response.status}`)
      const [, start, total] =
        /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15})$/.exec(response.headers.get('content-range') ?? '') ?? []
      const length = Number(response.headers.get('content-length'))
      const totalBytes = Number(total)
      if (response.status !== 206 || Number(start) !== from || length !== Math.min(to, totalBytes) - from)
        throw new AppError('server/bad-answer', 'the server did not answer with the part that was asked for')
      const bytes = await readExactly(response, length, () => {
        wait()
        came()
      })
      return { bytes, totalBytes }
    } catch (cause) {
      if (cause instanceof AppError || signal.aborted) throw cause
      throw new AppError('server/unreachable', 'no answer from the server', { cause })
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Only what was asked for: a server that sends without end would fill the memory. */
async function readExactly({ body }: Response, length: number, came: () => void): Promise<Bytes> {
  const bytes = new Uint8Array(length)
  let at = 0
  // By a reader: WebKit's streams cannot be iterated.
  const reader = body?.getReader()
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    came()
    if (at + part.value.length > length) {
      await reader?.cancel().catch(() => undefined)
      throw new AppError('server/bad-answer', 'the part is longer than it says')
    }
    bytes.set(part.value, at)
    at += part.value.length
  }
  if (at < length) throw new AppError('server/bad-answer', 'the part is shorter than it says')
  return bytes
}
