import { bodyParser } from '@koa/bodyparser'
import type { Router } from '@koa/router'
import type { Context, Middleware } from 'koa'
import * as z from 'zod/mini'
import { AppError } from '../../shared/errors.ts'
import type { BodyOf, ParamsOf, QueryOf, ReplyOf, Route } from '../../shared/wire/route.ts'
import { readSessionCookie } from '../accounts/cookie.ts'
import { findPerson, wasRemoved } from '../accounts/sessions.ts'
import { type Actor, type ActorOf, type Auth, memberIdOf } from '../actor.ts'
import type { Deps } from '../deps.ts'
import { addressKey, type LimitName, type Limits } from '../middleware/limits.ts'
import { checkOrigin, type OriginRule } from '../middleware/origin.ts'
import { findWorker } from '../workers/tokens.ts'

/** Who may call a route, and how often; the first lines of every route. */
export interface Policy<A extends Auth> {
  auth: A
  limit: LimitName
  /** Only for `auth: 'none'`: what programs, which send no Origin, call as well. Default `browser`. */
  origin?: OriginRule
  /** Of the JSON body; default 1 MiB. */
  bodyMaxBytes?: number
}
export interface Input<R extends Route, A extends Auth> {
  params: ParamsOf<R>
  query: QueryOf<R>
  body: BodyOf<R>
  actor: ActorOf<A>
  /** For what is not JSON: cookies, headers, the client's connection. */
  ctx: Context
}

export interface Api {
  readonly deps: Deps
  readonly limits: Limits
  readonly router: Router
  /**
   * Registers a route of the contract: limiter → session → origin → decode → handler → encode. What the reply's schema
   * does not name is not sent; what a `GET` answers counts for whoever is signed in.
   */
  handle<R extends Route, A extends Auth>(
    route: R,
    policy: Policy<A>,
    handler: (input: Input<R, A>) => Promise<ReplyOf<R> extends undefined ? void : ReplyOf<R>>,
  ): void
  /** The same first three steps for routes that carry bytes; then `actorOf(ctx)`. */
  guard<A extends Auth>(policy: Policy<A>): Middleware
}

const JSON_MAX_BYTES = 2 ** 20

export function createApi(deps: Deps, limits: Limits, router: Router): Api {
  const guard: Api['guard'] = (policy) => async (ctx, next) => {
    await limits.consume(policy.limit, addressKey(ctx.ip))
    ctx.state.actor = await authenticate(deps, ctx, policy.auth)
    checkOrigin(ctx, deps.config.origin, ctx.state.actor?.kind === 'worker' ? 'any' : (policy.origin ?? 'browser'))
    await next()
  }
  return {
    deps,
    limits,
    router,
    guard,
    handle(route, policy, handler) {
      const body = route.body instanceof z.ZodMiniUndefined ? noBody : jsonBody(policy.bodyMaxBytes ?? JSON_MAX_BYTES)
      const present = presenter(route)
      const spend = async (actor: Actor | null, bytes: number) => {
        // What changes something is answered, however much was asked before.
        if (actor && route.method === 'GET') await limits.consume('answer-bytes', memberIdOf(actor), bytes)
      }
      router.register(
        route.path,
        [route.method],
        [
          guard(policy),
          body,
          async (ctx) => {
            const input = {
              params: decode(route.params, ctx.params, 'path'),
              query: decode(route.query, { ...ctx.query }, 'query'),
              body: decode(route.body, ctx.request.body, 'body'),
              actor: ctx.state.actor,
              ctx,
            }
            // Whoever has had enough is refused before anything is read.
            await spend(input.actor, 0)
            await spend(input.actor, present(ctx, await handler(input as Parameters<typeof handler>[0])))
          },
        ],
      )
    },
  }
}

/** After `guard` with `auth` other than `none`. */
export function actorOf(ctx: Context): Actor {
  return ctx.state.actor as Actor
}

async function authenticate(deps: Deps, ctx: Context, auth: Auth): Promise<Actor | null> {
  if (auth === 'none') return null
  const actor = await findActor(deps, ctx, auth)
  if (!actor) throw await refusal(deps, ctx)
  return actor
}

async function refusal(deps: Deps, ctx: Context): Promise<AppError> {
  const token = readSessionCookie(ctx.req, deps.config.origin)
  if (token !== null && (await wasRemoved(deps.db, token)))
    return new AppError('auth/removed', 'another device has ended this session')
  return new AppError('auth/required', 'sign in first')
}

async function findActor(deps: Deps, ctx: Context, auth: Auth): Promise<Actor | null> {
  const bearer = /^Bearer ([\w-]{1,128})$/.exec(ctx.get('Authorization'))?.[1]
  if (bearer !== undefined) return auth === 'person' ? null : findWorker(deps, deps.db, bearer)
  if (auth === 'worker') return null
  const token = readSessionCookie(ctx.req, deps.config.origin)
  return token === null ? null : findPerson(deps, deps.db, token)
}

function jsonBody(maxBytes: number): Middleware {
  // Nothing but application/json: what a foreign form can send is never read.
  return bodyParser({ enableTypes: ['json'], jsonLimit: maxBytes, parsedMethods: ['POST', 'PUT'] })
}

const noBody: Middleware = (ctx, next) => {
  ctx.request.body = undefined
  return next()
}

function decode<S extends z.ZodMiniType>(schema: S, input: unknown, where: string): z.output<S> {
  const result = z.safeDecode(schema, input as z.input<S>)
  if (result.success) return result.data
  // Paths of the schema only: what was sent may be secret and never comes back or into a log.
  const at = result.error.issues[0]?.path.join('.') || where
  throw new AppError('request/invalid', `the request's ${where} is not as it should be: ${at}`)
}

/** @returns how long the answer is. */
function presenter<R extends Route>(route: R): (ctx: Context, answer: unknown) => number {
  if (route.reply instanceof z.ZodMiniUndefined) {
    return (ctx) => {
      ctx.status = 204
      return 0
    }
  }
  return (ctx, answer) => {
    ctx.set('Cache-Control', 'no-store')
    ctx.status = 200
    ctx.type = 'json'
    const text = JSON.stringify(z.encode(route.reply, answer as z.output<R['reply']>))
    ctx.body = text
    return text.length
  }
}
