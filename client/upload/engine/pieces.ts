import { HEADER_BYTES, type Layout, sealedSize, TAG_BYTES } from '../../../shared/format/layout.ts'

/** Chunks in one spooled piece: 8 MiB of plaintext at 256 KiB chunks. Each is written down before it is sent, and that costs as much for half as many bytes. */
export const CHUNKS_PER_PIECE = 32

/** One spooled piece of a sealed object: `chunks` of the object, as the sealed bytes `[from, to)`. */
export type Piece = {
  readonly index: number
  readonly firstChunk: number
  readonly endChunk: number
  readonly from: number
  readonly to: number
}

/** How many pieces a sealed object is spooled in; the header lies in the first. */
export function pieceCount(layout: Layout): number {
  return Math.ceil(layout.chunks / CHUNKS_PER_PIECE)
}

/** @throws {RangeError} when the object has no such piece. */
export function pieceAt(layout: Layout, index: number): Piece {
  if (!Number.isInteger(index) || index < 0 || index >= pieceCount(layout)) throw new RangeError(`piece ${index}`)
  const firstChunk = index * CHUNKS_PER_PIECE
  const endChunk = Math.min(layout.chunks, firstChunk + CHUNKS_PER_PIECE)
  return {
    index,
    firstChunk,
    endChunk,
    from: index === 0 ? 0 : chunkOffset(layout, firstChunk),
    to: endChunk === layout.chunks ? sealedSize(layout) : chunkOffset(layout, endChunk),
  }
}

/** The pieces that hold the sealed bytes `[start, end)`. */
export function piecesOf(layout: Layout, start: number, end: number): Piece[] {
  const found: Piece[] = []
  for (let index = pieceIndexOf(layout, start); index < pieceCount(layout); index++) {
    const piece = pieceAt(layout, index)
    if (piece.from >= end) break
    found.push(piece)
  }
  return found
}

/** Pieces that end at or before `offset`: what the server has acknowledged whole. */
export function piecesBefore(layout: Layout, offset: number): number {
  return offset >= sealedSize(layout) ? pieceCount(layout) : pieceIndexOf(layout, offset)
}

function pieceIndexOf(layout: Layout, offset: number): number {
  const stride = CHUNKS_PER_PIECE * (layout.chunkBytes + TAG_BYTES)
  return Math.max(0, Math.floor((offset - HEADER_BYTES) / stride))
}

function chunkOffset(layout: Layout, chunk: number): number {
  return HEADER_BYTES + chunk * (layout.chunkBytes + TAG_BYTES)
}
