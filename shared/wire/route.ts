import * as z from 'zod/mini'

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

/**
 * One route of the API: what the client's call and the server's handler both use.
 * `path` is a @koa/router pattern. `body` and `reply` are schemas of JSON (codecs turn base64url into bytes);
 * a missing `body` takes none, a missing `reply` answers 204. Who may call stands in the server's policy.
 */
export type Route<
  Params extends z.ZodMiniType = z.ZodMiniType,
  Query extends z.ZodMiniType = z.ZodMiniType,
  Body extends z.ZodMiniType = z.ZodMiniType,
  Reply extends z.ZodMiniType = z.ZodMiniType,
> = {
  readonly method: Method
  readonly path: string
  readonly params: Params
  readonly query: Query
  readonly body: Body
  readonly reply: Reply
}

const none = z.strictObject({})
const nothing = z.undefined()

/** Declares a route; parts that are left out mean "none". A program carries only the routes that it calls. */
// @__NO_SIDE_EFFECTS__
export function route<
  Params extends z.ZodMiniType = typeof none,
  Query extends z.ZodMiniType = typeof none,
  Body extends z.ZodMiniType = typeof nothing,
  Reply extends z.ZodMiniType = typeof nothing,
>(
  method: Method,
  path: string,
  parts: { params?: Params; query?: Query; body?: Body; reply?: Reply } = {},
): Route<Params, Query, Body, Reply> {
  return {
    method,
    path,
    params: (parts.params ?? none) as Params,
    query: (parts.query ?? none) as Query,
    body: (parts.body ?? nothing) as Body,
    reply: (parts.reply ?? nothing) as Reply,
  }
}

/** What a caller hands over, resp. gets back: the decoded side of each schema. */
export type ParamsOf<R extends Route> = z.output<R['params']>
export type QueryOf<R extends Route> = z.output<R['query']>
export type BodyOf<R extends Route> = z.output<R['body']>
export type ReplyOf<R extends Route> = z.output<R['reply']>

/** The request line of a call: `path` with its parameters filled in, and the query. */
export function urlOf<R extends Route>(target: R, params: ParamsOf<R>, query: QueryOf<R>): string {
  const values = z.encode(target.params, params) as Record<string, unknown>
  const path = target.path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(values[name])))
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(z.encode(target.query, query) as Record<string, unknown>)) {
    if (value !== undefined) search.set(name, String(value))
  }
  const text = search.toString()
  return text === '' ? path : `${path}?${text}`
}

/** A number in a query string. */
export const queryNumber = z.codec(z.string().check(z.regex(/^\d{1,16}$/)), z.int().check(z.nonnegative()), {
  decode: (text) => Number(text),
  encode: (value) => String(value),
})
