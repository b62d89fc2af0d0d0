import type { KeptRow } from '../../shared/device/db.ts'
import type { ErrorCode } from '../../shared/errors.ts'
import { sentenceForCode } from '../app/messages.ts'

/** Said of what waits for the worker. */
export const UNMADE = 'Waits until it is converted'

/** What went wrong with what is kept, or is to be. */
export function problemOf({ state }: KeptRow, problem: ErrorCode): string {
  if (problem !== 'offline/no-room' || state === 'no-room') return sentenceForCode(problem)
  if (state === 'failed')
    return 'The browser threw a part of it away, and there is not enough room to fetch it again. Make room, then try again.'
  return 'There is not enough room for that quality: the one that was here stays.'
}
