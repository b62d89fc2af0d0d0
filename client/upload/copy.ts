import { importAesKey } from '../../shared/crypto/aes-gcm.ts'
import { openDevice, type SealedFile } from '../../shared/device/db.ts'
import { readPiece, SHARE_PIECE_BYTES, whileWriting, writePieces } from '../../shared/device/shares.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { MediaId } from '../../shared/format/ids.ts'
import type { UploadSecret } from './record.ts'

/** What is sealed: a file that was picked, or the copy of one that lies on this device. */
export type Source = {
  readonly size: number
  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> }
}

/** Longer ones are not written twice: they lie on a disk already, and whoever picks one of them waits for it anyway. */
const MAX_BYTES = 2 * 2 ** 30
/** Left free, so that Kith itself can go on writing. */
const SPARE_BYTES = 64 * 2 ** 20

/** Where a file lies sealed already; its upload takes it over from there. */
export type Lying = {
  readonly at: SealedFile
  readonly key: Bytes
  /** Of a share the last one that waits: the share itself is over once its upload is written down. */
  readonly isLast: boolean
}
const lying = new WeakMap<Blob, Lying>()
const onlyHere = new WeakSet<Blob>()

export function lies(file: File, where: Lying): File {
  lying.set(file, where)
  return file
}
export const lyingOf = (file: Blob): Lying | undefined => lying.get(file)

/** Nobody could pick it again: it was photographed, spoken or pasted. */
export function isOnlyHere(file: File): File {
  onlyHere.add(file)
  return file
}

/** Of a file that nobody could pick again. @returns `undefined`: of any other, or no room. Within `whileWriting`. */
export async function copyFirst(mediaId: MediaId, key: Bytes, file: Blob): Promise<SealedFile | undefined> {
  return onlyHere.has(file) ? copyOf(mediaId, key, file) : undefined
}

/**
 * Copies the file of an upload that cannot go on now, so that it needs no page to stay open.
 * @returns whether a copy lies there.
 */
export async function keepCopy({ media: { mediaId }, copyKey }: UploadSecret, file: Blob): Promise<boolean> {
  if (!copyKey) return false
  return whileWriting(async () => {
    const copy = await copyOf(mediaId, copyKey, file)
    if (!copy) return false
    const transaction = (await openDevice()).transaction('uploads', 'readwrite', { durability: 'strict' })
    const row = await transaction.store.get(mediaId)
    if (row) void transaction.store.put({ ...row, copy }, mediaId)
    await transaction.done
    // Cancelled meanwhile.
    if (!row) await removePieces(copy)
    return row !== undefined
  })
}

async function copyOf(mediaId: MediaId, key: Bytes, file: Blob): Promise<SealedFile | undefined> {
  const { quota = Number.POSITIVE_INFINITY, usage = 0 } = (await navigator.storage?.estimate?.()) ?? {}
  if (file.size > Math.min(MAX_BYTES, quota - usage - SPARE_BYTES)) return undefined
  const at: SealedFile = { id: mediaId, file: 0 }
  try {
    await writePieces(at, await importAesKey(key), file)
    return at
  } catch {
    // No room after all, or a file that cannot be read any more: the upload itself says so when it comes to it.
    await removePieces(at)
    return undefined
  }
}

/** Reads no more of it than is asked for. */
export async function openCopy(at: SealedFile, rawKey: Bytes, size: number): Promise<Source> {
  const key = await importAesKey(rawKey)
  let last: { readonly piece: number; readonly plain: Promise<Bytes> } | undefined
  const read = (piece: number) => {
    if (last?.piece !== piece) last = { piece, plain: readPiece(at, key, piece) }
    return last.plain
  }
  const slice = async (start: number, end: number): Promise<ArrayBuffer> => {
    const out = new Uint8Array(end - start)
    for (let from = start; from < end; ) {
      const piece = Math.floor(from / SHARE_PIECE_BYTES)
      const begin = piece * SHARE_PIECE_BYTES
      const to = Math.min(end, begin + SHARE_PIECE_BYTES)
      out.set((await read(piece)).subarray(from - begin, to - begin), from - start)
      from = to
    }
    return out.buffer
  }
  return { size, slice: (start, end) => ({ arrayBuffer: () => slice(start, end) }) }
}

async function removePieces({ id, file }: SealedFile): Promise<void> {
  await (await openDevice()).delete('sharePieces', piecesOf({ id, file }))
}
export const piecesOf = ({ id, file }: SealedFile) => IDBKeyRange.bound([id, file], [id, file, []])
