import { openAes, sealAes } from '../../../shared/crypto/aes-gcm.ts'
import { sha256 } from '../../../shared/crypto/hash.ts'
import { createObjectSealer, plainRange } from '../../../shared/crypto/seal-object.ts'
import { openDevice } from '../../../shared/device/db.ts'
import { AppError } from '../../../shared/errors.ts'
import { type Bytes, concat, equalBytes, utf8 } from '../../../shared/format/bytes.ts'
import type { MediaId } from '../../../shared/format/ids.ts'
import { type Layout, layoutFor } from '../../../shared/format/layout.ts'
import { ORIGINAL } from '../../../shared/format/object-name.ts'
import type { Source } from '../copy.ts'
import { readUploadsKey, type UploadSecret } from '../record.ts'
import { pieceAt } from './pieces.ts'

const HASH_BYTES = 32

export type SealJob = {
  readonly mediaId: MediaId
  readonly secret: UploadSecret
  readonly file: Source
  /** Sealed before, and recorded: they are never sealed from other bytes. */
  readonly sealedPieces: number
  /** Which are wanted, in order: recorded ones that were lost with the tab, and every one after them. */
  readonly wanted: readonly number[]
  readonly signal: AbortSignal
  /** Resolves when sealing may go on. */
  readonly room: () => Promise<void>
  /** A piece is recorded: it may be sent. */
  readonly onPiece: (index: number, sealed: Blob) => void
}

/**
 * Seals a file piece by piece. Order, for a crash at any line: the hashes of a piece and the count are recorded, and only
 * what is recorded may be sent. A chunk that was recorded is never sealed from other bytes: a file that was picked
 * again has to match every recorded hash.
 * @throws {AppError} `upload/source-changed`, `upload/no-room`, `job/cancelled`
 */
export async function sealAhead(job: SealJob): Promise<void> {
  const { mediaId, secret, file, signal, wanted } = job
  const layout = layoutFor(secret.sizeBytes)
  if (file.size !== secret.sizeBytes) throw changed()
  const key = await readUploadsKey()
  await checkRecorded(job, layout, key)
  const sealer = await createObjectSealer({
    contentKey: secret.contentKey,
    mediaId,
    name: ORIGINAL,
    salt: secret.salt,
    trueBytes: secret.sizeBytes,
  })
  const read = (index: number | undefined): Promise<Bytes> | null => {
    if (index === undefined) return null
    const { firstChunk, endChunk } = pieceAt(layout, index)
    const [start] = plainRange(layout, secret.sizeBytes, firstChunk)
    const [, end] = plainRange(layout, secret.sizeBytes, endChunk - 1)
    const reading = readSlice(file, start, end)
    // Told when its turn comes, also where something before it fails first.
    reading.catch(() => undefined)
    return reading
  }
  const keep = async (index: number, sealed: Blob, hashes: Bytes): Promise<void> => {
    if (index < job.sealedPieces) {
      // Checked above; but a file may change between two looks at it.
      if (!equalBytes(hashes, await readHashes(mediaId, index, key))) throw changed()
    } else await record(mediaId, index, hashes, key)
    job.onPiece(index, sealed)
  }
  // One piece is read and one is recorded while another is sealed; they are recorded in order.
  let keeping: Promise<void> = Promise.resolve()
  let reading = read(wanted[0])
  for (const [at, index] of wanted.entries()) {
    await job.room()
    signal.throwIfAborted()
    const plain = (await reading) ?? new Uint8Array()
    reading = read(wanted[at + 1])
    const { firstChunk, endChunk } = pieceAt(layout, index)
    const [start] = plainRange(layout, secret.sizeBytes, firstChunk)
    const made = await Promise.all(
      Array.from({ length: endChunk - firstChunk }, (_, i) => {
        const [from, to] = plainRange(layout, secret.sizeBytes, firstChunk + i)
        return sealer.sealChunk(firstChunk + i, plain.subarray(from - start, to - start))
      }),
    )
    // A Blob at once: it is on its way out of this process while the next one is sealed.
    const sealed = new Blob([...(index === 0 ? [sealer.header] : []), ...made.map((chunk) => chunk.sealed)])
    await keeping
    keeping = keep(index, sealed, concat(...made.map(({ plainHash }) => plainHash)))
    keeping.catch(() => undefined)
  }
  await keeping
}

/** Whether the file still is what was sealed from it. @throws {AppError} `upload/source-changed` */
async function checkRecorded(job: SealJob, layout: Layout, key: CryptoKey): Promise<void> {
  const { mediaId, secret, file, sealedPieces, signal } = job
  for (let index = 0; index < sealedPieces; index++) {
    signal.throwIfAborted()
    const hashes = await readHashes(mediaId, index, key)
    const piece = pieceAt(layout, index)
    for (let chunk = piece.firstChunk; chunk < piece.endChunk; chunk++) {
      const [start, end] = plainRange(layout, secret.sizeBytes, chunk)
      const at = (chunk - piece.firstChunk) * HASH_BYTES
      const known = hashes.subarray(at, at + HASH_BYTES)
      if (!equalBytes(known, await sha256(await readSlice(file, start, end)))) throw changed()
    }
  }
}

async function readSlice(file: Source, start: number, end: number): Promise<Bytes> {
  try {
    return new Uint8Array(await file.slice(start, end).arrayBuffer())
  } catch (cause) {
    // The file was moved or changed on disk after it was picked.
    throw new AppError('upload/source-changed', 'the file cannot be read any more', { cause })
  }
}

const placeOf = (media: MediaId, index: number) => utf8(`${media}/${index}`)

/** Hashes and count in one transaction, on the disk before a byte is sent: a power cut must not forget what was sealed. @throws {AppError} `upload/no-room`, `job/cancelled` */
async function record(media: MediaId, index: number, hashes: Bytes, key: CryptoKey): Promise<void> {
  const sealedHashes = await sealAes(key, hashes, placeOf(media, index))
  const transaction = (await openDevice()).transaction(['uploads', 'pieces'], 'readwrite', { durability: 'strict' })
  const uploads = transaction.objectStore('uploads')
  const row = await uploads.get(media)
  if (row) {
    void transaction.objectStore('pieces').put({ sealedHashes }, [media, index])
    void uploads.put({ ...row, sealedPieces: index + 1 }, media)
  }
  try {
    await transaction.done
  } catch (cause) {
    const isFull = cause instanceof DOMException && cause.name === 'QuotaExceededError'
    throw isFull ? new AppError('upload/no-room', 'the device keeps nothing more', { cause }) : cause
  }
  if (!row) throw new AppError('job/cancelled', 'cancelled')
}

async function readHashes(media: MediaId, index: number, key: CryptoKey): Promise<Bytes> {
  const row = await (await openDevice()).get('pieces', [media, index])
  if (!row) throw changed()
  return openAes(key, row.sealedHashes, placeOf(media, index))
}

function changed(): AppError {
  return new AppError('upload/source-changed', 'not the file that the upload was started with')
}
