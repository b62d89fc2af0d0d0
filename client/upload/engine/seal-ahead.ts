import { openAes, sealAes } from '../../../shared/crypto/aes-gcm.ts'
import { sha256 } from '../../../shared/crypto/hash.ts'
import { createObjectSealer, plainRange } from '../../../shared/crypto/seal-object.ts'
import { openDevice } from '../../../shared/device/db.ts'
import { AppError } from '../../../shared/errors.ts'
import { type Bytes, concat, equalBytes, utf8 } from '../../../shared/format/bytes.ts'
import type { MediaId } from '../../../shared/format/ids.ts'
import { type Layout, layoutFor } from '../../../shared/format/layout.ts'
import { ORIGINAL } from '../../../shared/format/object-name.ts'
import { changeUpload, readUploadsKey, type UploadSecret } from '../record.ts'
import { pieceAt, pieceCount } from './pieces.ts'
import type { Spool } from './spool.ts'

const HASH_BYTES = 32

export type SealJob = {
  readonly mediaId: MediaId
  readonly secret: UploadSecret
  readonly file: Blob
  readonly spooledPieces: number
  readonly signal: AbortSignal
  /** Resolves when sealing may go on: the spool is not allowed to grow without end. */
  readonly mayGoOn: (nextPiece: number) => Promise<void>
  /** A piece is durable and recorded; its bytes may be sent without reading them back. */
  readonly onPiece: (pieces: number, sealed: Bytes) => void
}

/**
 * Seals a file piece by piece into the spool. Order, for a crash at any line: the piece is durable, then its hashes and
 * the count are recorded, and only what is recorded may be sent. A chunk that was recorded is never sealed from other
 * bytes: a file that was picked again has to match every recorded hash.
 * @throws {AppError} `upload/source-changed`, `upload/no-room`
 */
export async function sealAhead(spool: Spool, job: SealJob): Promise<void> {
  const { mediaId, secret, file, signal } = job
  const layout = layoutFor(secret.sizeBytes)
  if (file.size !== secret.sizeBytes) throw changed()
  await checkRecorded(job, layout)
  const sealer = await createObjectSealer({
    contentKey: secret.contentKey,
    mediaId,
    name: ORIGINAL,
    salt: secret.salt,
    trueBytes: secret.sizeBytes,
  })
  const keep = async (index: number, sealed: Bytes, hashes: Bytes): Promise<void> => {
    await spool.write(mediaId, index, sealed)
    await recordHashes(mediaId, index, hashes)
    if (!(await changeUpload(mediaId, { spooledPieces: index + 1 }))) throw new AppError('job/cancelled', 'cancelled')
    job.onPiece(index + 1, sealed)
  }
  // One piece is written while the next is sealed; they are recorded in order.
  let keeping: Promise<void> = Promise.resolve()
  for (let index = job.spooledPieces; index < pieceCount(layout); index++) {
    await job.mayGoOn(index)
    signal.throwIfAborted()
    const piece = pieceAt(layout, index)
    const chunks = Array.from({ length: piece.endChunk - piece.firstChunk }, (_, i) => piece.firstChunk + i)
    const [start] = plainRange(layout, secret.sizeBytes, piece.firstChunk)
    const [, end] = plainRange(layout, secret.sizeBytes, piece.endChunk - 1)
    const plain = await readSlice(file, start, end)
    const made = await Promise.all(
      chunks.map((chunk) => {
        const [from, to] = plainRange(layout, secret.sizeBytes, chunk)
        return sealer.sealChunk(chunk, plain.subarray(from - start, to - start))
      }),
    )
    const head = index === 0 ? [sealer.header] : []
    const sealed = concat(...head, ...made.map((chunk) => chunk.sealed))
    await keeping
    keeping = keep(index, sealed, concat(...made.map(({ plainHash }) => plainHash)))
    // Told when its turn comes, also where sealing the next one fails first.
    keeping.catch(() => undefined)
  }
  await keeping
}

/** Whether the file still is what was sealed from it. @throws {AppError} `upload/source-changed` */
async function checkRecorded({ mediaId, secret, file, spooledPieces, signal }: SealJob, layout: Layout): Promise<void> {
  for (let index = 0; index < spooledPieces; index++) {
    signal.throwIfAborted()
    const hashes = await readHashes(mediaId, index)
    const piece = pieceAt(layout, index)
    for (let chunk = piece.firstChunk; chunk < piece.endChunk; chunk++) {
      const [start, end] = plainRange(layout, secret.sizeBytes, chunk)
      const at = (chunk - piece.firstChunk) * HASH_BYTES
      const known = hashes.subarray(at, at + HASH_BYTES)
      if (!equalBytes(known, await sha256(await readSlice(file, start, end)))) throw changed()
    }
  }
}

async function readSlice(file: Blob, start: number, end: number): Promise<Bytes> {
  try {
    return new Uint8Array(await file.slice(start, end).arrayBuffer())
  } catch (cause) {
    // The file was moved or changed on disk after it was picked.
    throw new AppError('upload/source-changed', 'the file cannot be read any more', { cause })
  }
}

const placeOf = (media: MediaId, index: number) => utf8(`${media}/${index}`)

async function recordHashes(media: MediaId, index: number, hashes: Bytes): Promise<void> {
  const sealedHashes = await sealAes(await readUploadsKey(), hashes, placeOf(media, index))
  await (await openDevice()).put('pieces', { sealedHashes }, [media, index])
}

async function readHashes(media: MediaId, index: number): Promise<Bytes> {
  const row = await (await openDevice()).get('pieces', [media, index])
  if (!row) throw changed()
  return openAes(await readUploadsKey(), row.sealedHashes, placeOf(media, index))
}

function changed(): AppError {
  return new AppError('upload/source-changed', 'not the file that the upload was started with')
}
