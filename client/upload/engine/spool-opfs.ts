import { parseMediaId } from '../../../shared/format/ids.ts'
import { SPOOL_FOLDER } from '../spool-folder.ts'
import type { Spool } from './spool.ts'

/**
 * Spool in the origin's private file system: one folder for each upload, one file for each piece. Needs a Web
 * Worker (sync access handles). @returns `null` where the engine has none.
 */
export async function openOpfsSpool(): Promise<Spool | null> {
  if (typeof navigator.storage?.getDirectory !== 'function' || typeof FileSystemSyncAccessHandle === 'undefined') {
    return null
  }
  let root: FileSystemDirectoryHandle
  try {
    root = await (await navigator.storage.getDirectory()).getDirectoryHandle(SPOOL_FOLDER, { create: true })
  } catch {
    return null // private windows of some engines refuse it
  }
  const folderOf = (upload: string, create: boolean) => orNull(root.getDirectoryHandle(upload, { create }))

  return {
    async write(upload, index, sealed) {
      const folder = await root.getDirectoryHandle(upload, { create: true })
      // Written under another name first: a file cut short by a crash must not pass for a piece.
      const draft = await folder.getFileHandle(`${index}.draft`, { create: true })
      const access = await draft.createSyncAccessHandle()
      try {
        access.truncate(0)
        if (access.write(sealed, { at: 0 }) !== sealed.length)
          throw new DOMException('short write', 'QuotaExceededError')
        access.flush()
      } catch (error) {
        access.close()
        await orNull(folder.removeEntry(`${index}.draft`))
        throw error
      }
      access.close()
      await draft.move(String(index))
    },
    async read(upload, index) {
      const folder = await folderOf(upload, false)
      const handle = folder && (await orNull(folder.getFileHandle(String(index))))
      return handle ? handle.getFile() : null
    },
    async pieces(upload) {
      const folder = await folderOf(upload, false)
      const names: string[] = []
      if (folder) for await (const name of folder.keys()) names.push(name)
      // Drafts are not pieces.
      return names.filter((name) => /^\d+$/.test(name)).map(Number)
    },
    async remove(upload, index) {
      const folder = await folderOf(upload, false)
      if (folder) await orNull(folder.removeEntry(String(index)))
    },
    async clear(upload) {
      await orNull(root.removeEntry(upload, { recursive: true }))
    },
    async list() {
      const names: string[] = []
      for await (const name of root.keys()) names.push(name)
      return names.map(parseMediaId)
    },
  }
}

/** `null` for what is not there; every other failure goes on. */
async function orNull<T>(operation: Promise<T>): Promise<T | null> {
  try {
    return await operation
  } catch (error) {
    if (error instanceof DOMException && error.name === 'NotFoundError') return null
    throw error
  }
}

declare global {
  interface FileSystemFileHandle {
    /** Renames within the folder; in all three engines, not yet in TypeScript's library. */
    move(name: string): Promise<void>
  }
  interface FileSystemDirectoryHandle {
    keys(): AsyncIterableIterator<string>
  }
}
