import { randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { AppError } from '../shared/errors.ts'
import type { Bytes } from '../shared/format/bytes.ts'
import { isOwnPeer } from './peer.ts'
import type { Source } from './source.ts'

/** The door of one job: where ffmpeg reads and writes while it is open. */
export type Door = {
  readonly sourceUrl: string
  readonly outputUrl: string
  /** Whether ffmpeg is kept waiting by us (reading from the server, or no room to take more). */
  isWaiting(): boolean
  /** Resolves when everything that ffmpeg sent has been accepted or refused: it may end before we have read its last words. */
  idle(): Promise<void>
  close(): void
}
export type DoorOptions = {
  readonly source: Source
  /** Takes one finished output; ffmpeg may go on when it resolves. */
  readonly accept: (name: string, body: Bytes) => Promise<void>
  /** What went wrong on our side of the door; ffmpeg only sees a broken connection. */
  readonly onError: (error: unknown) => void
  readonly maxOutputBytes: number
}
export type Loopback = { open(options: DoorOptions): Door; close(): Promise<void> }

/** `720p/init.mp4`, `720p/00001.m4s`, `720p/index.m3u8`, `poster.webp`, `tiny.rgba`. */
const OUTPUT_NAME = /^(?:\d{1,5}p\/(?:init\.mp4|\d{5,6}\.m4s|index\.m3u8)|poster\.webp|tiny\.rgba)$/
/** Plaintext is handed on in pieces of this size, so that little of it waits in socket buffers. */
const PIECE_BYTES = 256 * 1024

/**
 * ffmpeg's only door: GET opens the sealed source, PUT hands over an output to be sealed. Listens on 127.0.0.1 only, and
 * each job's paths start with 192 random bits: other programs on this machine cannot guess them. Other users' programs, which may
 * read them in ffmpeg's command line, are not let in (`peer.ts`).
 */
export async function createLoopback(): Promise<Loopback> {
  const doors = new Map<string, OpenDoor>()
  const strangers = new Set<Socket>()
  const server = createServer((request, response) => {
    const door = doorOf(request, doors)
    if (door === undefined) return refuse(response, 404)
    strangers.delete(request.socket)
    // ffmpeg closes connections when it seeks: that is no error. Our own have been told to `onError`.
    door.serve(request, response).catch(() => response.destroy())
  })
  server.on('connection', (socket) => {
    if (!isOwnPeer(socket)) {
      socket.destroy()
      return
    }
    strangers.add(socket)
    socket.once('close', () => strangers.delete(socket))
  })
  server.keepAliveTimeout = 0 // an encoder may need minutes for one segment
  server.requestTimeout = 0
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve)
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    open(options) {
      const secret = randomBytes(24).toString('base64url')
      const door = createDoor(options, strangers)
      doors.set(secret, door)
      return {
        sourceUrl: `${origin}/${secret}/in`,
        outputUrl: `${origin}/${secret}/out`,
        isWaiting: () => door.waiting > 0,
        idle: () => door.idle(),
        close: () => {
          doors.delete(secret)
          door.close()
        },
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

type OpenDoor = {
  waiting: number
  serve(request: IncomingMessage, response: ServerResponse): Promise<void>
  idle(): Promise<void>
  close(): void
}

function doorOf(request: IncomingMessage, doors: ReadonlyMap<string, OpenDoor>): OpenDoor | undefined {
  const shown = Buffer.from(request.url?.split('/')[1] ?? '')
  for (const [secret, door] of doors) {
    const expected = Buffer.from(secret)
    if (expected.length === shown.length && timingSafeEqual(expected, shown)) return door
  }
  return undefined
}

function createDoor(options: DoorOptions, strangers: ReadonlySet<Socket>): OpenDoor {
  const closing = new AbortController()
  const sockets = new Set<Socket>()
  const door: OpenDoor = {
    waiting: 0,
    async serve(request, response) {
      const { socket } = request
      if (!sockets.has(socket)) socket.once('close', () => sockets.delete(socket))
      sockets.add(socket)
      const path = request.url?.split('/').slice(2).join('/') ?? ''
      if (path === 'in' && (request.method === 'GET' || request.method === 'HEAD')) return read(request, response)
      if (request.method === 'PUT' && path.startsWith('out/')) return write(request, response, path.slice(4))
      refuse(response, 404)
    },
    async idle() {
      // Connections end after all that was sent on them; some may have reached the kernel, but not us yet.
      do {
        await new Promise((resolve) => setTimeout(resolve, 10))
        // Where this process got no turn for longer, the timer comes before what the kernel has for us: first that.
        await new Promise((resolve) => setImmediate(resolve))
      } while (!closing.signal.aborted && sockets.size + strangers.size > 0)
    },
    close() {
      closing.abort()
      for (const socket of sockets) socket.destroy()
    },
  }
  return door

  /** Our side of the door: ffmpeg waits meanwhile, and a failure is ours. */
  async function waitFor<T>(work: Promise<T>): Promise<T> {
    door.waiting++
    try {
      return await work
    } catch (error) {
      if (!closing.signal.aborted) options.onError(error)
      throw error
    } finally {
      door.waiting--
    }
  }

  async function read(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const size = options.source.sizeBytes
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
    const start = range === null ? 0 : Number(range[1])
    const end = range?.[2] ? Math.min(Number(range[2]) + 1, size) : size
    if (start >= end) {
      response.writeHead(416, { 'content-range': `bytes */${size}` }).end()
      return
    }
    const partial = range === null ? {} : { 'content-range': `bytes ${start}-${end - 1}/${size}` }
    const headers = { 'accept-ranges': 'bytes', 'content-length': end - start, ...partial }
    response.writeHead(range === null ? 200 : 206, { 'content-type': 'application/octet-stream', ...headers })
    if (request.method === 'HEAD') {
      response.end()
      return
    }
    for (let at = start; at < end && !response.destroyed; ) {
      const until = Math.min(end, (Math.floor(at / PIECE_BYTES) + 1) * PIECE_BYTES)
      const piece = await waitFor(options.source.read(at, until))
      if (!response.write(piece)) await drained(response)
      at = until
    }
    response.end()
  }

  async function write(request: IncomingMessage, response: ServerResponse, name: string): Promise<void> {
    if (!OUTPUT_NAME.test(name)) return refuse(response, 404)
    const pieces: Buffer[] = []
    let size = 0
    for await (const piece of request as AsyncIterable<Buffer>) {
      size += piece.length
      if (size > options.maxOutputBytes) {
        await waitFor(Promise.reject(new AppError('request/too-large', 'an output is too large')))
      }
      pieces.push(piece)
    }
    // A killed ffmpeg cuts its last request short; half a segment must not be sealed.
    if (!request.complete || closing.signal.aborted) return
    await waitFor(options.accept(name, joined(pieces, size)))
    response.writeHead(201).end()
  }
}

function joined(pieces: readonly Buffer[], size: number): Bytes {
  const body = new Uint8Array(size)
  let at = 0
  for (const piece of pieces) {
    body.set(piece, at)
    at += piece.length
  }
  return body
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
  })
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { connection: 'close' }).end()
}
