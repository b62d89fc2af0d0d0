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
  const told = Number(response.headers.get('content-length') ?? Number.NaN)
  const isTold = Number.isSafeInteger(told) && told >= 0
  // HTTP ends a body where its length says, as long as nothing is unpacked on the way: then the browser's own way is faster.
  if (isTold && told <= maxBytes && !response.headers.has('content-encoding')) return readTold(response, maxBytes, code)
  if (isTold && told > maxBytes) {
    await response.body?.cancel()
    throw new AppError(code, 'the answer is longer than it may be')
  }
  // By a reader: WebKit's streams cannot be iterated.
  const reader = response.body?.getReader()
  if (!reader) return new Uint8Array(0)
  let out: Bytes = new Uint8Array(Math.min(maxBytes, isTold ? told : 65_536))
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

async function readTold(response: Response, maxBytes: number, code: ErrorCode): Promise<Bytes> {
  const bytes = new Uint8Array(await response.arrayBuffer().catch(brokenOff))
  if (bytes.length > maxBytes) throw new AppError(code, 'the answer is longer than it may be')
  return bytes
}

function brokenOff(cause: unknown): never {
  throw new AppError('server/unreachable', 'the answer broke off', { cause })
}

async function nextOf(reader: ReadableStreamDefaultReader<Uint8Array>) {
  return reader.read().catch(brokenOff)
}
