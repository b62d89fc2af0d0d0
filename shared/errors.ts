/**
 * Every failure that a caller can act on has a stable code; `client/app/messages.ts` has a sentence for each.
 * The original error is kept as `cause`.
 */
export class AppError extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string = code, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.name = new.target.name
  }
}

/** Bytes or text that do not have the form the contract gives them. */
export class FormatError extends AppError {
  constructor(what: string, options?: ErrorOptions) {
    super('format/invalid', `not a valid ${what}`, options)
  }
}

/** A programmer's mistake: never shown to people, never caught to be ignored. */
export class UsageError extends AppError {
  constructor(message: string) {
    super('usage', message)
  }
}

/** A chunk of a sealed object that did not authenticate (docs/protocol.md §7). */
export class TamperedError extends AppError {
  readonly objectName: string
  readonly chunk: number
  constructor(objectName: string, chunk: number, options?: ErrorOptions) {
    super('object/tampered', `${objectName}: chunk ${chunk} failed authentication`, options)
    this.objectName = objectName
    this.chunk = chunk
  }
}

export function isAppError(error: unknown, code?: ErrorCode): error is AppError {
  return error instanceof AppError && (code === undefined || error.code === code)
}

/** The stable codes, by who finds the fault. Adding one means adding its sentence. */
export const ERROR_CODES = [
  // anywhere
  'format/invalid',
  'usage',
  'internal',
  // sealed things (§2, §3, §7)
  'object/bad-header',
  'object/wrong-key',
  'object/wrong-size',
  'object/tampered',
  'object/not-found',
  'object/conflict',
  'card/tampered',
  'card/rollback',
  'box/tampered',
  'vault/tampered',
  'vault/rollback',
  'vault/conflict',
  'vault/forbidden',
  'vault/locked',
  'key/unavailable',
  // signed logs (§4, §6)
  'log/bad-signature',
  'log/bad-entry',
  'log/wrong-prev',
  'log/conflict',
  'identity/rollback',
  'identity/changed',
  'identity/foreign-method',
  'group/forbidden',
  'group/ghost-box',
  'group/missing-box',
  'group/wrong-box',
  'group/wrong-commitment',
  'group/rollback',
  'group/fork',
  'group/needs-rotation',
  'group/not-member',
  'group/not-found',
  'invite/invalid',
  'invite/expired',
  'invite/used-up',
  // connections and messages (§5)
  'connection/not-found',
  'connection/exists',
  'connection/refused',
  'connection/expired',
  'connection/forbidden',
  'connection/swapped-key',
  'connection/rollback',
  'connection/fork',
  'connection/stale-epoch',
  'connection/behind',
  'connection/full',
  'message/tampered',
  'message/misplaced',
  'message/conflict',
  'message/after-close',
  'message/too-large',
  'message/too-many-devices',
  'message/key-gone',
  'receipt/rollback',
  // accounts
  'auth/required',
  'auth/failed',
  /** The person or the time called it off. */
  'passkey/cancelled',
  'passkey/unsupported',
  'passkey/foreign',
  'share/nobody',
  'share/too-large',
  'share/unsupported',
  'share/tampered',
  'auth/expired',
  'auth/removed',
  'auth/server-changed',
  'auth/rate-limited',
  'account/name-taken',
  'account/invite-needed',
  'account/unanswered',
  'recovery/failed',
  // requests
  'request/invalid',
  'request/forbidden-origin',
  'request/not-found',
  'request/too-large',
  'request/range',
  'storage/full',
  'server/unreachable',
  'server/unavailable',
  'server/bad-answer',
  // media and jobs
  'media/not-found',
  'media/not-ready',
  'job/lease-lost',
  'job/not-found',
  'job/cancelled',
  'job/unprocessable',
  'job/stalled',
  'worker/unknown',
  'upload/source-changed',
  'upload/no-room',
  'upload/too-many',
  // kept on the device
  'offline/no-room',
  'offline/unavailable',
  'offline/storage',
] as const
export type ErrorCode = (typeof ERROR_CODES)[number]
