import { uploadSalt } from '../../../shared/crypto/object-key.ts'
import { openDevice, type UploadRow } from '../../../shared/device/db.ts'
import { AppError } from '../../../shared/errors.ts'
import { sealUpload, type UploadSecret } from '../record.ts'
import type { Spool } from './spool.ts'

/**
 * The original from its first byte, under a salt that nothing was sealed under yet: for when this device cannot know what
 * it sealed under the one before (an old profile came back, or a power cut took a record away).
 * @throws {AppError} `job/cancelled`
 */
export async function beginAnew(
  { mediaId }: UploadRow,
  before: UploadSecret,
  spool: Spool,
): Promise<{ row: UploadRow; secret: UploadSecret }> {
  const secret = { ...before, salt: uploadSalt() }
  const sealed = await sealUpload(mediaId, secret)
  // First: pieces under the old salt must not be sent as if they were under the new one.
  await spool.clear(mediaId)
  const transaction = (await openDevice()).transaction(['uploads', 'pieces'], 'readwrite', { durability: 'strict' })
  const uploads = transaction.objectStore('uploads')
  const known = await uploads.get(mediaId)
  const row = known && { ...known, sealed, sealedPieces: 0, isSpooled: false, sentBytes: 0, uploadUrl: null }
  if (row) {
    void uploads.put(row, mediaId)
    void transaction.objectStore('pieces').delete(IDBKeyRange.bound([mediaId, 0], [mediaId, Number.MAX_SAFE_INTEGER]))
  }
  await transaction.done
  if (!row) throw new AppError('job/cancelled', 'cancelled')
  return { row, secret }
}
