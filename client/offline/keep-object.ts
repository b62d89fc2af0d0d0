import type { ObjectName } from '../../shared/crypto/object-key.ts'
import { openStream } from '../../shared/crypto/object-stream.ts'
import { PIECE_BYTES, type Pieces, pieceBytes, readPiece } from '../../shared/device/kept-pieces.ts'
import { AppError, isAppError } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { ObjectId } from '../../shared/format/ids.ts'

/** Sealed bytes `[from, to)` from the server, and the size of the whole object. */
export type FetchPart = (from: number, to: number) => Promise<{ bytes: Bytes; totalBytes: number }>

export type KeepPorts = {
  readonly pieces: Pieces
  readonly fetchPart: FetchPart
  /** Takes off what is here of the object. */
  remove(): Promise<void>
  /** How much of the object is here, 0 to 1. */
  progress(part: number): void
}

/**
 * Brings an object onto the device, from where it stopped before, and opens all of it: what does not authenticate would
 * be found out on a plane. The plaintext goes nowhere.
 * @returns its sealed size.
 * @throws {AppError} `object/tampered`, `object/wrong-size`, …, and what `fetchPart` and the storage throw; what came from
 *   the server stays where the fault is not its own.
 */
export async function keepObject(name: ObjectName, id: ObjectId, ports: KeepPorts): Promise<number> {
  const before = await readPiece(name.mediaId, id, 0)
  try {
    return await bring(name, id, ports, before)
  } catch (error) {
    if (!isBytesFault(error)) throw error
    // A disk that lies, or an object that was cut off at another size: once more, all from the server.
    await ports.remove()
    if (!before) throw error
    return bring(name, id, ports, null)
  }
}

type Part = { bytes: Bytes; totalBytes: number }

async function bring(name: ObjectName, id: ObjectId, ports: KeepPorts, kept: Part | null): Promise<number> {
  const { pieces, fetchPart, progress } = ports
  const load = async (index: number): Promise<Part> => {
    const part = await fetchPart(index * PIECE_BYTES, (index + 1) * PIECE_BYTES)
    await pieces.write(id, index, part.bytes, part.totalBytes)
    return part
  }
  const first = kept ?? (await load(0))
  const { totalBytes } = first
  const count = Math.max(1, Math.ceil(totalBytes / PIECE_BYTES))

  async function* sealed(): AsyncGenerator<Bytes, void, undefined> {
    for (let index = 0; index < count; index++) {
      const part = index === 0 ? first : ((await readPiece(name.mediaId, id, index)) ?? (await load(index)))
      if (part.totalBytes !== totalBytes || part.bytes.length !== pieceBytes(totalBytes, index))
        throw new AppError('object/wrong-size', 'pieces of different objects')
      progress((index + 1) / count)
      yield part.bytes
    }
  }
  for await (const _plain of openStream(name, totalBytes, sealed())) {
    // Authenticated, and dropped.
  }
  return totalBytes
}

function isBytesFault(error: unknown): boolean {
  return (
    isAppError(error) &&
    ['object/tampered', 'object/wrong-size', 'object/wrong-key', 'object/bad-header'].includes(error.code)
  )
}
