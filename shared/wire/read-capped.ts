import { AppError, type ErrorCode } from '../errors.ts'
import type { Bytes } from '../format/bytes.ts'

/**
 * The body of an answer, never more than `maxBytes` of it in memory, whatever the server says or sends.
 * @throws {AppError} `code` when there is more; `server/unreachable` when it breaks off.
 */
export async function readCapped(
  response: Response,
  maxBytes: number,
  code: ErrorCode = 'request/too-large',
): Promise<Bytes> {
  // By a reader: WebKit's streams cannot be iterated.
  const reader = response.body?.getReader()
  if (!reader) return new Uint8Array(0)
  const told = Number(response.headers.get('content-length') ?? Number.NaN)
  let out: Bytes = new Uint8Array(Number.isSafeInteger(told) && told >= 0 ? Math.min(told, maxBytes) : 65_536)
  let length = 0
  for (;;) {
    const part = await nextOf(reader)
    if (part.done) return out.subarray(0, length)
    if (length + part.value.length > maxBytes) {
      await reader.cancel().catch(() => undefined)
      throw new AppError(code, 'the answer is longer than it may be')
    }
    if (length + part.value.length > out.length) {
      const larger = new Uint8Array(Math.min(maxBytes, Math.max(out.length * 2, length + part.value.length)))
      larger.set(out.subarray(0, length))
      out = larger
    }
    out.set(part.value, length)
    length += part.value.length
  }
}

async function nextOf(reader: ReadableStreamDefaultReader<Uint8Array>) {
  try {
    return await reader.read()
  } catch (cause) {
    throw new AppError('server/unreachable', 'the answer broke off', { cause })
  }
}
