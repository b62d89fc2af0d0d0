import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { AppError } from '../../shared/errors.ts'
import { toBytes } from '../format.ts'
import type { BlobKey, BlobStore, StagedBlob, StoredBlob } from './blob-store.ts'

/** For tests: as the disk adapter, in memory. */
export function createMemoryBlobStore(now: () => number = Date.now): BlobStore {
  const blobs = new Map<string, { key: BlobKey; data: Buffer; storedAtMs: number }>()
  const stages = new Map<string, { data: Buffer; atMs: number }>()
  const nameOf = ({ mediaId, objectId }: BlobKey) => `${mediaId}/${objectId}`
  let count = 0

  function stage(data: Buffer): StagedBlob {
    const place = String(count++)
    stages.set(place, { data, atMs: now() })
    return { place, sizeBytes: data.length, sha256: toBytes(createHash('sha256').update(data).digest()) }
  }
  const statOf = ({ data, storedAtMs }: { data: Buffer; storedAtMs: number }): StoredBlob => ({
    sizeBytes: data.length,
    storedAtMs,
  })

  return {
    checkWritable: async () => {},
    freeBytes: async () => null,
    async stage(source, { maxBytes }) {
      const parts: Uint8Array[] = []
      let sizeBytes = 0
      for await (const part of source) {
        sizeBytes += part.length
        if (sizeBytes > maxBytes) throw new AppError('request/too-large', 'the object is too large')
        parts.push(part)
      }
      return stage(Buffer.concat(parts))
    },
    adopt: async (path) => stage(await readFile(path)),
    async commit({ place }, key) {
      const staged = stages.get(place)
      if (!staged) throw new Error('nothing is staged')
      stages.delete(place)
      blobs.set(nameOf(key), { key, data: staged.data, storedAtMs: now() })
    },
    async discard({ place }) {
      stages.delete(place)
    },
    async open(key, range) {
      if (range && range.start >= range.end) throw new RangeError('an empty range')
      const found = blobs.get(nameOf(key))
      return found ? Readable.from([found.data.subarray(range?.start, range?.end)]) : null
    },
    async head(key) {
      const found = blobs.get(nameOf(key))
      return found ? statOf(found) : null
    },
    async delete(key) {
      blobs.delete(nameOf(key))
    },
    async *list() {
      for (const blob of [...blobs.values()]) yield { key: blob.key, ...statOf(blob) }
    },
    async sweepStaged(beforeMs) {
      const old = [...stages].filter(([, { atMs }]) => atMs < beforeMs)
      for (const [place] of old) stages.delete(place)
      return old.length
    },
  }
}
