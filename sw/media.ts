import { objectId } from '../shared/crypto/object-key.ts'
import { pictureUrl } from '../shared/device/pictures.ts'
import { AppError, type ErrorCode, isAppError } from '../shared/errors.ts'
import { type Bytes, concat } from '../shared/format/bytes.ts'
import { type MediaId, type ObjectId, parseMediaId } from '../shared/format/ids.ts'
import { isPicture, ORIGINAL, parseObjectName, THUMB } from '../shared/format/object-name.ts'
import { FROM_START, MEDIA_PREFIX, type MediaFault } from '../shared/wire/page-sw.ts'
import { PROBLEM_TYPE } from '../shared/wire/problem.ts'
import { Begun } from './begun.ts'
import { isShown, sniffType, typeByName } from './content-type.ts'
import { OpenedObjects, openWhole, type Reader } from './open-object.ts'
import { openPicture } from './picture.ts'
import { capRange, parseRange } from './range.ts'
import type { Source } from './source.ts'

/** Chromium and Firefox cut long streams; short parts they ask for one after the other. */
const PART_BYTES = 2 * 2 ** 20

/** What answering takes from outside. */
export type MediaPorts = {
  /** @throws {AppError} `vault/locked`, `media/not-found`, `key/unavailable`, `server/unreachable` */
  contentKey(media: MediaId): Promise<Bytes>
  /** What a downloaded original is called; `null` where it cannot be told. */
  fileName(media: MediaId): Promise<string | null>
  /** Where an item's objects come from. @param cache `reload`: what the browser keeps of it did not open. */
  source(media: MediaId, cache: RequestCache): (object: ObjectId) => Source
  notify(message: MediaFault): void
  /** The server says that another device has signed this one out. */
  removed(): Promise<unknown>
  readonly engine: Engine
}
/** What differs in how a media element takes an answer. */
export type Engine = 'chromium' | 'gecko' | 'webkit'

/** Answers `/media/<mediaId>/<object name>` in plain. */
export class MediaDoor {
  readonly #ports: MediaPorts
  readonly #opened = new OpenedObjects()
  /** Something of them did not open: the browser may have kept the answer, for a year. */
  readonly #doubted = new Set<MediaId>()
  readonly #begun = new Begun()

  constructor(ports: MediaPorts) {
    this.#ports = ports
  }

  /** Keys are gone or new. */
  forget(): void {
    this.#opened.forget()
    this.#begun.forget()
  }

