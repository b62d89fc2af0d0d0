import type { Middleware } from 'koa'
import { toBase64Url } from '../../shared/format/base64url.ts'
import type { Deps } from '../deps.ts'

/**
 * One line for each request: what was asked, never by whom or with what. The pattern of the route stands for the path;
 * queries, bodies, cookies, names and addresses are not for logs.
 */
export function requestLog({ logger, clock, random }: Deps): Middleware {
  return async (ctx, next) => {
    const requestId = toBase64Url(random(9))
    const startedAt = clock.now()
    ctx.state.log = logger.child({ requestId })
    ctx.set('X-Request-Id', requestId)
    let isLogged = false
    const write = (isCut: boolean) => {
      if (isLogged) return
      isLogged = true
      const { code } = ctx.state
      ctx.state.log.info(
        {
          method: ctx.method,
          route: ctx._matchedRoute ?? null,
          status: ctx.status,
          ms: clock.now() - startedAt,
          ...(code === undefined ? {} : { code }),
          ...(isCut ? { cut: true } : {}),
        },
        'request',
      )
    }
    ctx.res.once('finish', () => write(false))
    ctx.res.once('close', () => write(true))
    await next()
  }
}
