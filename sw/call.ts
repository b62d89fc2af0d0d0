import * as z from 'zod/mini'
import { AppError } from '../shared/errors.ts'
import { CUSTOM_HEADER } from '../shared/wire/media.ts'
import { PROBLEM_TYPE, problem } from '../shared/wire/problem.ts'
import { readJson } from '../shared/wire/read-json.ts'
import { type BodyOf, type ParamsOf, type QueryOf, type ReplyOf, type Route, urlOf } from '../shared/wire/route.ts'

type Options<R extends Route> = { params?: ParamsOf<R>; query?: QueryOf<R>; body?: BodyOf<R> }

/**
 * Calls the server by the contract, as the page does.
 * @throws {AppError} the server's code; `server/unreachable`, `server/unavailable`, `server/bad-answer`
 */
export async function call<R extends Route>(route: R, { params, query, body }: Options<R>): Promise<ReplyOf<R>> {
  const url = urlOf(route, (params ?? {}) as ParamsOf<R>, (query ?? {}) as QueryOf<R>)
  const headers = new Headers({ accept: 'application/json', [CUSTOM_HEADER]: '1' })
  if (body !== undefined) headers.set('content-type', 'application/json')
  let response: Response
  let json: unknown
  try {
    response = await fetch(url, {
      method: route.method,
      headers,
      credentials: 'same-origin',
      ...(body === undefined ? {} : { body: JSON.stringify(z.encode(route.body, body)) }),
    })
    json = await readJson(response)
  } catch (cause) {
    throw new AppError('server/unreachable', 'no answer from the server', { cause })
  }
  if (!response.ok) {
    const isProblem = (response.headers.get('content-type') ?? '').startsWith(PROBLEM_TYPE)
    const parsed = isProblem ? z.safeParse(problem, json) : null
    throw new AppError(
      parsed?.success ? parsed.data.code : 'server/unavailable',
      `the server answered ${response.status}`,
    )
  }
  const parsed = z.safeDecode(route.reply, json as never)
  if (!parsed.success) throw new AppError('server/bad-answer', 'the answer has another form')
  return parsed.data as ReplyOf<R>
}
