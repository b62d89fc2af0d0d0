import type { KeptRow } from '../../shared/device/db.ts'
import type { ErrorCode } from '../../shared/errors.ts'
import { sentenceForCode } from '../app/messages.ts'
import type { Begun } from './keeper.ts'

/** Said of what waits for the worker. */
export const UNMADE = 'Waits until it is converted'

/** What went wrong with what is kept, or is to be. */
export function problemOf({ state }: KeptRow, problem: ErrorCode): string {
  if (problem !== 'offline/no-room' || state === 'no-room') return sentenceForCode(problem)
  if (state === 'failed')
    return 'The browser threw a part of it away, and there is not enough room to fetch it again. Make room, then try again.'
  return 'There is not enough room for that quality: the one that was here stays.'
}

/** What came of wanting to keep several items. */
export function sentenceForBegun({ begun, known }: Begun): string {
  if (begun > 0) return `Keeping ${begun === 1 ? '1 item' : `${begun} items`} on this device`
  if (known > 0) return 'Nothing new to keep: on this device, or in line for it, already'
  return 'Nothing to keep yet: still being uploaded, or it does not open'
}
