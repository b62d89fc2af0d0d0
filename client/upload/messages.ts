import type { ErrorCode } from '../../shared/errors.ts'
import type { MediaId } from '../../shared/format/ids.ts'

/** What the upload worker of whichever tab tells all tabs. */
export type UploadProgress = {
  readonly mediaId: MediaId
  readonly phase: 'waiting' | 'sealing' | 'sending' | 'done' | 'cancelled' | 'needs-file' | 'stopped'
  readonly sealedBytes: number
  readonly sentBytes: number
  readonly totalBytes: number
  /** Why it is stopped. */
  readonly code: ErrorCode | null
  /** Nothing of it needs this page any more: it goes on after a start, too. */
  readonly isKept: boolean
}
/** Failures that time heals; every other one waits for the person. */
const PASSING: readonly ErrorCode[] = [
  'server/unreachable',
  'server/unavailable',
  'auth/rate-limited',
  'storage/full',
  'upload/too-many',
]
/** Whether an upload that stopped so goes on by itself after a while. */
export const isPassing = (code: ErrorCode | null): boolean => code !== null && PASSING.includes(code)
/** Page → upload worker. */
export type UploadCommand =
  | { readonly type: 'work' }
  | { readonly type: 'file'; readonly mediaId: MediaId; readonly file: Blob }
  | { readonly type: 'cancel'; readonly mediaId: MediaId }
export const UPLOADS_CHANNEL = 'kith/uploads'
