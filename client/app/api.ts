import * as z from 'zod/mini'
import { AppError } from '../../shared/errors.ts'
import { CUSTOM_HEADER } from '../../shared/wire/media.ts'
import { PROBLEM_TYPE, problem } from '../../shared/wire/problem.ts'
import { readJson } from '../../shared/wire/read-json.ts'
import { type BodyOf, type ParamsOf, type QueryOf, type ReplyOf, type Route, urlOf } from '../../shared/wire/route.ts'

const TIMEOUT_MS = 30_000

export type CallOptions<R extends Route> = {
  readonly params?: ParamsOf<R>
  readonly query?: QueryOf<R>
  readonly body?: BodyOf<R>
  readonly signal?: AbortSignal
}

/** Calls the server by the contract: what goes out fits the route's schemas, what comes in is parsed by them. */
export class Api {
  /** Called when the server says that the session is over. */
  onSignedOut: () => void = () => undefined
  /** Called when another device has signed this one out. */
  onRemoved: () => void = () => undefined
  #serverTime = { at: Number.NEGATIVE_INFINITY, heardAt: 0 }

  /** How late this device's clock is by that of the server, as its latest answer told; 0 where it is not, or none has come. */
  get behindMs(): number {
    // By a clock that nobody sets: this device's own may have been put right since.
    const { at, heardAt } = this.#serverTime
    return Math.max(0, at + performance.now() - heardAt - Date.now())
  }

  /** @throws {AppError} the server's code; `server/unreachable`, `server/unavailable`, `server/bad-answer`; `usage` */
  async call<R extends Route>(route: R, options: CallOptions<R> = {}): Promise<ReplyOf<R>> {
    const { params, query, body, signal } = options
    const url = urlOf(route, (params ?? {}) as ParamsOf<R>, (query ?? {}) as QueryOf<R>)
    const headers = new Headers({ accept: 'application/json', [CUSTOM_HEADER]: '1' })
    if (body !== undefined) headers.set('content-type', 'application/json')
    const text = body === undefined ? undefined : encodeBody(route, body)
    const timeout = AbortSignal.timeout(TIMEOUT_MS)
    let response: Response
    let json: unknown
    try {
      response = await fetch(url, {
        method: route.method,
        headers,
        credentials: 'same-origin',
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
        ...(text === undefined ? {} : { body: text }),
      })
      const at = Date.parse(response.headers.get('date') ?? '')
      if (!Number.isNaN(at)) this.#serverTime = { at, heardAt: performance.now() }
      json = await readJson(response)
    } catch (cause) {
      if (signal?.aborted) throw cause
      throw new AppError('server/unreachable', 'no answer from the server', { cause })
    }
    if (!response.ok) throw this.#problemOf(response, json)
    return parseReply(route, json)
  }

  #problemOf(response: Response, json: unknown): AppError {
    const type = response.headers.get('content-type') ?? ''
    const parsed = type.startsWith(PROBLEM_TYPE) ? z.safeParse(problem, json) : null
    if (!parsed?.success) return new AppError('server/unavailable', `the server answered ${response.status}`)
    if (parsed.data.code === 'auth/removed') this.onRemoved()
    if (parsed.data.code === 'auth/required' || parsed.data.code === 'auth/expired') this.onSignedOut()
    return new AppError(parsed.data.code, parsed.data.detail ?? parsed.data.title)
  }
}

/** A body that does not fit never goes out, and is not taken for a server that does not answer. */
function encodeBody<R extends Route>(route: R, body: BodyOf<R>): string {
  try {
    return JSON.stringify(z.encode(route.body, body))
  } catch (cause) {
    throw new AppError('usage', `${route.method} ${route.path}: the body has another form`, { cause })
  }
}

function parseReply<R extends Route>(route: R, json: unknown): ReplyOf<R> {
  const parsed = z.safeDecode(route.reply, json as never)
  if (!parsed.success) {
    throw new AppError('server/bad-answer', `${route.method} ${route.path}: the answer has another form`, {
      cause: parsed.error,
    })
  }
  return parsed.data as ReplyOf<R>
}
