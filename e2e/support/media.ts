import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
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

/** A picture as cameras make it. @returns its path. */
export async function makePhoto(path: string): Promise<string> {
  await run('ffmpeg', ['-v', 'error', '-y', '-f', 'lavfi', '-i', 'testsrc2=size=1200x800', '-frames:v', '1', path])
  return path
}
