import { AppError } from '../errors.ts'
import { type Bytes, concat, u8, u64 } from './bytes.ts'
import { padme } from './padme.ts'

/** KSO1 header, docs/protocol.md §7. */
export const HEADER_BYTES = 72
/** AES-GCM tag, NIST SP 800-38D with t = 128. */
export const TAG_BYTES = 16
export const SALT_BYTES = 16
export const COMMITMENT_BYTES = 32
/** 256 KiB: half the time of 64 KiB and of 1 MiB in Chromium's WebCrypto. */
export const CHUNK_LOG2 = 18
const MIN_CHUNK_LOG2 = 12
const MAX_CHUNK_LOG2 = 22
const MAGIC = [0x4b, 0x53, 0x4f, 0x31] as const // "KSO1"
const SUITE_AES_GCM = 1

/** Where things lie in a sealed object. Sizes in bytes. */
export type Layout = {
  readonly chunkBytes: number
  /** Plaintext with its zero padding. */
  readonly paddedBytes: number
  /** At least one, also for nothing. */
  readonly chunks: number
}

/** The header's fields in clear; `maskedTrueBytes` needs the key. */
export type Header = {
  readonly layout: Layout
  readonly maskedTrueBytes: Bytes
  readonly salt: Bytes
  readonly commitment: Bytes
}

/** @throws {RangeError} on a chunk size that the format does not have. */
export function layoutOf(paddedBytes: number, chunkLog2: number = CHUNK_LOG2): Layout {
  if (!Number.isInteger(chunkLog2) || chunkLog2 < MIN_CHUNK_LOG2 || chunkLog2 > MAX_CHUNK_LOG2) {
    throw new RangeError(`chunkLog2 ${chunkLog2}`)
  }
  const chunkBytes = 2 ** chunkLog2
  const chunks = Math.max(1, Math.ceil(paddedBytes / chunkBytes))
  if (chunks > 2 ** 32) throw new RangeError('too long for the chunk counter')
  return { chunkBytes, paddedBytes, chunks }
}

/** Layout of a new object that holds `trueBytes` of plaintext. */
export function layoutFor(trueBytes: number, chunkLog2: number = CHUNK_LOG2): Layout {
  return layoutOf(padme(trueBytes), chunkLog2)
}

/** Size of the whole object: header, padded plaintext, one tag for each chunk. */
export function sealedSize(layout: Layout): number {
  return HEADER_BYTES + layout.paddedBytes + TAG_BYTES * layout.chunks
}

/** Sealed bytes `[from, to)` that hold plaintext `[start, end)`, whole chunks; `to` is clamped to the object. */
export function sealedRange(layout: Layout, start: number, end: number): [from: number, to: number] {
  const stride = layout.chunkBytes + TAG_BYTES
  const from = HEADER_BYTES + Math.floor(start / layout.chunkBytes) * stride
  const to = HEADER_BYTES + Math.ceil(end / layout.chunkBytes) * stride
  return [from, Math.min(to, sealedSize(layout))]
}

/** Plaintext length of chunk `index`, padding included. */
export function chunkPlainBytes(layout: Layout, index: number): number {
  return index < layout.chunks - 1 ? layout.chunkBytes : layout.paddedBytes - index * layout.chunkBytes
}

/** Sealed bytes `[from, to)` of chunk `index`. */
export function sealedChunk(layout: Layout, index: number): [from: number, to: number] {
  const from = HEADER_BYTES + index * (layout.chunkBytes + TAG_BYTES)
  return [from, from + chunkPlainBytes(layout, index) + TAG_BYTES]
}

export function encodeHeader(header: Header): Bytes {
  return concat(
    new Uint8Array(MAGIC),
    u8(SUITE_AES_GCM),
    u8(Math.log2(header.layout.chunkBytes)),
    new Uint8Array(2),
    u64(header.layout.paddedBytes),
    header.maskedTrueBytes,
    header.salt,
    header.commitment,
  )
}

/**
 * Reads and checks everything that needs no key.
 * @param sealedBytes size of the whole object, as the store tells it.
 * @throws {AppError} `object/bad-header`, or `object/wrong-size` when the object's size does not fit the header.
 */
export function parseHeader(bytes: Uint8Array, sealedBytes: number): Header {
  if (bytes.length < HEADER_BYTES) throw badHeader('length')
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES)
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) throw badHeader('magic')
  if (bytes[4] !== SUITE_AES_GCM) throw badHeader('suite')
  const chunkLog2 = view.getUint8(5)
  if (chunkLog2 < MIN_CHUNK_LOG2 || chunkLog2 > MAX_CHUNK_LOG2) throw badHeader('chunk size')
  if (view.getUint16(6) !== 0) throw badHeader('reserved field')
  const padded = view.getBigUint64(8)
  if (padded > BigInt(Number.MAX_SAFE_INTEGER)) throw badHeader('length')
  const paddedBytes = Number(padded)
  if (paddedBytes / 2 ** chunkLog2 > 2 ** 32) throw badHeader('length')
  const layout = layoutOf(paddedBytes, chunkLog2)
  if (sealedSize(layout) !== sealedBytes) throw new AppError('object/wrong-size', 'the size does not fit the header')
  return {
    layout,
    maskedTrueBytes: new Uint8Array(bytes.slice(16, 24)),
    salt: new Uint8Array(bytes.slice(24, 40)),
    commitment: new Uint8Array(bytes.slice(40, HEADER_BYTES)),
  }
}

function badHeader(field: string): AppError {
  return new AppError('object/bad-header', `the header's ${field} is not KSO1`)
}
