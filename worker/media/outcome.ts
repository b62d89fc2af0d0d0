import { AppError } from '../../shared/errors.ts'
import type { WorkerDocument } from '../../shared/wire/worker-document.ts'

/** Why an item cannot be processed. People read it in the sealed worker document; the server learns one code for all. */
const REASONS = {
  empty: 'This file is empty.',
  'not-a-video': 'This is not a video that Kith can read.',
  refused: 'This file only points at other files or addresses, so it was not opened.',
  damaged: 'This video is damaged or cut short, and nothing of it could be read.',
  'too-large': 'The picture of this video is larger than Kith can convert.',
  'too-long': 'This video is longer than 12 hours.',
  tampered: 'The stored file is not what was uploaded: it was damaged or changed on the server.',
  unfinished: 'Converting this video failed several times.',
} as const
export type Reason = keyof typeof REASONS

/** Trying again would end the same way. */
export class UnprocessableError extends AppError {
  readonly reason: Reason
  constructor(reason: Reason, options?: ErrorOptions) {
    super('job/unprocessable', REASONS[reason], options)
    this.reason = reason
  }
}

export function failedDocument(reason: Reason): WorkerDocument {
  return {
    v: 1,
    status: 'failed',
    reason: { code: reason, message: `${REASONS[reason]} The original can be downloaded.` },
  }
}
