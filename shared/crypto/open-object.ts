import { AppError, TamperedError, UsageError } from '../errors.ts'
import { type Bytes, concat, equalBytes } from '../format/bytes.ts'
import { HEADER_BYTES, type Layout, parseHeader, sealedChunk, sealedRange } from '../format/layout.ts'
import { chunkNonce, deriveObjectKey, type ObjectKey, type ObjectName, xorMask } from './object-key.ts'

/** An object whose header was checked: what it takes to open its chunks. Nothing of it can be read out as a key. */
export type OpenedObject = {
  readonly name: string
  readonly layout: Layout
  /** Length of the plaintext without padding: what the header says, and authentic once a chunk has opened. */
  readonly trueBytes: number
  readonly header: Bytes
  readonly key: ObjectKey
}

/** Reads sealed bytes `[from, to)` of an object; may return fewer only at its end. */
export type FetchSealed = (from: number, to: number) => Promise<Bytes>

/**
 * Checks the header before anything else is read.
 * @param headerBytes the first 72 bytes. @param sealedBytes size of the whole object.
 * @throws {AppError} `object/bad-header`, `object/wrong-size`, `object/wrong-key` (the commitment is of another key, item, name or salt).
 */
export async function openHeader(object: ObjectName, headerBytes: Bytes, sealedBytes: number): Promise<OpenedObject> {
  const parsed = parseHeader(headerBytes, sealedBytes)
  const key = await deriveObjectKey(object, parsed.salt)
  if (!equalBytes(key.commitment, parsed.commitment)) {
    throw new AppError('object/wrong-key', `${object.name}: sealed under another key or name`)
  }
  const trueBytes = Number(new DataView(xorMask(parsed.maskedTrueBytes, key.mask).buffer).getBigUint64(0))
  // The key is right, so only a changed header can claim this.
  if (trueBytes > parsed.layout.paddedBytes) throw new TamperedError(object.name, 0)
  return { name: object.name, layout: parsed.layout, trueBytes, header: headerBytes.slice(0, HEADER_BYTES), key }
}

/**
 * Opens chunk `index` and takes the padding off, so that a chunk of padding alone is empty.
 * @throws {UsageError} on an index that the object does not have.
 * @throws {TamperedError} with the chunk's number, also when its padding is not zero; no byte of it is returned.
 */
export async function openChunk(opened: OpenedObject, index: number, sealed: Bytes): Promise<Bytes> {
  const { layout, trueBytes } = opened
  if (!Number.isInteger(index) || index < 0 || index >= layout.chunks) throw new UsageError(`chunk ${index}`)
  const iv = chunkNonce(opened.key, index, index === layout.chunks - 1)
  const padded = await decrypt(opened, index, iv, sealed)
  const length = Math.max(0, Math.min(padded.length, trueBytes - index * layout.chunkBytes))
  // Whoever has the key could hide something there that no reader sees.
  if (!isZero(padded, length)) throw new TamperedError(opened.name, index)
  return padded.subarray(0, length)
}

async function decrypt(opened: OpenedObject, index: number, iv: Bytes, sealed: Bytes): Promise<Bytes> {
  const params = { name: 'AES-GCM', iv, additionalData: opened.header }
  try {
    return new Uint8Array(await crypto.subtle.decrypt(params, opened.key.aesKey, sealed))
  } catch (cause) {
    throw new TamperedError(opened.name, index, { cause })
  }
}

function isZero(bytes: Bytes, from: number): boolean {
  for (let i = from; i < bytes.length; i++) if (bytes[i] !== 0) return false
  return true
}

/**
 * Plaintext `[start, end)`, clamped to the true length: one read, its chunks opened in parallel. All of them
 * authenticate before the first byte is returned; where nothing lies in the interval, chunk 0 does, because only the
 * header says so. Joining the parts takes about as long as opening them: who can use parts takes `openParts`.
 * @throws {UsageError} on an interval that is none.
 * @throws {TamperedError}
 * @throws {AppError} `object/wrong-size` when the source holds fewer bytes than its header says.
 */
export async function openRange(
  opened: OpenedObject,
  start: number,
  end: number,
  fetchSealed: FetchSealed,
): Promise<Bytes> {
  const parts = await openParts(opened, start, end, fetchSealed)
  const [only] = parts
  return parts.length === 1 && only !== undefined ? only : concat(...parts)
}

/** As `openRange`: at least one part, one for each chunk; they are views, not copies. */
export async function openParts(
  opened: OpenedObject,
  start: number,
  end: number,
  fetchSealed: FetchSealed,
): Promise<Bytes[]> {
  const to = Math.min(end, opened.trueBytes)
  if (!Number.isSafeInteger(start) || start < 0 || !(end >= start)) throw new UsageError(`range ${start}-${end}`)
  const { layout } = opened
  const [from, sealedEnd] = start < to ? sealedRange(layout, start, to) : sealedChunk(layout, 0)
  const sealed = await fetchSealed(from, sealedEnd)
  if (sealed.length !== sealedEnd - from) throw new AppError('object/wrong-size', `${opened.name}: cut short`)
  if (start >= to) return [(await openChunk(opened, 0, sealed)).subarray(0, 0)]

  const first = Math.floor(start / layout.chunkBytes)
  const count = Math.ceil(to / layout.chunkBytes) - first
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const [chunkFrom, chunkTo] = sealedChunk(layout, first + i)
      const plain = await openChunk(opened, first + i, sealed.subarray(chunkFrom - from, chunkTo - from))
      const at = (first + i) * layout.chunkBytes
      return plain.subarray(Math.max(0, start - at), Math.min(plain.length, to - at))
    }),
  )
}

/** Opens a whole object that lies in memory, padding included. @throws as `openHeader`, `openChunk`. */
export async function openObject(object: ObjectName, sealed: Bytes): Promise<Bytes> {
  const opened = await openHeader(object, sealed.subarray(0, HEADER_BYTES), sealed.length)
  const { layout, trueBytes } = opened
  const out = new Uint8Array(trueBytes)
  await Promise.all(
    Array.from({ length: layout.chunks }, async (_, index) => {
      const plain = await openChunk(opened, index, sealed.subarray(...sealedChunk(layout, index)))
      out.set(plain, Math.min(trueBytes, index * layout.chunkBytes))
    }),
  )
  return out
}
