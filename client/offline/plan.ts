import { AppError } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import { fromUtf8 } from '../../shared/format/bytes.ts'
import { ORIGINAL, parseObjectName, THUMB } from '../../shared/format/object-name.ts'
import type { Card } from '../../shared/wire/card.ts'
import type { WorkerDocument } from '../../shared/wire/worker-document.ts'
import type { Item } from '../media/items.ts'

/** A rendition that can be kept. */
export type Choice = { readonly height: number | null; readonly label: string; readonly estimatedBytes: number }

/** Opens one object of the item, whole. */
export type OpenObject = (name: string) => Promise<Bytes>

const LINES_MAX = 50_000

/** What can be kept of an item: its renditions, smallest first, and the original. */
export function choicesOf(card: Card, made: WorkerDocument | null): Choice[] {
  const seconds = (made?.durationMs ?? card.durationMs ?? 0) / 1000
  const renditions = [...(made?.renditions ?? [])].sort((a, b) => a.bandwidth - b.bandwidth)
  return [
    ...renditions.map(({ name, width, height, bandwidth }) => ({
      height: Math.min(width, height),
      label: name,
      // Peak rate: what it takes is rarely more.
      estimatedBytes: Math.ceil((bandwidth / 8) * seconds),
    })),
    { height: null, label: renditions.length > 0 ? 'Original' : 'As it is', estimatedBytes: card.sizeBytes },
  ]
}

/** Lines that are enough for a phone. */
export const USUAL_LINES = 720

/** What is kept where nobody chose: the largest rendition up to `most` lines, else the smallest, else the original. */
export function usualHeight(choices: readonly Choice[], most: number | null = USUAL_LINES): number | null {
  if (most === null) return null
  const renditions = choices.filter(({ height }) => height !== null)
  const fitting = renditions.filter(({ height }) => (height as number) <= most)
  return (fitting.at(-1) ?? renditions[0])?.height ?? null
}

/**
 * Whether renditions of an item, or better ones, are still to come.
 * @param hasWorker its group: a job that nobody is there to take would be waited for without end.
 */
export function isToBeMade({ record: { job }, card, made }: Item, hasWorker: boolean): boolean {
  if (made?.status === 'ready' || made?.status === 'nothing-to-do') return false
  const isVideo = made?.kind === 'video' || card?.type.startsWith('video/') === true
  const isUnderWay = job !== null && ['queued', 'waiting_resource', 'running'].includes(job.state)
  return hasWorker && isVideo && isUnderWay
}

/**
 * Names of everything that showing the item asks for, playlists first: pictures, and the renditions of that height,
 * resp. the original.
 * @throws {AppError} `format/invalid` on a playlist that names anything but objects of the item.
 */
export async function planOf(
  card: Card,
  made: WorkerDocument | null,
  height: number | null,
  open: OpenObject,
): Promise<string[]> {
  const pictures = [...(card.hasThumb ? [THUMB] : []), ...(made?.poster ? [made.poster] : [])]
  const { master } = made ?? {}
  if (height === null || !master) return [...pictures, ORIGINAL]
  const variants = variantsOf(fromUtf8(await open(master)), master)
  const chosen = variants.find((variant) => variant.height === height) ?? variants[0]
  if (!chosen) throw new AppError('format/invalid', 'a master playlist without renditions')
  const playlist = fromUtf8(await open(chosen.name))
  return [...pictures, master, chosen.name, ...filesOf(playlist, chosen.name)]
}

/** Renditions that a master playlist names (RFC 8216 §4.3.4.2). */
export function variantsOf(text: string, name: string): { name: string; height: number }[] {
  const variants: { name: string; height: number }[] = []
  let height: number | undefined
  for (const line of linesOf(text)) {
    const size = /^#EXT-X-STREAM-INF:.*RESOLUTION=(\d{1,5})x(\d{1,5})/.exec(line)
    if (size) height = Math.min(Number(size[1]), Number(size[2]))
    if (line.startsWith('#')) continue
    variants.push({ name: beside(name, line), height: height ?? 0 })
    height = undefined
  }
  return variants
}

/** Files that a media playlist names: its initialisation and its segments. */
export function filesOf(text: string, name: string): string[] {
  const files: string[] = []
  for (const line of linesOf(text)) {
    const map = /^#EXT-X-MAP:URI="([^"]+)"/.exec(line)
    if (map?.[1] !== undefined) files.push(beside(name, map[1]))
    if (!line.startsWith('#')) files.push(beside(name, line))
  }
  return files
}

function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/, LINES_MAX + 1)
  if (lines.length > LINES_MAX) throw new AppError('format/invalid', 'a playlist without end')
  return lines.map((line) => line.trim()).filter((line) => line !== '')
}

/** A file beside the playlist; never outside of it: `parseObjectName` knows neither `..` nor hosts. */
function beside(playlist: string, file: string): string {
  return parseObjectName(`${playlist.slice(0, playlist.lastIndexOf('/'))}/${file}`)
}
