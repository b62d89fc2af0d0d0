import { AsyncLocalStorage } from 'node:async_hooks'
import { createHash, timingSafeEqual } from 'node:crypto'
import { open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { FileStore } from '@tus/file-store'
import { type Upload, Upload as UploadModel } from '@tus/server'
import { makeDurable } from '../blobs/durable.ts'

export const CHECKSUM_ALGORITHMS = ['sha256', 'sha1'] as const
export type Checksum = { readonly algorithm: (typeof CHECKSUM_ALGORITHMS)[number]; readonly digest: Buffer }

/** tus 1.0, checksum extension: what the client says of the body of this request. */
export const expectedChecksum = new AsyncLocalStorage<Checksum | null>()

/** `Upload-Checksum: sha256 <base64>`. `undefined`: not of that form, or an algorithm that is not offered. */
export function parseChecksum(header: string): Checksum | null | undefined {
  if (header === '') return null
  const [name, value] = header.split(' ')
  const algorithm = CHECKSUM_ALGORITHMS.find((known) => known === name)
  return algorithm && value ? { algorithm, digest: Buffer.from(value, 'base64') } : undefined
}

/**
 * Files of tus: `<id>` the bytes, `<id>.json` what they are, and what @tus/file-store lacks: acknowledged bytes are on
 * the disk (clients forget them then), bodies are checked against their checksum, uploads expire by their last byte,
 * and one that became an object still says that it is whole.
 */
export class UploadStore extends FileStore {
  constructor(directory: string, expiryMs: number) {
    super({ directory, expirationPeriodInMilliseconds: expiryMs })
    this.extensions = ['creation', 'creation-with-upload', 'expiration', 'termination', 'checksum']
  }

  pathOf(id: string): string {
    return join(this.directory, id)
  }

  /** Devices forget the bytes that are acknowledged; they are worth nothing without what they are. */
  override async create(upload: Upload): Promise<Upload> {
    const made = await super.create(upload)
    for (const path of [this.pathOf(upload.id), `${this.pathOf(upload.id)}.json`, this.directory])
      await makeDurable(path)
    return made
  }

  override async write(body: Readable, id: string, offset: number): Promise<number> {
    const checksum = expectedChecksum.getStore()
    const hash = checksum && createHash(checksum.algorithm)
    // Of a body that was not read to its end nothing can be known: a crash must not leave any of it either.
    if (checksum) await writeFile(this.#doubtOf(id), String(offset), { flush: true })
    let at = offset
    let error: unknown = null
    const file = await open(this.pathOf(id), 'r+')
    try {
      for await (const part of body as AsyncIterable<Buffer>) {
        hash?.update(part)
        for (let done = 0; done < part.length; ) {
          done += (await file.write(part, done, part.length - done, at + done)).bytesWritten
        }
        at += part.length
      }
    } catch (cause) {
      error = cause
    }
    // Bytes that came before a fault count, too. Of two faults the first one says more: a full disk fails here again.
    await file.sync().catch((cause: unknown) => {
      error ??= cause
    })
    await file.close()
    if (checksum && hash) {
      const digest = hash.digest()
      const isRight = !error && digest.length === checksum.digest.length && timingSafeEqual(digest, checksum.digest)
      if (!isRight) await truncate(this.pathOf(id), offset)
      await rm(this.#doubtOf(id), { force: true })
      // The file may be an object next, and a doubt that comes back after a power cut would cut the object.
      await makeDurable(this.directory)
      if (!error && !isRight) throw { status_code: 460, body: 'Checksum Mismatch\n' }
    }
    if (error) throw error
    return at
  }

  override async getUpload(id: string): Promise<Upload> {
    const whole = await this.#finishedBytes(id)
    if (whole !== null) {
      const { metadata } = await this.configstore.get(id).then((kept) => kept ?? ({} as Upload))
      return new UploadModel({ id, size: whole, offset: whole, ...(metadata ? { metadata } : {}) })
    }
    const doubt = await readFile(this.#doubtOf(id), 'utf8').catch(() => null)
    // Inside a request of tus, which holds the upload's lock: what is in doubt was left by a crash.
    if (doubt !== null && expectedChecksum.getStore() !== undefined) {
      await truncate(this.pathOf(id), Number(doubt))
      await rm(this.#doubtOf(id), { force: true })
    }
    const upload = await super.getUpload(id)
    // Outside it may still be coming: left alone, and never counted, or the sweeper would make an object of it.
    if (doubt !== null) upload.offset = Math.min(upload.offset, Number(doubt))
    const { mtime } = await stat(this.pathOf(id))
    // Counted from the last byte: a slow upload that goes on does not expire.
    upload.creation_date = mtime.toISOString()
    return upload
  }

  /** The upload became an object: its bytes go, and that it was whole stays until it expires. */
  async finished(id: string, sizeBytes: number): Promise<void> {
    await writeFile(this.#doneOf(id), String(sizeBytes), { flush: true })
    await rm(this.pathOf(id), { force: true })
  }
  async isFinished(id: string): Promise<boolean> {
    return (await this.#finishedBytes(id)) !== null
  }

  override async remove(id: string): Promise<void> {
    await rm(this.#doubtOf(id), { force: true })
    if (await this.isFinished(id)) {
      await rm(this.#doneOf(id), { force: true })
      await this.configstore.delete(id)
      return
    }
    await super.remove(id)
  }

  /** The uploads that have all or part of their bytes. */
  async ids(): Promise<string[]> {
    const names = await readdir(this.directory).catch(() => [])
    return names.filter((name) => /^[0-9a-f]{32}$/.test(name))
  }

  /** Removes what nobody has touched since `beforeMs`. Never what is being written: its files are young. */
  async sweep(beforeMs: number): Promise<number> {
    const names = await readdir(this.directory).catch(() => [])
    const groups = Map.groupBy(names, (name) => name.split('.', 1)[0] ?? name)
    let count = 0
    for (const files of groups.values()) {
      const times = await Promise.all(files.map((name) => stat(this.pathOf(name)).catch(() => null)))
      if (times.some((found) => found !== null && found.mtimeMs >= beforeMs)) continue
      for (const name of files) await rm(this.pathOf(name), { force: true })
      count++
    }
    return count
  }

  #doneOf = (id: string) => `${this.pathOf(id)}.done`
  #doubtOf = (id: string) => `${this.pathOf(id)}.doubt`

  async #finishedBytes(id: string): Promise<number | null> {
    const text = await readFile(this.#doneOf(id), 'utf8').catch(() => null)
    return text ? Number(text) : null
  }
}
