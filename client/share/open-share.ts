import { importAesKey } from '../../shared/crypto/aes-gcm.ts'
import type { ShareRow } from '../../shared/device/db.ts'
import {
  filesLeft,
  openSharedFile,
  openShareHeader,
  removeShare,
  type ShareHeader,
  writePieces,
} from '../../shared/device/shares.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import { lies } from '../upload/copy.ts'
import { openingShareKey } from './share-key.ts'

/** What was shared and still waits for the person. Its files know where they lie: an upload takes them over from there. */
export type Shared = {
  readonly text: string
  readonly files: ShareHeader['files']
  read(): Promise<readonly File[]>
  /** Text alone, as a file that the library can keep. */
  note(): Promise<File>
}

/**
 * @returns `null`: uploads have taken over all of it, and it is over.
 * @throws {AppError} `share/tampered`
 */
export async function openShare(row: ShareRow, accountKey: Bytes): Promise<Shared | null> {
  const { id } = row
  const raw = await openingShareKey(accountKey, row.ephemeral)
  const key = await importAesKey(raw)
  const header = await openShareHeader(row, key)
  const left = await filesLeft(id, header)
  if (left.length === 0 && header.files.length > 0) {
    await removeShare(id)
    return null
  }
  return {
    text: header.text,
    files: header.files.filter((_, file) => left.includes(file)),
    read: async () => {
      const files: File[] = []
      // As it is by now: where it went wrong halfway, uploads have taken some of them over.
      const rest = await filesLeft(id, header)
      for (const file of rest) {
        const opened = await openSharedFile(id, key, header, file)
        files.push(lies(opened, { at: { id, file }, key: raw, isLast: file === rest.at(-1) }))
      }
      return files
    },
    note: async () => {
      const note = noteOf(header.text)
      const at = { id, file: 0 }
      await writePieces(at, key, note)
      return lies(note, { at, key: raw, isLast: true })
    },
  }
}

function noteOf(text: string): File {
  return new File([text], `Note ${new Date().toLocaleDateString('en', { dateStyle: 'medium' })}.txt`, {
    type: 'text/plain',
  })
}
