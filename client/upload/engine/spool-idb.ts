import { openDevice } from '../../../shared/device/db.ts'
import type { MediaId } from '../../../shared/format/ids.ts'
import type { Spool } from './spool.ts'

/** Spool in IndexedDB, for engines without a private file system. */
export async function openIdbSpool(): Promise<Spool> {
  const db = await openDevice()
  const all = (upload: MediaId) => IDBKeyRange.bound([upload, 0], [upload, Number.MAX_SAFE_INTEGER])
  return {
    async write(upload, index, sealed) {
      await db.put('blobs', sealed, [upload, index])
    },
    async read(upload, index) {
      const sealed = await db.get('blobs', [upload, index])
      return sealed ? new Blob([sealed]) : null
    },
    pieces: async (upload) => (await db.getAllKeys('blobs', all(upload))).map(([, index]) => index),
    remove: (upload, index) => db.delete('blobs', [upload, index]),
    clear: (upload) => db.delete('blobs', all(upload)),
    async list() {
      const keys = await db.getAllKeys('blobs')
      return [...new Set(keys.map(([upload]) => upload))]
    },
  }
}
