import { openObject } from '../../shared/crypto/open-object.ts'
import { changeKept, readKept, readKeptRange } from '../../shared/device/kept.ts'
import { PIECE_BYTES, Pieces, pieceBytes, readPiece, removeObjects } from '../../shared/device/kept-pieces.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { MediaId, ObjectId } from '../../shared/format/ids.ts'
import { layoutFor, sealedSize } from '../../shared/format/layout.ts'
import { ORIGINAL } from '../../shared/format/object-name.ts'
import type { Card } from '../../shared/wire/card.ts'
import type { WorkerDocument } from '../../shared/wire/worker-document.ts'
import type { Part } from './background.ts'
import { fetchParts } from './fetch-part.ts'
import { keepObject } from './keep-object.ts'
import { planOf } from './plan.ts'

/** Segments are small: several are on their way at once. */
const AT_ONCE = 4
/** How many finished objects may have to be opened again after a crash. */
const NOTE_EVERY = 8

export type Wanted = {
  readonly mediaId: MediaId
  readonly card: Card
  readonly made: WorkerDocument | null
  readonly height: number | null
  readonly contentKey: Bytes
  readonly revision: number
}
export type KeepItemPorts = {
  readonly signal: AbortSignal
  idOf(name: string): Promise<ObjectId>
  progress(part: number): void
  /** Something has come from the server, however little. */
  came(): void
  /**
   * May bring what is missing in another way first; what it does not bring is fetched here.
   * @param hereBytes what lies here of what is wanted.
   */
  fetchAhead(parts: readonly Part[], hereBytes: number): Promise<void>
}

/**
 * Brings everything that playing an item asks for onto the device; the row says `kept` only when all of it opened.
 * Killed between any two steps it goes on from the pieces that are here.
 * @throws as `planOf`, `keepObject`, `fetchAhead`
 */
export async function keepItem(wanted: Wanted, ports: KeepItemPorts): Promise<void> {
  const { signal, idOf, progress, came, fetchAhead } = ports
  const { mediaId, contentKey } = wanted
  const pieces = await Pieces.open(mediaId)
  const sizes = new Map<ObjectId, number>()
  for (const { objectId, sealedBytes } of (await readKept(mediaId))?.objects ?? [])
    if (sealedBytes !== null) sizes.set(objectId, sealedBytes)

  const bring = async (name: string, tell: (part: number) => void): Promise<void> => {
    const id = await idOf(name)
    if (sizes.has(id)) return
    const fetchPart = fetchParts(mediaId, id, { signal, came })
    const remove = () => removeObjects(mediaId, (other) => other !== id)
    sizes.set(id, await keepObject({ contentKey, mediaId, name }, id, { pieces, fetchPart, remove, progress: tell }))
  }
  const open = async (name: string): Promise<Bytes> => {
    await bring(name, () => undefined)
    const id = await idOf(name)
    return openObject({ contentKey, mediaId, name }, await readKeptRange(mediaId, id, 0, sizes.get(id) ?? 0))
  }

  const names = await planOf(wanted.card, wanted.made, wanted.height, open)
  const ids = await Promise.all(names.map(idOf))
  const wantedIds = new Set(ids)
  /** @returns whether it is so now. */
  const note = async (state: 'waiting' | 'kept'): Promise<boolean> => {
    let isNoted = false
    await changeKept(mediaId, (row) => {
      // Taken off, paused, or wanted in another quality in the meantime: that counts.
      if (row?.state !== 'waiting' || row.height !== wanted.height) return null
      isNoted = true
      const objects = ids.map((objectId) => ({ objectId, sealedBytes: sizes.get(objectId) ?? null }))
      // Until all of it is here it plays by what was kept before.
      if (state === 'waiting') {
        const before = row.objects.filter(
          ({ objectId, sealedBytes }) => sealedBytes !== null && !wantedIds.has(objectId),
        )
        return { ...row, state, objects: [...objects, ...before] }
      }
      const { master: _master, before: _before, ...rest } = row
      const playsBy = names.find((name) => name === wanted.made?.master)
      return { ...rest, state, objects, revision: wanted.revision, problem: null, ...(playsBy && { master: playsBy }) }
    })
    return isNoted
  }
  await note('waiting')
  const { missing, hereBytes } = await lookFor(wanted, names, ids)
  await fetchAhead(missing, hereBytes)

  const parts = new Map<string, number>()
  const tell = () => {
    const done = ids.filter((id) => sizes.has(id)).length
    const begun = [...parts.values()].reduce((sum, part) => sum + part, 0)
    progress(Math.min(1, (done + begun) / ids.length))
  }
  const waiting = names.filter((_, i) => !sizes.has(ids[i] as ObjectId))
  let finished = 0
  const lane = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      signal.throwIfAborted()
      const current = name
      await bring(current, (part) => {
        parts.set(current, part)
        tell()
      })
      parts.delete(current)
      tell()
      if (++finished % NOTE_EVERY === 0) await note('waiting')
    }
  }
  // What is under way ends before anything is said; what waits is left.
  const drop = (error: unknown) => {
    waiting.length = 0
    throw error
  }
  const lanes = await Promise.allSettled(Array.from({ length: AT_ONCE }, () => lane().catch(drop)))
  for (const one of lanes) {
    if (one.status === 'rejected') {
      await note('waiting')
      throw one.reason
    }
  }
  signal.throwIfAborted()
  // In this order: cancelled until here, the other quality is still whole.
  if (await note('kept')) await removeObjects(mediaId, (id) => wantedIds.has(id))
}

/** What is not on this device yet: an original in pieces, whose size its card tells; everything else is small. */
async function lookFor(
  { mediaId, card }: Wanted,
  names: readonly string[],
  ids: readonly ObjectId[],
): Promise<{ missing: Part[]; hereBytes: number }> {
  const missing: Part[] = []
  let hereBytes = 0
  for (const [index, name] of names.entries()) {
    const objectId = ids[index] as ObjectId
    const bytes = name === ORIGINAL ? sealedSize(layoutFor(card.sizeBytes)) : 1
    for (let from = 0; from < bytes; from += PIECE_BYTES) {
      const piece = await readPiece(mediaId, objectId, from / PIECE_BYTES, 0, 0)
      if (piece) hereBytes += pieceBytes(piece.totalBytes, from / PIECE_BYTES)
      else missing.push({ objectId, from, to: name === ORIGINAL ? Math.min(bytes, from + PIECE_BYTES) : null })
    }
  }
  return { missing, hereBytes }
}
