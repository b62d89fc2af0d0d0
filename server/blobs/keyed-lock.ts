import type { BlobKey, BlobStore } from './blob-store.ts'

const locks = new WeakMap<BlobStore, Map<string, Promise<unknown>>>()

/**
 * One at a time for each blob: two requests for one id must not both find it free, and nothing is swept between a
 * blob's name and its row.
 */
export async function withBlob<T>(blobs: BlobStore, key: BlobKey, action: () => Promise<T>): Promise<T> {
  const held = locks.get(blobs) ?? new Map<string, Promise<unknown>>()
  locks.set(blobs, held)
  const name = `${key.mediaId}/${key.objectId}`
  const mine = (held.get(name) ?? Promise.resolve()).then(action)
  const settled = mine.catch(() => undefined)
  held.set(name, settled)
  try {
    return await mine
  } finally {
    if (held.get(name) === settled) held.delete(name)
  }
}
