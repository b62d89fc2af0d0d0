import { createHash, type Hash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, link, mkdir, open, readdir, rename, rm, rmdir, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError } from '../../shared/errors.ts'
import { parseMediaId, parseObjectId } from '../../shared/format/ids.ts'
import { toBytes } from '../format.ts'
import type { BlobKey, BlobStore, StagedBlob, StoredBlob } from './blob-store.ts'
import { makeDurable } from './durable.ts'

const STAGING = 'staging'

/**
 * Files in `folder`: `<first two characters>/<media id>/<object id>`, written in `staging/` first. A name appears with
 * rename only, after the bytes are on the disk, so that a power cut leaves a whole blob or none.
 */
export function createDiskBlobStore(folder: string): BlobStore {
  const staging = join(folder, STAGING)
  const pathOf = ({ mediaId, objectId }: BlobKey) => join(folder, mediaId.slice(0, 2), mediaId, objectId)

  async function staged(fill: (path: string, hash: Hash) => Promise<number>): Promise<StagedBlob> {
    await mkdir(staging, { recursive: true, mode: 0o700 })
    const place = join(staging, randomUUID())
    const hash = createHash('sha256')
    try {
      const sizeBytes = await fill(place, hash)
      return { place, sizeBytes, sha256: toBytes(hash.digest()) }
    } catch (error) {
      await rm(place, { force: true })
      throw asFull(error)
    }
  }

  return {
    async checkWritable() {
      await mkdir(staging, { recursive: true, mode: 0o700 })
      const path = join(staging, randomUUID())
      const file = await open(path, 'wx', 0o600)
      await file.writeFile('x').finally(() => file.close())
      await rm(path)
    },
    async freeBytes() {
      const { bavail, bsize } = await statfs(folder)
      return bavail * bsize
    },
    stage: (source, { maxBytes }) => staged((path, hash) => write(path, source, maxBytes, hash)),
    adopt: (source) =>
      staged(async (path, hash) => {
        const { size } = await stat(source)
        for await (const part of createReadStream(source, { highWaterMark: 2 ** 20 })) hash.update(part)
        await linkOrCopy(source, path)
        await makeDurable(path)
        return size
      }),
    async commit({ place }, key) {
      const path = pathOf(key)
      try {
        await renameInto(folder, place, path)
        // Two names of one file: rename does nothing then.
        await rm(place, { force: true })
        await makeDurable(dirname(path))
      } catch (error) {
        throw asFull(error)
      }
    },
    discard: ({ place }) => rm(place, { force: true }),
    async open(key, range) {
      if (range && range.start >= range.end) throw new RangeError('an empty range')
      const file = await unlessMissing(open(pathOf(key), 'r'))
      if (!file) return null
      return file.createReadStream({
        ...(range ? { start: range.start, end: range.end - 1 } : {}),
        highWaterMark: 2 ** 18,
      })
    },
    async head(key) {
      const found = await unlessMissing(stat(pathOf(key)))
      return found && stored(found)
    },
    async delete(key) {
      const path = pathOf(key)
      await rm(path, { force: true })
      await removeEmpty(dirname(path))
    },
    async *list() {
      for (const fan of await names(folder)) {
        if (fan === STAGING) continue
        for (const media of await names(join(folder, fan))) {
          for (const object of await names(join(folder, fan, media))) {
            const key = keyOf(media, object)
            const found = key && (await unlessMissing(stat(pathOf(key))))
            if (key && found) yield { key, ...stored(found) }
          }
        }
      }
    },
    async sweepStaged(beforeMs) {
      let count = 0
      for (const name of await names(staging)) {
        const path = join(staging, name)
        const found = await unlessMissing(stat(path))
        // ctime: an adopted file keeps its old mtime, and is younger than that here.
        if (!found || Math.max(found.ctimeMs, found.mtimeMs) >= beforeMs) continue
        await rm(path, { force: true })
        count++
      }
      return count
    },
  }
}

async function write(path: string, source: AsyncIterable<Uint8Array>, maxBytes: number, hash: Hash): Promise<number> {
  const file = await open(path, 'wx', 0o600)
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
  return sizeBytes
}

/** Uploads and blobs lie on one disk, unless somebody mounted another one between. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    if (!['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'].includes(codeOf(error))) throw error
    await copyFile(from, to)
  }
}

/** A new folder is as safe as its parent's entry for it. */
async function makeFolder(root: string, path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  await makeDurable(dirname(path))
  await makeDurable(root)
}

/** The last blob of an item may be deleted, and the folder with it, just before the name is given. */
async function renameInto(root: string, from: string, to: string): Promise<void> {
  for (let left = 3; ; left--) {
    await makeFolder(root, dirname(to))
    try {
      return await rename(from, to)
    } catch (error) {
      if (left === 0 || codeOf(error) !== 'ENOENT') throw error
    }
  }
}

async function removeEmpty(path: string): Promise<void> {
  await rmdir(path).catch((error: unknown) => {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) throw error
  })
}

async function names(path: string): Promise<string[]> {
  return (await unlessMissing(readdir(path))) ?? []
}

async function unlessMissing<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null
    throw error
  }
}

function keyOf(media: string, object: string): BlobKey | null {
  try {
    return { mediaId: parseMediaId(media), objectId: parseObjectId(object) }
  } catch {
    return null
  }
}

/** mtime is when the last byte came, ctime when it got its name. */
function stored({ size, mtimeMs, ctimeMs }: { size: number; mtimeMs: number; ctimeMs: number }): StoredBlob {
  return { sizeBytes: size, storedAtMs: Math.max(mtimeMs, ctimeMs) }
}

function asFull(error: unknown): unknown {
  if (!['ENOSPC', 'EDQUOT'].includes(codeOf(error))) return error
  return new AppError('storage/full', 'the server has no room left', { cause: error })
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException | null)?.code)
}
