import type { Context } from 'koa'
import { AppError } from '../../shared/errors.ts'
import { CUSTOM_HEADER } from '../../shared/wire/media.ts'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * `browser`: a cookie may ride along, so the page that asks must be ours. `any`: the right is in the request itself
 * (a bearer token, a proof), and programs send no Origin; one that is sent must still be ours.
 */
export type OriginRule = 'browser' | 'any'

/** @throws {AppError} `request/forbidden-origin` */
export function checkOrigin(ctx: Context, origin: string, rule: OriginRule): void {
  if (SAFE.has(ctx.method)) return
  const sent = ctx.get('Origin')
  // Cross-site request forgery: browsers always name the page's origin, and no form or image can send the header.
  const isForeign = rule === 'any' ? sent !== '' && !isOurs(sent, origin) : !isOurs(sent, origin)
  if (isForeign || ctx.get(CUSTOM_HEADER) !== '1') {
    throw new AppError('request/forbidden-origin', 'this request must come from Kith itself')
  }
}

/** On one's own machine `localhost`, `127.0.0.1` and `[::1]` are one place. */
export function isOurs(sent: string, origin: string): boolean {
  if (sent === origin) return true
  if (!URL.canParse(sent)) return false
  const [a, b] = [new URL(sent), new URL(origin)]
  return a.origin === sent && a.protocol === b.protocol && a.port === b.port && isLoopback(a) && isLoopback(b)
}

export function isLoopback(url: URL): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
}
