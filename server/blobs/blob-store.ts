import type { Readable } from 'node:stream'
import type { MediaId, ObjectId } from '../../shared/format/ids.ts'

/** Which sealed object. */
export type BlobKey = { readonly mediaId: MediaId; readonly objectId: ObjectId }
/** Bytes `[from, to)`. */
export type ByteRange = { readonly from: number; readonly to: number }

/** Bytes that are stored, but under no name yet: they become an object, or nothing. */
export type StagedBlob = {
  readonly sizeBytes: number
  readonly sha256: Buffer
  /** Durable under its name when this resolves. Another blob of that name is replaced in one step. */
  commit(key: BlobKey): Promise<void>
  discard(): Promise<void>
}

/** Where sealed objects lie. Adapters pass `describeBlobStore`. */
export interface BlobStore {
  /** @throws where nothing can be written. */
  checkWritable(): Promise<void>
  /**
   * Reads `source` to its end.
   * @throws {AppError} `request/too-large` above `maxBytes`, `storage/full`; nothing is left behind then.
   */
  stage(source: AsyncIterable<Uint8Array>, maxBytes: number): Promise<StagedBlob>
  /** Takes over a file that lies on the same device. */
  stageFile(path: string): Promise<StagedBlob>
  /** `null`: there is none. */
  sizeOf(key: BlobKey): Promise<number | null>
  open(key: BlobKey, range: ByteRange): Readable
  /** Removing what is not there is no error. */
  remove(key: BlobKey): Promise<void>
  /** Everything there is, in any order, for sweeping. */
  list(): AsyncIterable<BlobKey & { readonly changedAtMs: number }>
  /** What was staged and never committed, older than this. */
  sweepStaged(beforeMs: number): Promise<void>
}
