import * as z from 'zod/mini'
import { importAesKey, openAes, sealAes } from '../../shared/crypto/aes-gcm.ts'
import { hkdf } from '../../shared/crypto/hkdf.ts'
import { openDevice, type UploadRow } from '../../shared/device/db.ts'
import { readSealed, writeSealed } from '../../shared/device/sealed-store.ts'
import { AppError, type ErrorCode } from '../../shared/errors.ts'
import { type Bytes, fromUtf8, utf8 } from '../../shared/format/bytes.ts'
import type { MediaId } from '../../shared/format/ids.ts'
import { newMedia } from '../../shared/wire/media.ts'
import { bytes, natural } from '../../shared/wire/primitives.ts'
import { piecesOf } from './copy.ts'

const KEY_NAME = 'uploads-key'
/** The thumbnail waits beside the pieces, under a number that none of them has. */
export const THUMB_PIECE = -1

/** What an upload is; on the device it lies sealed. */
export const uploadSecret = z.strictObject({
  contentKey: bytes(32),
  cardKey: bytes(32),
  salt: bytes(16),
  fileName: z.string(),
  sizeBytes: natural,
  media: newMedia,
  /** Under which its file lies on this device, if it does; of uploads from before that: missing. */
  copyKey: z.optional(bytes(32)),
})
export type UploadSecret = z.output<typeof uploadSecret>

/**
 * Uploads outlive a lock: their key comes from the account key, and lies under the device key only while unlocked.
 */
export async function keepUploadsKey(accountKey: Bytes): Promise<void> {
  await writeSealed(KEY_NAME, await hkdf(accountKey, '', 'kith/v1/device-uploads', 32))
}

/** @throws {AppError} `vault/locked` */
export async function readUploadsKey(): Promise<CryptoKey> {
  const raw = await readSealed(KEY_NAME)
  if (!raw) throw new AppError('vault/locked', 'this device is locked')
  return importAesKey(raw)
}

export async function sealUpload(media: MediaId, secret: UploadSecret): Promise<Bytes> {
  return sealAes(await readUploadsKey(), utf8(JSON.stringify(z.encode(uploadSecret, secret))), utf8(media))
}

/** @throws {AppError} `vault/locked`, `vault/tampered` (made by another account) */
export async function openUpload(row: UploadRow): Promise<UploadSecret> {
  const key = await readUploadsKey()
  try {
    return z.decode(uploadSecret, JSON.parse(fromUtf8(await openAes(key, row.sealed, utf8(row.mediaId)))))
  } catch (cause) {
    throw new AppError('vault/tampered', 'an upload of somebody else', { cause })
  }
}

export async function readUpload(media: MediaId): Promise<UploadRow | null> {
  return (await (await openDevice()).get('uploads', media)) ?? null
}

export async function listUploads(): Promise<UploadRow[]> {
  const rows = await (await openDevice()).getAll('uploads')
  return rows.sort((a, b) => a.createdAt - b.createdAt)
}

/** Whether it is for a page to change, and not for the upload worker to go on with: refused under its group's older key. */
export function waitsForKeys({ step, problem }: UploadRow): boolean {
  return step === 'register' && problem === ('group/needs-rotation' satisfies ErrorCode)
}

/** Changes a row as it stands now. @returns the new row, `null` when it is gone (cancelled). */
export async function changeUpload(media: MediaId, change: Partial<UploadRow>): Promise<UploadRow | null> {
  const transaction = (await openDevice()).transaction('uploads', 'readwrite')
  const row = await transaction.store.get(media)
  const next = row ? { ...row, ...change } : null
  if (next) await transaction.store.put(next, media)
  await transaction.done
  return next
}

export async function forgetUpload(media: MediaId): Promise<void> {
  const transaction = (await openDevice()).transaction(['uploads', 'pieces', 'blobs', 'sharePieces'], 'readwrite')
  const range = IDBKeyRange.bound([media, THUMB_PIECE], [media, Number.MAX_SAFE_INTEGER])
  const uploads = transaction.objectStore('uploads')
  const copy = (await uploads.get(media))?.copy
  await Promise.all([
    uploads.delete(media),
    copy && transaction.objectStore('sharePieces').delete(piecesOf(copy)),
    transaction.objectStore('pieces').delete(range),
    transaction.objectStore('blobs').delete(range),
    transaction.done,
  ])
}
