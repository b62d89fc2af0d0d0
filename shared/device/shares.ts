import * as z from 'zod/mini'
import { openAes, sealAes } from '../crypto/aes-gcm.ts'
import { AppError } from '../errors.ts'
import { type Bytes, fromUtf8, utf8 } from '../format/bytes.ts'
import { natural } from '../wire/primitives.ts'
import { openDevice, type ShareRow } from './db.ts'

/** Sealed at once: a phone has little memory for a page that is not there. */
export const SHARE_PIECE_BYTES = 1024 * 1024

/** What was shared, sealed beside its pieces. */
export const shareHeader = z.strictObject({
  text: z.string(),
  files: z.array(z.strictObject({ name: z.string(), type: z.string(), size: natural, lastModified: z.number() })),
})
export type ShareHeader = z.output<typeof shareHeader>
type NewShare = Pick<ShareRow, 'id' | 'createdAt' | 'ephemeral'>

/** Held by whoever writes one; the browser lets go of it for a program that it stops. */
const WRITING_LOCK = 'kith/share-writing'
const headerPlace = (id: string) => utf8(id)
const piecePlace = (id: string, file: number, piece: number) => utf8(`${id}/${file}/${piece}`)
const pieceCount = (size: number) => Math.ceil(size / SHARE_PIECE_BYTES)

/**
 * Keeps what was shared: the pieces first, the row that names them last, so that it is whole or not there.
 * @throws what the storage says when it is full; nothing is kept then.
 */
export async function writeShare(row: NewShare, key: CryptoKey, text: string, files: readonly File[]): Promise<void> {
  await navigator.locks.request(WRITING_LOCK, { mode: 'shared' }, () => writeWhole(row, key, text, files))
}

async function writeWhole(row: NewShare, key: CryptoKey, text: string, files: readonly File[]): Promise<void> {
  const { id } = row
  const db = await openDevice()
  try {
    for (const [index, file] of files.entries()) {
      for (let piece = 0; piece < pieceCount(file.size); piece++) {
        const from = piece * SHARE_PIECE_BYTES
        const plain = new Uint8Array(await file.slice(from, from + SHARE_PIECE_BYTES).arrayBuffer())
        await db.put('sharePieces', await sealAes(key, plain, piecePlace(id, index, piece)), [id, index, piece])
      }
    }
    const header: ShareHeader = {
      text,
      files: files.map(({ name, type, size, lastModified }) => ({ name, type, size, lastModified })),
    }
    const sealed = await sealAes(key, utf8(JSON.stringify(header)), headerPlace(id))
    await db.put('shares', { ...row, sealed }, id)
  } catch (error) {
    await removeShare(id)
    throw error
  }
}

/** The oldest first. */
export async function listShares(): Promise<ShareRow[]> {
  const rows = await (await openDevice()).getAll('shares')
  return rows.sort((a, b) => a.createdAt - b.createdAt)
}

/** @throws {AppError} `share/tampered` */
export async function openShareHeader({ id, sealed }: ShareRow, key: CryptoKey): Promise<ShareHeader> {
  try {
    return shareHeader.parse(JSON.parse(fromUtf8(await openAes(key, sealed, headerPlace(id)))))
  } catch (cause) {
    throw new AppError('share/tampered', 'what was shared does not open', { cause })
  }
}

/** One of the files, whole. @throws {AppError} `share/tampered` */
export async function openSharedFile(id: string, key: CryptoKey, header: ShareHeader, index: number): Promise<File> {
  const file = header.files[index]
  if (!file) throw new AppError('share/tampered', 'there is no such file')
  const db = await openDevice()
  const parts: Blob[] = []
  for (let piece = 0; piece < pieceCount(file.size); piece++) {
    parts.push(
      new Blob([await openPiece(await db.get('sharePieces', [id, index, piece]), key, piecePlace(id, index, piece))]),
    )
  }
  const made = new File(parts, file.name, { type: file.type, lastModified: file.lastModified })
  if (made.size !== file.size) throw new AppError('share/tampered', 'a file of another size')
  return made
}

async function openPiece(sealed: Bytes | undefined, key: CryptoKey, place: Bytes): Promise<Bytes> {
  try {
    if (!sealed) throw new Error('not there')
    return await openAes(key, sealed, place)
  } catch (cause) {
    throw new AppError('share/tampered', 'a piece of what was shared does not open', { cause })
  }
}

export async function removeShare(id: string): Promise<void> {
  const transaction = (await openDevice()).transaction(['shares', 'sharePieces'], 'readwrite')
  await Promise.all([
    transaction.objectStore('shares').delete(id),
    transaction.objectStore('sharePieces').delete(IDBKeyRange.bound([id], [id, []])),
    transaction.done,
  ])
}

/** Pieces of a share whose Service Worker was stopped before it was whole. While one is being written nobody can tell: then the next time. */
export async function removeStrayPieces(): Promise<void> {
  await navigator.locks.request(WRITING_LOCK, { ifAvailable: true }, async (lock) => {
    if (!lock) return
    const db = await openDevice()
    const known = new Set((await db.getAllKeys('shares')) as string[])
    const ids = new Set((await db.getAllKeys('sharePieces')).map(([id]) => id))
    for (const id of ids) if (!known.has(id)) await removeShare(id)
  })
}
