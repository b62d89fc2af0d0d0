import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Folders } from './config.ts'

/** Makes the folders and tries to write. @throws the file system's own error */
export async function prepareFolders(folders: Folders): Promise<void> {
  await mkdir(folders.data, { recursive: true, mode: 0o700 })
  // Before more folders are made: on a read-only disk that would fail as if something were missing.
  const path = join(folders.data, `.write-test-${process.pid}`)
  const file = await open(path, 'w', 0o600)
  await file.writeFile('x').finally(() => file.close())
  await rm(path)
  for (const folder of [folders.blobs, folders.uploads, folders.secrets]) {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  }
}
