import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bytes } from '../shared/format/bytes.ts'
import type { WorkerDocument } from '../shared/wire/worker-document.ts'
import { findTools, type Tools } from './ffmpeg/tools.ts'
import { createLoopback } from './loopback.ts'
import { createUploads } from './media/uploads.ts'
import { processVideo, type VideoJob } from './media/video.ts'
import type { Source } from './source.ts'

/** For tests: media made by ffmpeg, and the pipeline between two memories. */
export const folder = mkdtempSync(join(tmpdir(), 'kith-worker-'))

/** Runs ffmpeg with `args` and gives the file it made. */
export function generate(name: string, ...args: string[]): Bytes {
  const path = join(folder, name)
  const made = spawnSync('ffmpeg', ['-v', 'error', '-y', ...args, path], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(made.stderr)
  return new Uint8Array(readFileSync(path))
}

export const picture = (size: string, seconds: number, rate = 25) => [
  ...['-f', 'lavfi', '-i', `testsrc2=s=${size}:r=${rate}:d=${seconds}`],
]
export const tone = (seconds: number) => ['-f', 'lavfi', '-i', `sine=f=440:r=44100:d=${seconds}`]
/** Fast to make, and (by its profile) never copied. */
export const CHEAP = ['-c:v', 'mpeg4', '-q:v', '5', '-c:a', 'aac']

export function memorySource(bytes: Bytes): Source {
  return { sizeBytes: bytes.length, read: async (start, end) => bytes.subarray(start, end) }
}

export type Made = {
  readonly document: WorkerDocument
  readonly documents: readonly WorkerDocument[]
  /** What had arrived when each of them was announced. */
  readonly arrived: readonly ReadonlyMap<string, Bytes>[]
  readonly objects: ReadonlyMap<string, Bytes>
  readonly reports: readonly (readonly [stage: string, permille: number])[]
}

/** What is installed does not change under a test. */
let found: Promise<Tools> | undefined
const tools = () => (found ??= findTools('ffmpeg', 'ffprobe'))

export async function make(bytes: Bytes, changes: Partial<VideoJob> = {}): Promise<Made> {
  const objects = new Map<string, Bytes>()
  const documents: WorkerDocument[] = []
  const arrived: ReadonlyMap<string, Bytes>[] = []
  const reports: [string, number][] = []
  const loopback = await createLoopback()
  try {
    const document = await processVideo({
      source: memorySource(bytes),
      set: randomBytes(16).toString('base64url'),
      uploads: createUploads(async (name, plain) => void objects.set(name, plain)),
      announce: async (one) => {
        documents.push(one)
        arrived.push(new Map(objects))
      },
      report: (stage, permille) => void reports.push([stage, permille]),
      signal: new AbortController().signal,
      loopback,
      tools: await tools(),
      stallMs: 60_000,
      maxObjectBytes: 32 * 1024 * 1024,
      ...changes,
    })
    return { document, documents, arrived, objects, reports }
  } finally {
    await loopback.close()
  }
}

export function textOf(made: Made, name: string): string {
  return Buffer.from(made.objects.get(name) ?? []).toString('utf8')
}

/** A rendition as one file: its init segment and its segments. */
function joined(made: Made, rendition: string): Buffer {
  const base = `r/${made.document.set}/${rendition}/`
  const names = [...made.objects.keys()].filter((name) => name.startsWith(base) && name.endsWith('.m4s')).sort()
  return Buffer.concat([`${base}init.mp4`, ...names].map((name) => made.objects.get(name) ?? new Uint8Array()))
}

/** `ffprobe` of one rendition. */
export function inspect(
  made: Made,
  rendition: string,
  entries = 'stream',
): { streams: Record<string, unknown>[]; frames?: Record<string, unknown>[] } {
  const input = joined(made, rendition)
  const seen = spawnSync('ffprobe', ['-v', 'error', '-of', 'json', '-show_entries', entries, '-'], { input })
  return JSON.parse(seen.stdout.toString('utf8'))
}

/** The first frame as a player shows it, uncompressed. */
function firstFrame(made: Made, rendition: string, format: 'yuv420p' | 'rgb24') {
  const out = ['-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', format, '-']
  const { stdout } = spawnSync('ffmpeg', ['-v', 'error', '-i', '-', ...out], { input: joined(made, rendition) })
  const { streams } = inspect(made, rendition)
  return { bytes: stdout, width: Number(streams[0]?.width), height: Number(streams[0]?.height) }
}

/** Mean brightness of the first frame, as it is coded: 16 black to 235 white. */
export function luma(made: Made, rendition: string): number {
  const { bytes, width, height } = firstFrame(made, rendition, 'yuv420p')
  return bytes.subarray(0, width * height).reduce((sum, value) => sum + value, 0) / (width * height)
}

/** Which of red, green and blue is strongest in the first frame, at a place given in parts of its width and height. */
export function hueAt(made: Made, rendition: string, across: number, down: number): 'red' | 'green' | 'blue' {
  const { bytes, width, height } = firstFrame(made, rendition, 'rgb24')
  const at = 3 * (Math.floor(down * height) * width + Math.floor(across * width))
  const [red = 0, green = 0, blue = 0] = bytes.subarray(at, at + 3)
  if (red > Math.max(green, blue)) return 'red'
  return green > blue ? 'green' : 'blue'
}
