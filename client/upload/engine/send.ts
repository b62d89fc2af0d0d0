import { Upload } from 'tus-js-client'
import { AppError } from '../../../shared/errors.ts'
import type { MediaId, ObjectId } from '../../../shared/format/ids.ts'
import { CUSTOM_HEADER, objectPath, UPLOADS_PATH } from '../../../shared/wire/media.ts'
import { PROBLEM_TYPE, problem } from '../../../shared/wire/problem.ts'

const CHUNK_BYTES = 16 * 2 ** 20
const RETRY_DELAYS_MS = [500, 1000, 3000, 5000, 10_000, 20_000]

/** Sealed bytes `[start, end)`, as soon as they are spooled. */
export type ReadSealed = (start: number, end: number) => Promise<Blob>
export type SendPorts = {
  readonly signal: AbortSignal
  readonly onSent: (sentBytes: number) => void
  /** The server has these bytes for good. */
  readonly onAcknowledged: (bytes: number) => void
  readonly onUploadUrl: (url: string) => void
}

/** One request. @throws {AppError} the server's code, `server/unreachable` */
export function putObject(media: MediaId, object: ObjectId, body: Blob, ports: SendPorts): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('PUT', objectPath(media, object))
    request.setRequestHeader(CUSTOM_HEADER, '1')
    request.setRequestHeader('content-type', 'application/octet-stream')
    request.upload.onprogress = ({ loaded }) => ports.onSent(loaded)
    request.onload = () => (request.status < 300 ? resolve() : reject(problemFrom(request.status, request)))
    request.onerror = () => reject(new AppError('server/unreachable', 'no answer from the server'))
    request.onabort = () => reject(new AppError('job/cancelled', 'cancelled'))
    ports.signal.addEventListener('abort', () => request.abort(), { once: true })
    request.send(body)
  })
}

/** By tus 1.0, from where an earlier run stopped. @throws {AppError} the server's code, `server/unreachable` */
export function sendByTus(
  media: MediaId,
  object: ObjectId,
  totalBytes: number,
  read: ReadSealed,
  uploadUrl: string | null,
  ports: SendPorts,
): Promise<void> {
  return new Promise((resolve, reject) => {
    // tus-js-client wants a file; the reader below is where its bytes come from.
    const upload = new Upload(new Blob(), {
      endpoint: UPLOADS_PATH,
      uploadUrl,
      uploadSize: totalBytes,
      chunkSize: CHUNK_BYTES,
      retryDelays: RETRY_DELAYS_MS,
      metadata: { mediaId: media, objectId: object },
      headers: { [CUSTOM_HEADER]: '1' },
      storeFingerprintForResuming: false,
      removeFingerprintOnSuccess: false,
      fileReader: {
        openFile: async () => ({
          size: totalBytes,
          async slice(start, end) {
            const to = Math.min(end, totalBytes)
            const value = await read(start, to)
            return { value, size: to - start, done: to === totalBytes }
          },
          close() {},
        }),
      },
      onProgress: ports.onSent,
      onChunkComplete: (_size, acknowledged) => ports.onAcknowledged(acknowledged),
      onUploadUrlAvailable: () => {
        if (upload.url) ports.onUploadUrl(upload.url)
      },
      onSuccess: () => resolve(),
      onError: (error) => {
        const request = 'originalResponse' in error ? error.originalResponse : null
        if (ports.signal.aborted) return reject(new AppError('job/cancelled', 'cancelled'))
        if (!request) return reject(new AppError('server/unreachable', 'no answer from the server', { cause: error }))
        reject(parseProblem(request.getStatus(), request.getHeader('content-type') ?? '', request.getBody()))
      },
    })
    const cancel = () => {
      void upload.abort()
      // tus says nothing of an upload that was called off.
      reject(new AppError('job/cancelled', 'cancelled'))
    }
    ports.signal.addEventListener('abort', cancel, { once: true })
    upload.start()
  })
}

function problemFrom(status: number, request: XMLHttpRequest): AppError {
  return parseProblem(status, request.getResponseHeader('content-type') ?? '', request.responseText)
}

function parseProblem(status: number, type: string, body: string): AppError {
  if (type.startsWith(PROBLEM_TYPE)) {
    try {
      const { code, detail } = problem.parse(JSON.parse(body))
      return new AppError(code, detail ?? code)
    } catch {
      // not a problem document after all
    }
  }
  if (status === 507) return new AppError('storage/full', 'the server has no room')
  return new AppError('server/unavailable', `the server answered ${status}`)
}
