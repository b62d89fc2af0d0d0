import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Real files, where the folder is there (`.ci/run` sets it). */
export function corpusFile(name: string): string | undefined {
  const folder = process.env.KITH_CORPUS
  if (folder === undefined) return undefined
  const path = join(folder, name)
  return existsSync(path) ? path : undefined
}

/** A test picture with sound: moving, so that frames differ, and small enough to convert in seconds. */
export async function makeVideo(
  path: string,
  options: { seconds?: number; width?: number; height?: number; title?: string; codec?: string[] } = {},
): Promise<void> {
  const {
    seconds = 8,
    width = 1280,
    height = 720,
    title,
    codec = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '48'],
  } = options
  const source = `testsrc2=size=${width}x${height}:rate=24:duration=${seconds}`
  const tone = `sine=frequency=440:duration=${seconds}`
  const metadata =
    title === undefined ? [] : ['-metadata', `title=${title}`, '-metadata', `location=+48.2082+016.3738/${title}`]
  await run('ffmpeg', [
    ...['-v', 'error', '-y', '-f', 'lavfi', '-i', source, '-f', 'lavfi', '-i', tone],
    ...[...codec, '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-shortest', ...metadata, path],
  ])
}

/** A tone, as long as a song. @returns its path. */
export async function makeSound(path: string): Promise<string> {
  await run('ffmpeg', ['-v', 'error', '-y', '-f', 'lavfi', '-i', 'sine=frequency=440:duration=120', path])
  return path
}

/** A picture as cameras make it. @param description what its Exif says of it (JPEG alone). @returns its path. */
export async function makePhoto(path: string, description?: string): Promise<string> {
  await run('ffmpeg', ['-v', 'error', '-y', '-f', 'lavfi', '-i', 'testsrc2=size=1200x800', '-frames:v', '1', path])
  if (description !== undefined) {
    const jpeg = await readFile(path)
    await writeFile(path, Buffer.concat([jpeg.subarray(0, 2), exifSegment(description), jpeg.subarray(2)]))
  }
  return path
}

/** Exif 2.32 §4.5.4, with ImageDescription alone. */
function exifSegment(description: string): Buffer {
  const text = Buffer.from(`${description}\0`, 'ascii')
  const TIFF_HEADER = 8
  const ifd = Buffer.alloc(2 + 12 + 4)
  ifd.writeUInt16BE(1, 0)
  ifd.writeUInt16BE(0x010e, 2)
  ifd.writeUInt16BE(2, 4) // ASCII
  ifd.writeUInt32BE(text.length, 6)
  ifd.writeUInt32BE(TIFF_HEADER + ifd.length, 10)
  const body = Buffer.concat([Buffer.from('Exif\0\0MM\0\x2a\0\0\0\x08', 'latin1'), ifd, text])
  const marker = Buffer.from([0xff, 0xe1, 0, 0])
  marker.writeUInt16BE(2 + body.length, 2)
  return Buffer.concat([marker, body])
}
