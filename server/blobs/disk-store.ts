import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError } from '../../shared/errors.ts'
import { isId, parseMediaId, parseObjectId } from '../../shared/format/ids.ts'
import type { BlobKey, BlobStore, StagedBlob } from './blob-store.ts'

const STAGING = 'staging'
/** One folder for each two first characters: 4096 at most. */
const FAN_OUT = 2

/** Objects as files: `<folder>/ab/<mediaId>/<objectId>`. */
export function openDiskStore(folder: string): BlobStore {
  const staging = join(folder, STAGING)
  // Ids come through their doors: 22 characters without dots or slashes, so that no path leads elsewhere.
  const pathOf = ({ mediaId, objectId }: BlobKey) =>
    join(folder, parseMediaId(mediaId).slice(0, FAN_OUT), mediaId, parseObjectId(objectId))

  const staged = (path: string, sizeBytes: number, sha256: Buffer): StagedBlob => ({
    sizeBytes,
    sha256,
    async commit(key) {
      const target = pathOf(key)
      await mkdir(dirname(target), { recursive: true })
      await rename(path, target)
      // The new name is durable only once its folders are.
      await syncFolder(dirname(target))
      await syncFolder(dirname(dirname(target)))
      await syncFolder(folder)
    },
    discard: () => rm(path, { force: true }),
  })

  return {
    async checkWritable() {
      await mkdir(staging, { recursive: true })
      const probe = join(staging, `probe-${randomUUID()}`)
      await (await open(probe, 'wx')).close()
      await rm(probe)
    },
    async stage(source, maxBytes) {
      await mkdir(staging, { recursive: true })
      const path = join(staging, randomUUID())
      const file = await open(path, 'wx')
      try {
        const { sizeBytes, sha256 } = await writeAll(file, source, maxBytes)
        return staged(path, sizeBytes, sha256)
      } catch (error) {
        await rm(path, { force: true })
        throw isFull(error) ? new AppError('storage/full', 'no room for this object', { cause: error }) : error
      }
    },
    async stageFile(path) {
      const file = await open(path, 'r+')
      const hash = createHash('sha256')
      let sizeBytes = 0
      try {
        for await (const part of file.createReadStream({ autoClose: false, highWaterMark: 2 ** 20 })) {
          hash.update(part as Buffer)
          sizeBytes += (part as Buffer).length
        }
        await file.sync()
      } finally {
        await file.close()
      }
      return staged(path, sizeBytes, hash.digest())
    },
    async sizeOf(key) {
      return (await stat(pathOf(key)).catch(onlyMissing))?.size ?? null
    },
    open: (key, { from, to }) =>
      createReadStream(pathOf(key), { start: from, end: Math.max(from, to - 1), highWaterMark: 2 ** 18 }),
    async remove(key) {
      await rm(pathOf(key), { force: true })
    },
    async *list() {
      for (const fan of await readdir(folder).catch(() => [])) {
        if (fan === STAGING) continue
        for (const media of await readdir(join(folder, fan)).catch(() => [])) {
          if (!isId(media)) continue
          for (const object of await readdir(join(folder, fan, media)).catch(() => [])) {
            const found = await stat(join(folder, fan, media, object)).catch(onlyMissing)
            if (!found?.isFile() || !isId(object)) continue
            yield { mediaId: parseMediaId(media), objectId: parseObjectId(object), changedAtMs: found.mtimeMs }
          }
        }
      }
    },
    async sweepStaged(beforeMs) {
      for (const name of await readdir(staging).catch(() => [])) {
        const found = await stat(join(staging, name)).catch(onlyMissing)
        if (found && found.mtimeMs < beforeMs) await rm(join(staging, name), { force: true })
      }
    },
  }
}

async function writeAll(file: FileHandle, source: AsyncIterable<Uint8Array>, maxBytes: number) {
  const hash = createHash('sha256')
  let sizeBytes = 0
  try {
    for await (const part of source) {
      sizeBytes += part.length
      if (sizeBytes > maxBytes) throw new AppError('request/too-large', 'the object is too large')
      hash.update(part)
      for (let at = 0; at < part.length; ) at += (await file.write(part, at)).bytesWritten
    }
    await file.sync()
  } finally {
    await file.close()
  }
  return { sizeBytes, sha256: hash.digest() }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  await folder.sync().finally(() => folder.close())
}

function isFull(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown }
  return code === 'ENOSPC' || code === 'EDQUOT'
}

function onlyMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null
  throw error
}