  /** Never rejects: every failure is an answer with its code, and faults of the bytes are told to the pages. */
  async answer(request: Request): Promise<Response> {
    const url = new URL(request.url)
    let media: MediaId | undefined
    let name = ''
    const { age } = this.#begun
    try {
      if (request.method !== 'GET' && request.method !== 'HEAD') throw new AppError('request/invalid', 'only GET')
      const path = url.pathname.slice(MEDIA_PREFIX.length)
      media = parseMediaId(path.slice(0, 22))
      name = parseObjectName(decodeURIComponent(path.slice(23)))
      const sourceOf = this.#ports.source(media, this.#doubted.has(media) ? 'reload' : 'default')
      const contentKey = await this.#ports.contentKey(media)
      const id = await objectId(contentKey, name)
      const source = sourceOf(id)
      const object = { contentKey, mediaId: media, name }
      if (name !== ORIGINAL) {
        const opening = isPicture(name)
          ? openPicture(object, pictureUrl(media, id), source)
          : this.#begun.take(id).then((parts) => parts ?? openWhole(object, source))
        const isFromStart = url.searchParams.has(FROM_START)
        const [parts] = await Promise.all([opening, this.#begun.begin(object, { age, isFromStart }, sourceOf)])
        const length = parts.reduce((sum, part) => sum + part.length, 0)
        const headers = headersOf(name === THUMB ? sniffType(parts[0] ?? new Uint8Array()) : typeByName(name), length)
        return new Response(bodyOf(parts, this.#ports.engine, request), { headers })
      }
      const told = media
      const reader = await this.#opened.open(object, source)
      const failed = (error: unknown) => this.#report(told, ORIGINAL, codeOf(error))
      const wanted = {
        // The name is read from the sealed card here: it never goes into a URL, so that no server can hear of it.
        downloadAs: url.searchParams.has('download') ? ((await this.#ports.fileName(media)) ?? 'file') : null,
        engine: this.#ports.engine,
        failed,
      }
      return await originalAnswer(reader, request, wanted)
    } catch (error) {
      const code = codeOf(error)
      if (media !== undefined) this.#report(media, name, code)
      if (code === 'auth/removed') await this.#ports.removed()
      // A download that cannot begin leaves the page where it is, which was told why.
      return request.mode === 'navigate' ? new Response(null, { status: 204 }) : problemAnswer(code)
    }
  }

  #report(mediaId: MediaId, objectName: string, code: ErrorCode): void {
    // Whoever tries again gets none of the bytes that did not open.
    this.#opened.forget()
    if (code.startsWith('object/')) this.#doubted.add(mediaId)
    this.#ports.notify({ type: 'media-error', mediaId, objectName, code })
  }
}

/**
 * What was opened whole. Chromium copies a buffer into a Blob in another process first, which costs twice as much as opening
 * it; a stream goes straight to the taker, such as hls.js. Not to an element: one that pauses would hold it, and with it this
 * program, which a new version then cannot follow. Elsewhere a buffer outlives this program, and a stream would be cut with it.
 */
function bodyOf(parts: readonly Bytes[], engine: Engine, { destination }: Request): ReadableStream<Bytes> | Bytes {
  if (engine !== 'chromium' || destination !== '') return concat(...parts)
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part)
      controller.close()
    },
  })
}

type Wanted = {
  readonly downloadAs: string | null
  readonly engine: Engine
  readonly failed: (error: unknown) => void
}

async function originalAnswer(reader: Reader, request: Request, wanted: Wanted): Promise<Response> {
  const { trueBytes } = reader
  const { downloadAs, engine, failed } = wanted
  // WebKit takes a short part for the end of the file; a download that goes on after a pause asks once for all the rest.
  const streamsParts = engine === 'webkit' || downloadAs !== null
  const [head = new Uint8Array()] = await reader.read(0, Math.min(32, trueBytes))
  const sniffed = sniffType(head)
  const type = downloadAs === null ? sniffed : 'application/octet-stream'
  const range = parseRange(request.headers.get('range'), trueBytes)
  const headers = headersOf(type, trueBytes)
  if (downloadAs !== null) headers.set('content-disposition', attachment(downloadAs))
  else if (!isShown(type)) headers.set('content-disposition', 'attachment')
  headers.set('accept-ranges', 'bytes')
  if (range.kind === 'unsatisfiable') {
    headers.set('content-range', `bytes */${trueBytes}`)
    headers.set('content-length', '0')
    return new Response(null, { status: 416, headers })
  }
  if (range.kind === 'whole') return new Response(streamFrom(reader.readAll(), failed), { headers })
  const { start } = range
  const end = streamsParts ? range.end : capRange(start, range.end, PART_BYTES, reader.chunkBytes)
  const body = streamsParts
    ? streamFrom(partsOf(reader, start, end), failed, 1)
    : bodyOf(await reader.read(start, end), engine, request)
  headers.set('content-range', `bytes ${start}-${end - 1}/${trueBytes}`)
  headers.set('content-length', String(end - start))
  return new Response(body, { status: 206, headers })
}

/** What is opened as it comes; stops when the taker stops, which is no failure even in the middle of a read. */
function streamFrom(
  parts: AsyncGenerator<Bytes, void, undefined>,
  failed: (error: unknown) => void,
  highWaterMark = 4,
): ReadableStream<Bytes> {
  let isCancelled = false
  return new ReadableStream<Bytes>(
    {
      async pull(controller) {
        try {
          const part = await parts.next()
          if (isCancelled) return
          if (part.done) controller.close()
          else controller.enqueue(part.value)
        } catch (error) {
          if (isCancelled) return
          failed(error)
          controller.error(error)
        }
      },
      cancel() {
        isCancelled = true
        // Not awaited: a read that is under way ends in its own time.
        parts.return().catch(() => undefined)
      },
    },
    { highWaterMark },
  )
}

/** Plaintext `[start, end)`, read as fast as it is taken. */
async function* partsOf(reader: Reader, start: number, end: number): AsyncGenerator<Bytes, void, undefined> {
  for (let at = start; at < end; ) {
    const to = capRange(at, end, PART_BYTES, reader.chunkBytes)
    yield* await reader.read(at, to)
    at = to
  }
}

/** RFC 6266 with RFC 8187 for what is not ASCII. */
function attachment(fileName: string): string {
  const encoded = encodeURIComponent(fileName).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename*=UTF-8''${encoded}`
}

function headersOf(type: string, length: number): Headers {
  return new Headers({
    'content-type': type,
    'content-length': String(length),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // A stored HTML file must never run, whoever links to it.
    'content-security-policy': "default-src 'none'; sandbox",
    'cross-origin-resource-policy': 'same-origin',
  })
}

function codeOf(error: unknown): ErrorCode {
  return isAppError(error) ? error.code : 'internal'
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  'format/invalid': 404,
  'request/invalid': 405,
  'media/not-found': 404,
  'object/not-found': 404,
  'auth/required': 401,
  'auth/removed': 401,
  'vault/locked': 503,
  'key/unavailable': 403,
  'server/unreachable': 504,
  'server/unavailable': 504,
}

/** RFC 9457. What the store did wrong is a bad gateway: 502. */
function problemAnswer(code: ErrorCode): Response {
  const status = STATUS[code] ?? 502
  const body = JSON.stringify({ type: 'about:blank', title: code, status, code })
  return new Response(body, { status, headers: { 'content-type': PROBLEM_TYPE, 'cache-control': 'no-store' } })
}
