import * as z from 'zod/mini'
import { signWorkerChallenge } from '../shared/crypto/worker-auth.ts'
import { AppError, isAppError } from '../shared/errors.ts'
import type { Bytes } from '../shared/format/bytes.ts'
import type { MediaId, ObjectId } from '../shared/format/ids.ts'
import { CUSTOM_HEADER, LEASE_HEADER, objectPath } from '../shared/wire/media.ts'
import { problem } from '../shared/wire/problem.ts'
import { readCapped } from '../shared/wire/read-capped.ts'
import { readJson } from '../shared/wire/read-json.ts'
import { type BodyOf, type ParamsOf, type QueryOf, type ReplyOf, type Route, urlOf } from '../shared/wire/route.ts'
import { finishWorkerSession, startWorkerSession } from '../shared/wire/workers.ts'
import type { Identity } from './identity.ts'

const TIMEOUT_MS = 60_000

export type CallOptions<R extends Route> = {
  readonly params?: ParamsOf<R>
  readonly query?: QueryOf<R>
  readonly body?: BodyOf<R>
  readonly signal?: AbortSignal
  /** `<jobId>.<fence>` */
  readonly lease?: string
}

/** The server as the worker sees it. Signs in by itself whenever the server asks for it. */
export class Api {
  readonly #server: string
  readonly #identity: Identity
  #token: string | null = null
  #signingIn: Promise<string> | null = null

  constructor(server: string, identity: Identity) {
    this.#server = server
    this.#identity = identity
  }

  /** @throws {AppError} the server's code; `server/unreachable`, `server/unavailable`, `server/bad-answer` */
  async call<R extends Route>(route: R, options: CallOptions<R> = {}): Promise<ReplyOf<R>> {
    const { params, query, body, signal, lease } = options
    const url = urlOf(route, (params ?? {}) as ParamsOf<R>, (query ?? {}) as QueryOf<R>)
    const text = body === undefined ? undefined : JSON.stringify(z.encode(route.body, body))
    const response = await this.#signedIn((token) =>
      this.#fetch(url, route.method, { token, signal, lease, body: text, type: 'application/json' }),
    )
    return parse(route, response)
  }

  /** As `call`, without a session: for making one. */
  async callAnonymously<R extends Route>(route: R, body: BodyOf<R>): Promise<ReplyOf<R>> {
    const url = urlOf(route, {} as ParamsOf<R>, {} as QueryOf<R>)
    const text = JSON.stringify(z.encode(route.body, body))
    return parse(route, await checked(await this.#fetch(url, route.method, { body: text, type: 'application/json' })))
  }

  /** Sealed bytes `[from, to)` and the size of the whole object. @throws {AppError} `object/not-found`, … */
  async readObject(media: MediaId, object: ObjectId, from: number, to: number, signal: AbortSignal) {
    const response = await this.#signedIn((token) =>
      this.#fetch(objectPath(media, object), 'GET', { token, signal, range: `bytes=${from}-${to - 1}` }),
    )
    const totalBytes = Number(/^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[2])
    if (response.status !== 206 || !Number.isSafeInteger(totalBytes)) {
      await response.body?.cancel()
      throw new AppError('server/bad-answer', 'the server answered with another part than the one asked for')
    }
    return { bytes: await readCapped(response, to - from, 'server/bad-answer'), totalBytes }
  }

  async writeObject(
    media: MediaId,
    object: ObjectId,
    sealed: Bytes,
    lease: string,
    signal: AbortSignal,
  ): Promise<void> {
    const response = await this.#signedIn((token) =>
      this.#fetch(objectPath(media, object), 'PUT', {
        token,
        signal,
        lease,
        body: sealed,
        type: 'application/octet-stream',
      }),
    )
    await response.body?.cancel()
  }

  async #signedIn(send: (token: string) => Promise<Response>): Promise<Response> {
    const first = await send(await this.#signIn())
    if (first.status !== 401) return checked(first)
    // The server was restarted, or the token has run out.
    await first.body?.cancel()
    this.#token = null
    return checked(await send(await this.#signIn()))
  }

  async #signIn(): Promise<string> {
    if (this.#token) return this.#token
    this.#signingIn ??= this.#newSession().finally(() => {
      this.#signingIn = null
    })
    this.#token = await this.#signingIn
    return this.#token
  }

  async #newSession(): Promise<string> {
    const { workerId, seed } = this.#identity
    const { challengeId, challenge } = await this.callAnonymously(startWorkerSession, { workerId })
    const sig = signWorkerChallenge(seed, challenge)
    return (await this.callAnonymously(finishWorkerSession, { challengeId, sig })).token
  }

  async #fetch(
    path: string,
    method: string,
    request: {
      token?: string
      signal?: AbortSignal | undefined
      lease?: string | undefined
      range?: string
      body?: string | Bytes | undefined
      type?: string
    },
  ): Promise<Response> {
    const headers = new Headers({ [CUSTOM_HEADER]: '1' })
    if (request.token) headers.set('authorization', `Bearer ${request.token}`)
    if (request.lease) headers.set(LEASE_HEADER, request.lease)
    if (request.range) headers.set('range', request.range)
    if (request.body !== undefined && request.type) headers.set('content-type', request.type)
    const timeout = AbortSignal.timeout(TIMEOUT_MS)
    const signal = request.signal ? AbortSignal.any([request.signal, timeout]) : timeout
    try {
      return await fetch(this.#server + path, {
        method,
        headers,
        signal,
        ...(request.body === undefined ? {} : { body: request.body }),
      })
    } catch (cause) {
      if (request.signal?.aborted) throw new AppError('job/cancelled', 'stopped', { cause })
      throw new AppError('server/unreachable', 'no answer from the server', { cause })
    }
  }
}

/** Whether waiting may help. */
export function isPassing(error: unknown): boolean {
  return (
    isAppError(error, 'server/unreachable') ||
    isAppError(error, 'server/unavailable') ||
    isAppError(error, 'auth/rate-limited') ||
    isAppError(error, 'storage/full')
  )
}

async function checked(response: Response): Promise<Response> {
  if (response.ok) return response
  const parsed = z.safeParse(problem, await answerOf(response))
  if (!parsed.success) throw new AppError('server/unavailable', `the server answered ${response.status}`)
  throw new AppError(parsed.data.code, parsed.data.title)
}

async function parse<R extends Route>(route: R, response: Response): Promise<ReplyOf<R>> {
  const parsed = z.safeDecode(route.reply, (await answerOf(response)) as never)
  if (!parsed.success) throw new AppError('server/bad-answer', `${route.path}: the answer has another form`)
  return parsed.data as ReplyOf<R>
}

async function answerOf(response: Response): Promise<unknown> {
  return readJson(response).catch((cause: unknown) => {
    throw new AppError('server/unreachable', 'the answer broke off', { cause })
  })
}
