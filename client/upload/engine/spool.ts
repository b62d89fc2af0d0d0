import type { Bytes } from '../../../shared/format/bytes.ts'
import type { MediaId } from '../../../shared/format/ids.ts'

/**
 * Where sealed pieces wait until the server has acknowledged them. Only ciphertext goes in.
 * A piece is whole or absent: a write that was cut short is not read back as a piece.
 */
export type Spool = {
  /** @throws what the storage says, when it is full for one; nothing is kept then. */
  write(upload: MediaId, index: number, sealed: Bytes): Promise<void>
  /** Bytes on disk, not in memory. `null`: not there. */
  read(upload: MediaId, index: number): Promise<Blob | null>
  /** Which lie there, in no order. */
  pieces(upload: MediaId): Promise<number[]>
  remove(upload: MediaId, index: number): Promise<void>
  /** All pieces of an upload. */
  clear(upload: MediaId): Promise<void>
  /** Uploads that have pieces, for clearing what no record names. */
  list(): Promise<MediaId[]>
}
