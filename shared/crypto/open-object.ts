import { AppError, TamperedError, UsageError } from '../errors.ts'
import { type Bytes, equalBytes } from '../format/bytes.ts'
import { chunkPlainBytes, HEADER_BYTES, type Layout, parseHeader, sealedChunk, sealedRange } from '../format/layout.ts'
import { chunkNonce, deriveObjectKey, type ObjectKey, type ObjectName, xorMask } from './object-key.ts'

/** An object whose header was checked: what it takes to open its chunks. Nothing of it can be read out as a key. */
export type OpenedObject = {
  readonly name: string
  readonly layout: Layout
  /** Length of the plaintext without padding. */
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
 * Opens chunk `index`, padding included.
 * @throws {TamperedError} with the chunk's number; no byte of it is returned.
 */
export async function openChunk(opened: OpenedObject, index: number, sealed: Bytes): Promise<Bytes> {
  const iv = chunkNonce(opened.key, index, index === opened.layout.chunks - 1)
  const params = { name: 'AES-GCM', iv, additionalData: opened.header }
  try {
    return new Uint8Array(await crypto.subtle.decrypt(params, opened.key.aesKey, sealed))
  } catch (cause) {
    throw new TamperedError(opened.name, index, { cause })
  }
}

/**
 * Plaintext `[start, end)`, clamped to the true length: one read, its chunks opened in parallel. All of them
 * authenticate before the first byte is returned.
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
  const to = Math.min(end, opened.trueBytes)
  if (!Number.isSafeInteger(start) || start < 0 || end < start) throw new UsageError(`range ${start}-${end}`)
  if (start >= to) return new Uint8Array(0)
  const { layout } = opened
  const [from, sealedEnd] = sealedRange(layout, start, to)
  const sealed = await fetchSealed(from, sealedEnd)
  if (sealed.length !== sealedEnd - from) throw new AppError('object/wrong-size', `${opened.name}: cut short`)

  const first = Math.floor(start / layout.chunkBytes)
  const count = Math.ceil(to / layout.chunkBytes) - first
  const out = new Uint8Array(to - start)
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const [chunkFrom, chunkTo] = sealedChunk(layout, first + i)
      const plain = await openChunk(opened, first + i, sealed.subarray(chunkFrom - from, chunkTo - from))
      const at = (first + i) * layout.chunkBytes
      const cut = plain.subarray(Math.max(0, start - at), Math.min(plain.length, to - at))
      out.set(cut, Math.max(0, at - start))
    }),
  )
  return out
}

/** Opens a whole object that lies in memory, and checks that its padding is empty. @throws as `openHeader`, `openRange`. */
export async function openObject(object: ObjectName, sealed: Bytes): Promise<Bytes> {
  const opened = await openHeader(object, sealed.subarray(0, HEADER_BYTES), sealed.length)
  const padded = { ...opened, trueBytes: opened.layout.paddedBytes }
  const plain = await openRange(padded, 0, opened.layout.paddedBytes, async (from, to) => sealed.subarray(from, to))
  if (opened.layout.paddedBytes === 0) {
    // Nothing to return, but the one empty chunk still has to authenticate.
    await openChunk(opened, 0, sealed.subarray(...sealedChunk(opened.layout, 0)))
  }
  if (plain.subarray(opened.trueBytes).some((byte) => byte !== 0)) {
    throw new TamperedError(opened.name, opened.layout.chunks - 1)
  }
  return plain.subarray(0, opened.trueBytes)
}

/**
 * Opens an object as it arrives, split in any way; holds one chunk at a time.
 * Yields only plaintext that authenticated; ends only when the last chunk did and nothing follows it.
 * @throws as `openHeader`; `object/wrong-size` when the stream is shorter or longer than `sealedBytes`; {TamperedError}.
 */
export async function* openStream(
  object: ObjectName,
  sealedBytes: number,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Bytes, void, undefined> {
  const reader = exactReader(source, object.name)
  const opened = await openHeader(object, await reader.take(Math.min(HEADER_BYTES, sealedBytes)), sealedBytes)
  const { layout, trueBytes } = opened
  for (let index = 0; index < layout.chunks; index++) {
    const [from, to] = sealedChunk(layout, index)
    const plain = await openChunk(opened, index, await reader.take(to - from))
    if (index === layout.chunks - 1) await reader.end()
    const kept = Math.max(0, Math.min(plain.length, trueBytes - index * layout.chunkBytes))
    if (plain.length !== chunkPlainBytes(layout, index) || plain.subarray(kept).some((byte) => byte !== 0)) {
      throw new TamperedError(opened.name, index)
    }
    if (kept > 0) yield plain.subarray(0, kept)
  }
}

/** Cuts arriving parts to the lengths asked for. */
function exactReader(source: AsyncIterable<Uint8Array>, name: string) {
  const parts = source[Symbol.asyncIterator]()
  let rest: Uint8Array = new Uint8Array(0)
  return {
    async take(length: number): Promise<Bytes> {
      const out = new Uint8Array(length)
      for (let at = 0; at < length; ) {
        if (rest.length === 0) {
          const next = await parts.next()
          if (next.done) throw new AppError('object/wrong-size', `${name}: cut short`)
          rest = next.value
          continue
        }
        const part = rest.subarray(0, length - at)
        out.set(part, at)
        at += part.length
        rest = rest.subarray(part.length)
      }
      return out
    },
    async end(): Promise<void> {
      while (rest.length === 0) {
        const next = await parts.next()
        if (next.done) return
        rest = next.value
      }
      throw new AppError('object/wrong-size', `${name}: more bytes than its header says`)
    },
  }
}
