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

/** For failures that show elsewhere; mistakes of the program go on. */
export function passAppError(error: unknown): void {
  if (!isAppError(error)) throw error
}
