import * as z from 'zod/mini'
import { openAes, sealAes } from '../crypto/aes-gcm.ts'
import { AppError } from '../errors.ts'
import { type Bytes, fromUtf8, utf8 } from '../format/bytes.ts'
import { natural } from '../wire/primitives.ts'
import { openDevice, type SealedFile, type ShareRow } from './db.ts'

/** Sealed at once: a phone has little memory for a page that is not there. */
export const SHARE_PIECE_BYTES = 1024 * 1024

/** What was shared, sealed beside its pieces. */
export const shareHeader = z.strictObject({
  text: z.string(),
  files: z.array(z.strictObject({ name: z.string(), type: z.string(), size: natural, lastModified: z.number() })),
})
export type ShareHeader = z.output<typeof shareHeader>
type NewShare = Pick<ShareRow, 'id' | 'createdAt' | 'ephemeral'>

/** Held by whoever writes pieces; the browser lets go of it for a program that it stops. */
const WRITING_LOCK = 'kith/share-writing'
const headerPlace = (id: string) => utf8(id)
const piecePlace = ({ id, file }: SealedFile, piece: number) => utf8(`${id}/${file}/${piece}`)
const pieceCount = (size: number) => Math.ceil(size / SHARE_PIECE_BYTES)

/** Whoever looks for pieces that nothing names waits for `write`, which names last what it has written. */
export function whileWriting<T>(write: () => Promise<T>): Promise<T> {
  return navigator.locks.request(WRITING_LOCK, { mode: 'shared' }, write)
}

/**
 * Keeps what was shared: the pieces first, the row that names them last, so that it is whole or not there.
 * @throws what the storage says when it is full; nothing is kept then.
 */
export async function writeShare(row: NewShare, key: CryptoKey, text: string, files: readonly File[]): Promise<void> {
  await whileWriting(() => writeWhole(row, key, text, files))
}

async function writeWhole(row: NewShare, key: CryptoKey, text: string, files: readonly File[]): Promise<void> {
  const { id } = row
  try {
    for (const [file, content] of files.entries()) await writePieces({ id, file }, key, content)
    const header: ShareHeader = {
      text,
      files: files.map(({ name, type, size, lastModified }) => ({ name, type, size, lastModified })),
    }
    const sealed = await sealAes(key, utf8(JSON.stringify(header)), headerPlace(id))
    await (await openDevice()).put('shares', { ...row, sealed }, id)
  } catch (error) {
    await removeShare(id)
    throw error
  }
}

/** Within `whileWriting`. @throws what the storage says when it is full, and the file when it cannot be read: some pieces lie there then. */
export async function writePieces(at: SealedFile, key: CryptoKey, file: Blob): Promise<void> {
  const db = await openDevice()
  for (let piece = 0; piece < pieceCount(file.size); piece++) {
    const from = piece * SHARE_PIECE_BYTES
    const plain = new Uint8Array(await file.slice(from, from + SHARE_PIECE_BYTES).arrayBuffer())
    await db.put('sharePieces', await sealAes(key, plain, piecePlace(at, piece)), [at.id, at.file, piece])
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

/** Which of the files wait for the person: of the others an upload has taken over what lies here, or is done with it. */
export async function filesLeft(id: string, { files }: ShareHeader): Promise<number[]> {
  const db = await openDevice()
  const left: number[] = []
  for (const [file, { size }] of files.entries()) {
    const isHere = size === 0 || (await db.getKey('sharePieces', [id, file, 0])) !== undefined
    if (isHere) left.push(file)
  }
  const taken = new Set((await db.getAll('uploads')).map(({ copy }) => nameOf(copy)))
  return left.filter((file) => !taken.has(nameOf({ id, file })))
}

/** One of the files, whole. @throws {AppError} `share/tampered` */
export async function openSharedFile(id: string, key: CryptoKey, header: ShareHeader, index: number): Promise<File> {
  const file = header.files[index]
  if (!file) throw new AppError('share/tampered', 'there is no such file')
  const parts: Blob[] = []
  for (let piece = 0; piece < pieceCount(file.size); piece++) {
    parts.push(new Blob([await readPiece({ id, file: index }, key, piece)]))
  }
  const made = new File(parts, file.name, { type: file.type, lastModified: file.lastModified })
  if (made.size !== file.size) throw new AppError('share/tampered', 'a file of another size')
  return made
}

/** @throws {AppError} `share/tampered` */
export async function readPiece(at: SealedFile, key: CryptoKey, piece: number): Promise<Bytes> {
  const sealed = await (await openDevice()).get('sharePieces', [at.id, at.file, piece])
  try {
    if (!sealed) throw new Error('not there')
    return await openAes(key, sealed, piecePlace(at, piece))
  } catch (cause) {
    throw new AppError('share/tampered', 'a piece of a file does not open', { cause })
  }
}

/** What an upload has taken over of it stays. */
export async function removeShare(id: string): Promise<void> {
  await (await openDevice()).delete('shares', id)
  await removeUnnamed(sharePiecesOf(id))
}

/** Keys of all that lies there of a share. */
export const sharePiecesOf = (id: string) => IDBKeyRange.bound([id], [id, []])

/** Pieces of what was not whole yet when whoever wrote it was stopped. While something is being written nobody can tell: then the next time. */
export async function removeStrayPieces(): Promise<void> {
  await navigator.locks.request(WRITING_LOCK, { ifAvailable: true }, async (lock) => {
    if (lock) await removeUnnamed()
  })
}

/** Pieces that neither a share nor an upload names. */
async function removeUnnamed(range?: IDBKeyRange): Promise<void> {
  const transaction = (await openDevice()).transaction(['shares', 'uploads', 'sharePieces'], 'readwrite')
  const pieces = transaction.objectStore('sharePieces')
  const shares = new Set<string>(await transaction.objectStore('shares').getAllKeys())
  const taken = new Set((await transaction.objectStore('uploads').getAll()).map(({ copy }) => nameOf(copy)))
  for (const key of await pieces.getAllKeys(range)) {
    const [id, file] = key
    if (!shares.has(id) && !taken.has(nameOf({ id, file }))) void pieces.delete(key)
  }
  await transaction.done
}

const nameOf = (at: SealedFile | undefined) => at && `${at.id}/${at.file}`
