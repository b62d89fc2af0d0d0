import type { Readable } from 'node:stream'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { MediaId, ObjectId } from '../../shared/format/ids.ts'

/** What one sealed object is called. */
export interface BlobKey {
  readonly mediaId: MediaId
  readonly objectId: ObjectId
}
/** Bytes that are complete and safe, but have no name yet. */
export interface StagedBlob {
  readonly sizeBytes: number
  readonly sha256: Bytes
  /** What the adapter finds them by. */
  readonly place: string
}
export interface StoredBlob {
  readonly sizeBytes: number
  readonly storedAtMs: number
}

/**
 * Where sealed objects lie. Two steps to store one, so that the rules may look at size and hash before a name is taken:
 * `stage`, then `commit` or `discard`.
 */
export interface BlobStore {
  /** @throws where nothing can be written. */
  checkWritable(): Promise<void>
  /** How much more fits; `null` where the store does not know. */
  freeBytes(): Promise<number | null>
  /** Reads `source` to its end and makes it durable. Leaves nothing behind when it throws. @throws {AppError} `request/too-large`, `storage/full` */
  stage(source: AsyncIterable<Uint8Array>, options: { maxBytes: number }): Promise<StagedBlob>
  /** A file of this machine, which stays where it is and must not change any more. @throws {AppError} `storage/full` */
  adopt(path: string): Promise<StagedBlob>
  /** Durable under `key` once it resolves; what was there is replaced, at once or not at all. */
  commit(staged: StagedBlob, key: BlobKey): Promise<void>
  discard(staged: StagedBlob): Promise<void>
  /** Bytes `[start, end)`; `null` where there is no such blob. */
  open(key: BlobKey, range?: { start: number; end: number }): Promise<Readable | null>
  head(key: BlobKey): Promise<StoredBlob | null>
  /** Does nothing where there is none. */
  delete(key: BlobKey): Promise<void>
  /** Everything that has a name, in no order, a bit at a time. */
  list(): AsyncIterable<{ key: BlobKey } & StoredBlob>
  /** Removes what was staged before `beforeMs` and neither committed nor discarded. */
  sweepStaged(beforeMs: number): Promise<number>
}
