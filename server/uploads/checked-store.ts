import { AsyncLocalStorage } from 'node:async_hooks'
import { createHash, timingSafeEqual } from 'node:crypto'
import { truncate } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { FileStore } from '@tus/file-store'

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

/** Files of tus, with the checksum extension that @tus/file-store lacks: a body that does not fit leaves nothing behind. */
export class CheckedStore extends FileStore {
  override async write(body: IncomingMessage | Readable, id: string, offset: number): Promise<number> {
    const checksum = expectedChecksum.getStore()
    if (!checksum) return super.write(body, id, offset)
    const hash = createHash(checksum.algorithm)
    const hashing = new Transform({
      transform(part: Buffer, _encoding, done) {
        hash.update(part)
        done(null, part)
      },
    })
    const [written] = await Promise.all([super.write(hashing, id, offset), pipeline(body, hashing)])
    const digest = hash.digest()
    if (digest.length === checksum.digest.length && timingSafeEqual(digest, checksum.digest)) return written
    await truncate(join(this.directory, id), offset)
    throw { status_code: 460, body: 'Checksum Mismatch\n' }
  }
}
