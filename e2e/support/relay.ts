import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { Transform } from 'node:stream'
import { Unmasked } from './frames.ts'

/** A request as the relay saw it, with its whole answer. */
export type Exchange = {
  readonly method: string
  readonly path: string
  readonly status: number
  readonly requestBody: Buffer
  readonly body: Buffer
}
/** Turns an answer into what a malicious server would say instead; `undefined` leaves it as it is. */
export type Rewrite = (exchange: Exchange) => Promise<Buffer | undefined> | Buffer | undefined

/**
 * Stands between the server and whoever talks to it, browsers and worker: keeps every byte that passes for the blindness
 * check, and, given a rewrite, plays the malicious server. All are sent to its address, so that nothing goes around it.
 */
export class Relay {
  readonly #server = createServer((incoming, outgoing) => void this.#pass(incoming, outgoing))
  readonly #sockets = new Set<Socket>()
  readonly #recorded: Buffer[] = []
  #target: number
  rewrite: Rewrite | undefined
  /** May keep a request waiting before it is passed on. */
  gate: ((method: string, path: string, headers: IncomingHttpHeaders) => Promise<void>) | undefined
  /** Called with each part of a request's body that was passed on. */
  onSent: ((method: string, path: string, bytes: number) => void) | undefined
  /** Another file than the server's, by its path: a newer version of the client, a broken one, or one that is gone. */
  readonly instead = new Map<string, { readonly type: string; readonly body: string; readonly status?: number }>()
  recording = true
  /** Off: browsers keep no object in a cache of their own, so that what plays later without the server is what Kith kept. */
  letsCache = true
  #reached: (() => void) | null = null
  /** Called with each exchange after it was answered. */
  onExchange: ((exchange: Exchange) => void) | undefined

  private constructor(target: number) {
    this.#target = target
  }

  static async open(port = 0): Promise<Relay> {
    const relay = new Relay(0)
    relay.#server.on('upgrade', (incoming, socket, head) => relay.#upgrade(incoming, socket as Socket, head))
    relay.#server.on('connection', (socket) => {
      if (relay.#reached) {
        socket.destroy()
        relay.#reached()
        return
      }
      relay.#sockets.add(socket)
      socket.once('close', () => relay.#sockets.delete(socket))
    })
    await new Promise<void>((resolve) => relay.#server.listen(port, '127.0.0.1', resolve))
    return relay
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get origin(): string {
    return `http://localhost:${this.port}`
  }

  /** Everything recorded, in order of arrival. */
  get recorded(): Buffer {
    return Buffer.concat(this.#recorded)
  }

  passTo(port: number): void {
    this.#target = port
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** Drops every connection, as a lost network does. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Drops every connection and every new one, until `restore`. Resolves when somebody tried in vain. */
  lose(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#reached = resolve
    this.cut()
    return promise
  }

  restore(): void {
    this.#reached = null
  }

  #keep(...parts: (Buffer | string)[]): void {
    if (this.recording) this.#recorded.push(...parts.map((part) => Buffer.from(part)), Buffer.from('\n'))
  }

  async #pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const path = incoming.url ?? '/'
    this.#keep(`${incoming.method} ${path}\n${incoming.rawHeaders.join('\n')}`)
    await this.gate?.(incoming.method ?? 'GET', path, incoming.headers)
    const other = this.instead.get(path)
    if (other) {
      outgoing.writeHead(other.status ?? 200, {
        'content-type': other.type,
        'cache-control': 'no-cache',
        'service-worker-allowed': '/',
      })
      outgoing.end(other.body)
      return
    }
    const sent: Buffer[] = []
    const upstream = request({
      host: '127.0.0.1',
      port: this.#target,
      method: incoming.method,
      path,
      // Compressed, neither a canary nor a field could be found in it.
      headers: { ...incoming.headers, 'accept-encoding': 'identity' },
    })
    upstream.on('error', () => outgoing.destroy())
    outgoing.on('close', () => upstream.destroy())
    incoming.on('data', (part: Buffer) => {
      sent.push(part)
      this.onSent?.(incoming.method ?? 'GET', path, part.length)
    })
    // Whole, however the network cut it; a request that breaks off has told something as well.
    incoming.once('close', () => this.#keep(Buffer.concat(sent)))
    incoming.pipe(upstream)
    upstream.on('response', async (answer) => {
      const isApi = path.startsWith('/api/') && !path.startsWith('/api/events')
      this.#keep(`${answer.statusCode}\n${answer.rawHeaders.join('\n')}`)
      if (!isApi) {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        if (path.startsWith('/api/')) answer.on('data', (part: Buffer) => this.#keep(part))
        answer.pipe(outgoing)
        return
      }
      const parts: Buffer[] = []
      try {
        for await (const part of answer) parts.push(part as Buffer)
      } catch {
        // Whoever asked is gone, or the server is.
        outgoing.destroy()
        return
      }
      let body: Buffer = Buffer.concat(parts)
      this.#keep(body)
      const exchange: Exchange = {
        method: incoming.method ?? 'GET',
        path,
        status: answer.statusCode ?? 502,
        requestBody: Buffer.concat(sent),
        body,
      }
      const headers = { ...answer.headers }
      if (!this.letsCache && /\/objects\//.test(path)) headers['cache-control'] = 'no-store'
      const other = await this.rewrite?.(exchange)
      if (other !== undefined) {
        body = other
        delete headers['content-encoding']
      }
      if (incoming.method !== 'HEAD') {
        delete headers['transfer-encoding']
        if (exchange.status !== 204 && exchange.status !== 304) headers['content-length'] = String(body.length)
      }
      outgoing.writeHead(exchange.status, headers)
      outgoing.end(body)
      this.onExchange?.(exchange)
    })
  }

  #upgrade(incoming: IncomingMessage, socket: Socket, head: Buffer): void {
    const upstream = connect(this.#target, '127.0.0.1', () => {
      const lines = [`${incoming.method} ${incoming.url} HTTP/1.1`]
      for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
        // Compressed frames could not be searched.
        if (/^sec-websocket-extensions$/i.test(incoming.rawHeaders[i] ?? '')) continue
        lines.push(`${incoming.rawHeaders[i]}: ${incoming.rawHeaders[i + 1]}`)
      }
      upstream.write(`${lines.join('\r\n')}\r\n\r\n`)
      upstream.write(head)
      socket.pipe(upstream)
      const passed = new Transform({
        transform: (part: Buffer, _, done) => done(null, this.rewrite ? outOfOrder(part) : part),
      })
      upstream.pipe(passed).pipe(socket)
    })
    // The server's side passes in clear, the browser's masked.
    const said = new Unmasked()
    upstream.on('data', (part: Buffer) => this.#keep(part))
    socket.on('data', (part: Buffer) => this.#keep(...said.push(part)))
    upstream.on('error', () => socket.destroy())
    socket.on('error', () => upstream.destroy())
    socket.on('close', () => upstream.destroy())
    upstream.on('close', () => socket.destroy())
  }
}

/** A message that the socket brings gets another number, as long: whoever hears of it asks, and is told what the rewrite says. */
function outOfOrder(frames: Buffer): Buffer {
  const text = frames.toString('latin1')
  const changed = text.replace(/("message":\{"seq":)(\d)/g, (_, key, digit) => `${key}${digit === '9' ? '8' : '9'}`)
  return changed === text ? frames : Buffer.from(changed, 'latin1')
}
