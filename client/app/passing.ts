import { type ErrorCode, isAppError } from '../../shared/errors.ts'

const PASSING: ReadonlySet<ErrorCode> = new Set([
  'server/unreachable',
  'server/unavailable',
  'auth/required',
  'auth/expired',
  'auth/rate-limited',
])

/** Whether a failure only says that the server cannot be used now: what this device keeps stays good. */
export function isPassing(error: unknown): boolean {
  return isAppError(error) && PASSING.has(error.code)
}

/** Whether no answer came, or one that says nothing of what was asked: it may have been done all the same. */
export function isUnanswered(error: unknown): boolean {
  return isAppError(error) && (error.code === 'internal' || error.code.startsWith('server/'))
}

/** Whether the server said no: what was asked is not done, and will not be. */
export function isRefusal(error: unknown): boolean {
  return isAppError(error) && !isPassing(error) && !isUnanswered(error)
}

/** For failures that show elsewhere; mistakes of the program go on. */
export function passAppError(error: unknown): void {
  if (!isAppError(error)) throw error
}
