import { constants } from 'node:zlib'
import Router from '@koa/router'
import Koa from 'koa'
import compress from 'koa-compress'
import { AppError } from '../shared/errors.ts'
import type { Deps } from './deps.ts'
import { clientFiles } from './middleware/client-files.ts'
import { headers } from './middleware/headers.ts'
import { createLimits } from './middleware/limits.ts'
import { problems } from './middleware/problems.ts'
import { requestLog } from './middleware/request-log.ts'
import { createApi } from './routes/api.ts'
import { ROUTES } from './routes/routes.ts'

/** The whole server but the socket: what it answers depends on `deps` and the request alone. */
export function createApp(deps: Deps): Koa {
  const app = new Koa()
  app.proxy = deps.config.trustProxy
  // Only the last hop was written by our own proxy; what stands before it the client may have made up.
  app.maxIpsCount = 1
  app.silent = true
  app.on('error', (err) => deps.logger.warn({ err }, 'answer failed'))

  const router = new Router()
  const api = createApi(deps, createLimits(deps.config.rateScale), router)
  for (const register of ROUTES) register(api)

  app.use(requestLog(deps))
  app.use(headers(deps.config.origin))
  app.use(problems())
  app.use(compressText())
  app.use(clientFiles(deps.config.clientFolder))
  app.use(router.routes())
  app.use(() => {
    throw new AppError('request/not-found', 'there is nothing here')
  })
  return app
}

/** Ciphertext does not shrink, and its length and ranges must stay as they are. */
function compressText(): Koa.Middleware {
  return compress({
    threshold: 1024,
    filter: (type) => /^(text\/|application\/(json|manifest\+json|problem\+json|wasm)|image\/svg\+xml)/.test(type),
    br: { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } },
    zstd: false,
  })
}
