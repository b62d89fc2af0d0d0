import * as z from 'zod/mini'
import { AppError } from '../shared/errors.ts'
import type { Bytes } from '../shared/format/bytes.ts'
import type { MediaId, ObjectId } from '../shared/format/ids.ts'
import { objectPath } from '../shared/wire/media.ts'
import { problem } from '../shared/wire/problem.ts'
import { readCapped } from '../shared/wire/read-capped.ts'
import { readJson } from '../shared/wire/read-json.ts'

/** Where ciphertext comes from: the server, or what was kept on the device (`kept-source.ts`). */
export type Source = {
  /** Sealed bytes `[from, to)`, and the size of the whole object; `to` may lie past the end. */
  read(from: number, to: number): Promise<{ bytes: Bytes; totalBytes: number }>
  /** The whole object. @throws {AppError} `request/too-large` above `maxBytes`. */
  readAll(maxBytes: number): Promise<Bytes>
  /** The whole object as it comes; ending the iteration ends the request. */
  stream(): AsyncIterable<Uint8Array>
}

/**
 * @param cache `reload` asks the server also where the browser keeps an answer of it.
 * @throws {AppError} `object/not-found`, `auth/required`, `auth/removed`, `server/unreachable`, `server/bad-answer`
 */
export function serverSource(
  media: MediaId,
  object: ObjectId,
  cache: RequestCache = 'default',
  fetcher: typeof fetch = fetch,
): Source {
  const ask = (headers: Record<string, string>) =>
    request(fetcher, objectPath(media, object), { headers, cache, credentials: 'same-origin' })
  return {
    async read(from, to) {
      const response = await ask({ range: `bytes=${from}-${to - 1}` })
      const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '')
      if (response.status !== 206 || !range || Number(range[1]) !== from) {
        await response.body?.cancel()
        throw new AppError('server/bad-answer', 'the server did not answer with the part that was asked for')
      }
      return { bytes: await readCapped(response, to - from, 'server/bad-answer'), totalBytes: Number(range[2]) }
    },
    async readAll(maxBytes) {
      const response = await ask({})
      return readCapped(response, maxBytes)
    },
    async *stream() {
      const response = await ask({})
      // By a reader: WebKit's streams cannot be iterated.
      const reader = response.body?.getReader()
      try {
        for (let part = await nextOf(reader); part && !part.done; part = await nextOf(reader)) yield part.value
      } finally {
        await reader?.cancel().catch(() => undefined)
      }
    },
  }
}

async function request(fetcher: typeof fetch, url: string, init: RequestInit): Promise<Response> {
  let response: Response
  try {
    response = await fetcher(url, init)
  } catch (cause) {
    throw new AppError('server/unreachable', 'no answer from the server', { cause })
  }
  if (response.ok) return response
  if (response.status === 401) {
    const { data } = z.safeParse(problem, await readJson(response).catch(() => null))
    throw new AppError(data?.code === 'auth/removed' ? data.code : 'auth/required', 'the session is over')
  }
  await response.body?.cancel()
  if (response.status === 404) throw new AppError('object/not-found', 'the server does not have this object')
  throw new AppError('server/unavailable', `the server answered ${response.status}`)
}

async function nextOf(reader: ReadableStreamDefaultReader<Uint8Array> | undefined) {
  try {
    return await reader?.read()
  } catch (cause) {
    throw new AppError('server/unreachable', 'the answer broke off', { cause })
  }
}
