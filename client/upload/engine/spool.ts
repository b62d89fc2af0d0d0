import { AppError } from '../../../shared/errors.ts'
import type { Bytes } from '../../../shared/format/bytes.ts'
import type { MediaId } from '../../../shared/format/ids.ts'

/**
 * Where sealed pieces wait until the server has acknowledged them. Only ciphertext goes in.
 * A piece is whole or absent: a write that was cut short is not read back as a piece.
 */
export type Spool = {
  /** @throws {AppError} `upload/no-room` when the device's storage is full; nothing is kept then. */
  write(upload: MediaId, index: number, sealed: Bytes): Promise<void>
  /** Bytes on disk, not in memory. `null`: not there. */
  read(upload: MediaId, index: number): Promise<Blob | null>
  remove(upload: MediaId, index: number): Promise<void>
  /** All pieces of an upload. */
  clear(upload: MediaId): Promise<void>
  /** Uploads that have pieces, for clearing what no record names. */
  list(): Promise<MediaId[]>
}

export function isQuotaError(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'QuotaExceededError'
}

export function noRoom(cause: unknown): AppError {
  return new AppError('upload/no-room', 'the device has no room for the sealed copy', { cause })
}
