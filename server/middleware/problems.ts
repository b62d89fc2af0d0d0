import type { Middleware } from 'koa'
import { AppError, type ErrorCode } from '../../shared/errors.ts'
import { PROBLEM_TYPE, type Problem } from '../../shared/wire/problem.ts'

/** 429: the caller may come back in `retryAfterMs`. */
export class RateLimitedError extends AppError {
  readonly retryAfterMs: number
  constructor(retryAfterMs: number) {
    super('auth/rate-limited', 'too many requests')
    this.retryAfterMs = retryAfterMs
  }
}

/** Codes that are not listed are mistakes in what was asked: 400. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  internal: 500,
  usage: 500,
  'object/not-found': 404,
  'object/conflict': 409,
  'vault/conflict': 409,
  'vault/forbidden': 403,
  'log/conflict': 409,
  'identity/changed': 409,
  'group/forbidden': 403,
  'group/not-member': 403,
  'group/not-found': 404,
  'group/needs-rotation': 409,
  'invite/invalid': 403,
  'invite/expired': 403,
  'invite/used-up': 403,
  'connection/not-found': 404,
  'connection/exists': 409,
  'connection/refused': 403,
  'connection/expired': 409,
  'connection/forbidden': 403,
  'connection/stale-epoch': 409,
  'connection/behind': 409,
  'message/conflict': 409,
  'message/too-large': 413,
  'receipt/rollback': 409,
  'auth/required': 401,
  'auth/expired': 401,
  'auth/failed': 401,
  'auth/rate-limited': 429,
  'account/name-taken': 409,
  'account/invite-needed': 403,
  'recovery/failed': 401,
  'request/forbidden-origin': 403,
  'request/not-found': 404,
  'request/too-large': 413,
  'request/range': 416,
  'storage/full': 507,
  'upload/too-many': 429,
  'server/unavailable': 503,
  'media/not-found': 404,
  'media/not-ready': 409,
  'job/lease-lost': 409,
  'job/not-found': 404,
  'job/cancelled': 409,
  'worker/unknown': 404,
}

/** Turns whatever was thrown into RFC 9457, and only what nobody expected into a log line with its stack. */
export function problems(): Middleware {
  return async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      const known = appErrorOf(error)
      if (known.code === 'internal' || known.code === 'usage') ctx.state.log.error({ err: known.cause ?? known })
      ctx.state.code = known.code
      if (ctx.headerSent || !ctx.writable) {
        // Half an answer is out: only a broken connection tells the client that the rest is missing.
        ctx.res.destroy()
        return
      }
      const body = problemOf(known)
      ctx.status = body.status
      if (body.retryAfterMs !== undefined) ctx.set('Retry-After', String(Math.ceil(body.retryAfterMs / 1000)))
      ctx.set('Cache-Control', 'no-store')
      ctx.body = JSON.stringify(body)
      ctx.type = PROBLEM_TYPE
    }
  }
}

export function problemOf(error: AppError): Problem {
  const hidden = error.code === 'internal' || error.code === 'usage'
  return {
    type: 'about:blank',
    title: hidden ? 'internal error' : error.message,
    status: STATUS[error.code] ?? 400,
    code: hidden ? 'internal' : error.code,
    ...(error instanceof RateLimitedError ? { retryAfterMs: Math.ceil(error.retryAfterMs) } : {}),
  }
}

/** What was thrown, as one of our own: for whoever answers past Koa as well. */
export function appErrorOf(error: unknown): AppError {
  if (error instanceof AppError) return error
  const { status, code } = (error ?? {}) as { status?: unknown; code?: unknown }
  // SQLite and the file system say "no room" in their own words.
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'SQLITE_FULL') {
    return new AppError('storage/full', 'the server has no room left', { cause: error })
  }
  if (status === 413) return new AppError('request/too-large', 'the request is too large', { cause: error })
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new AppError('request/invalid', 'the request cannot be read', { cause: error })
  }
  return new AppError('internal', 'internal error', { cause: error })
}
