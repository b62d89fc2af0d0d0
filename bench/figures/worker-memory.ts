import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Bench, figure } from '../figure.ts'

const SOURCE_BYTES = 2 * 2 ** 30
const FRAME_BYTES = 1280 * 720 * 1.5

/** The most that the worker's own process ever holds, beside ffmpeg, while it converts a source of 2 GiB. */
export const bench: Bench = {
  name: 'worker-memory',
  async run(log) {
    const folder = mkdtempSync(join(tmpdir(), 'kith-bench-'))
    try {
      const video = join(folder, 'source.avi')
      const frames = Math.ceil(SOURCE_BYTES / FRAME_BYTES)
      log('making a source of 2 GiB')
      const source = ['-f', 'lavfi', '-i', 'testsrc2=s=1280x720:r=60', '-frames:v', String(frames)]
      spawnSync('ffmpeg', ['-v', 'error', ...source, '-c:v', 'rawvideo', '-pix_fmt', 'yuv420p', video])
      if (statSync(video).size < SOURCE_BYTES) throw new Error('the source is too small')
      log('converting it')
      const program = fileURLToPath(new URL('../worker-on-file.ts', import.meta.url))
      const child = spawn(process.execPath, [program, video], { stdio: ['ignore', 'pipe', 'inherit'] })
      let said = ''
      for await (const part of child.stdout) said += part
      const { peakMib, status } = JSON.parse(said) as { peakMib: number; status: string }
      if (status !== 'ready') throw new Error(`the source was not converted: ${status}`)
      return [figure('worker memory beside ffmpeg, 2 GiB source', 'MiB', { ours: peakMib }, { atMost: 150 })]
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}
