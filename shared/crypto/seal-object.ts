import { AppError, UsageError } from '../errors.ts'
import { type Bytes, equalBytes, u64 } from '../format/bytes.ts'
import {
  CHUNK_LOG2,
  chunkPlainBytes,
  encodeHeader,
  type Layout,
  layoutFor,
  SALT_BYTES,
  sealedChunk,
  sealedSize,
} from '../format/layout.ts'
import { sha256 } from './hash.ts'
import { chunkNonce, deriveObjectKey, type ObjectName, workerSalt, xorMask } from './object-key.ts'

export type SealerOptions = ObjectName & {
  readonly salt: Bytes
  /** Length of the plaintext; known before the first chunk, since the header carries it. */
  readonly trueBytes: number
  readonly chunkLog2?: number
  /** SHA-256 of the plaintext of chunks that an earlier run has sealed under this salt, by chunk. */
  readonly sealedBefore?: ReadonlyMap<number, Bytes>
}

/** Seals the chunks of one object in any order; the nonce is the sealer's own affair. */
export type ObjectSealer = {
  readonly layout: Layout
  readonly header: Bytes
  /**
   * Seals chunk `index`. `plain` is the chunk's part of the true plaintext; padding is added here.
   * @returns ciphertext ‖ tag, and the hash to keep for a later run.
   * @throws {UsageError} on a wrong index or length. `plain` may be used again at once: it is copied.
   * @throws {AppError} `upload/source-changed` when this chunk was sealed before from other bytes: a nonce is never used for two plaintexts.
   */
  sealChunk(index: number, plain: Bytes): Promise<{ sealed: Bytes; plainHash: Bytes }>
}

/** Plaintext `[start, end)` of the true bytes that chunk `index` holds. */
export function plainRange(layout: Layout, trueBytes: number, index: number): [start: number, end: number] {
  const start = Math.min(trueBytes, index * layout.chunkBytes)
  return [start, Math.min(trueBytes, start + layout.chunkBytes)]
}

export async function createObjectSealer(options: SealerOptions): Promise<ObjectSealer> {
  const { salt, trueBytes, chunkLog2 = CHUNK_LOG2 } = options
  if (salt.length !== SALT_BYTES) throw new UsageError(`a salt has ${SALT_BYTES} bytes`)
  const layout = layoutFor(trueBytes, chunkLog2)
  const key = await deriveObjectKey(options, salt)
  const maskedTrueBytes = xorMask(u64(trueBytes), key.mask)
  const header = encodeHeader({ layout, maskedTrueBytes, salt, commitment: key.commitment })
  const seen = new Map(options.sealedBefore)

  return {
    layout,
    // A copy: the other one is authenticated with every chunk, and a caller may transfer its own to another thread.
    header: header.slice(),
    async sealChunk(index, plain) {
      if (!Number.isInteger(index) || index < 0 || index >= layout.chunks) throw new UsageError(`chunk ${index}`)
      const [start, end] = plainRange(layout, trueBytes, index)
      if (plain.length !== end - start) throw new UsageError(`chunk ${index} has ${end - start} bytes`)
      const iv = chunkNonce(key, index, index === layout.chunks - 1)
      const params = { name: 'AES-GCM', iv, additionalData: header }
      // What is hashed has to be what is encrypted, also when the caller fills its buffer anew meanwhile: both are begun in
      // one go, and WebCrypto takes its copies when it is called.
      const encrypting = crypto.subtle.encrypt(params, key.aesKey, pad(plain, chunkPlainBytes(layout, index)))
      // Told below, where the hash does not forbid it.
      encrypting.catch(() => undefined)
      const plainHash = await sha256(plain)
      const before = seen.get(index)
      if (before && !equalBytes(before, plainHash)) {
        throw new AppError('upload/source-changed', `chunk ${index} was sealed from other bytes`)
      }
      seen.set(index, plainHash.slice())
      return { sealed: new Uint8Array(await encrypting), plainHash }
    },
  }
}

function pad(plain: Bytes, length: number): Bytes {
  if (plain.length === length) return plain
  const padded = new Uint8Array(length)
  padded.set(plain)
  return padded
}

/** Seals a whole object that lies in memory. */
export async function sealObject(
  object: ObjectName,
  plain: Bytes,
  salt: Bytes,
  chunkLog2: number = CHUNK_LOG2,
): Promise<Bytes> {
  const sealer = await createObjectSealer({ ...object, salt, trueBytes: plain.length, chunkLog2 })
  const { layout } = sealer
  const out = new Uint8Array(sealedSize(layout))
  out.set(sealer.header)
  await Promise.all(
    Array.from({ length: layout.chunks }, async (_, index) => {
      const { sealed } = await sealer.sealChunk(index, plain.subarray(...plainRange(layout, plain.length, index)))
      out.set(sealed, sealedChunk(layout, index)[0])
    }),
  )
  return out
}

/** What the worker makes: sealed under the salt that its own bytes give (docs/protocol.md §7). */
export async function sealMadeObject(object: ObjectName, plain: Bytes, chunkLog2: number = CHUNK_LOG2): Promise<Bytes> {
  const salt = await workerSalt(object.contentKey, object.name, await sha256(plain))
  return sealObject(object, plain, salt, chunkLog2)
}
