import * as z from 'zod/mini'
import { AppError } from '../../shared/errors.ts'
import { problem } from '../../shared/wire/problem.ts'
import { type BodyOf, type ParamsOf, type QueryOf, type ReplyOf, type Route, urlOf } from '../../shared/wire/route.ts'

export type CallInput<R extends Route> = { params?: ParamsOf<R>; query?: QueryOf<R>; body?: BodyOf<R> }

/** A small browser: a cookie jar, and the headers that Kith's own page sends. */
export class TestClient {
  readonly url: string
  readonly cookies = new Map<string, string>()
  /** A worker's token. */
  bearer: string | null = null

  constructor(url: string) {
    this.url = url
  }

  /** Calls a route of the contract. @throws {AppError} with the problem's code. */
  async call<R extends Route>(route: R, input: CallInput<R> = {}): Promise<ReplyOf<R>> {
    const body = input.body === undefined ? undefined : JSON.stringify(z.encode(route.body, input.body))
    const path = urlOf(route, (input.params ?? {}) as ParamsOf<R>, (input.query ?? {}) as QueryOf<R>)
    const response = await this.fetch(path, {
      method: route.method,
      ...(body === undefined ? {} : { body, headers: { 'Content-Type': 'application/json' } }),
    })
    if (!response.ok) throw await problemFrom(response)
    const json = response.status === 204 ? undefined : await response.json()
    return z.decode(route.reply, json) as ReplyOf<R>
  }

  /** Any request; headers given here win, and `null` leaves a header out. */
  async fetch(path: string, init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string | null> } = {}) {
    const headers: Record<string, string> = {}
    const own = {
      Origin: this.url,
      'X-Kith': '1',
      Authorization: this.bearer === null ? null : `Bearer ${this.bearer}`,
      Cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ') || null,
      ...init.headers,
    }
    for (const [name, value] of Object.entries(own)) if (value !== null) headers[name] = value
    const response = await fetch(this.url + path, { redirect: 'manual', ...init, headers })
    for (const line of response.headers.getSetCookie()) this.#keep(line)
    return response
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ')
    const at = pair.indexOf('=')
    if (attributes.includes('Max-Age=0')) this.cookies.delete(pair.slice(0, at))
    else this.cookies.set(pair.slice(0, at), pair.slice(at + 1))
  }
}

async function problemFrom(response: Response): Promise<AppError> {
  const parsed = z.safeParse(problem, await response.json())
  if (!parsed.success) return new AppError('server/bad-answer', `status ${response.status} without a problem`)
  return new AppError(parsed.data.code, `${response.status}: ${parsed.data.title}`)
}
