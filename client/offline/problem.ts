import type { KeptRow } from '../../shared/device/db.ts'
import type { ErrorCode } from '../../shared/errors.ts'
import { sentenceForCode } from '../app/messages.ts'

/** What went wrong with what is kept, or is to be. */
export function problemOf({ state }: KeptRow, problem: ErrorCode): string {
  if (state !== 'kept' || problem !== 'offline/no-room') return sentenceForCode(problem)
  return 'There is not enough room for that quality: the one that was here stays.'
}
