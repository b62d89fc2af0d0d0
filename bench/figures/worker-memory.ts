import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Person } from '../../e2e/support/person.ts'
import { type Bench, figure } from '../figure.ts'
import { memoryOf } from '../memory.ts'
import { withPerson } from '../world.ts'

const SOURCE_BYTES = 2 * 2 ** 30
const FRAME_BYTES = 1280 * 720 * 1.5

/** The most that the worker's own process ever holds, beside ffmpeg, from its start to the end of a source of 2 GiB. */
export const bench: Bench = {
  name: 'worker-memory',
  run: (log) =>
    withPerson({ worker: false }, async (ada, world) => {
      await world.startWorker({}, true)
      await ada.enrolWorker()
      log('making a source of 2 GiB')
      const video = join(world.folder, 'source.avi')
      const frames = Math.ceil(SOURCE_BYTES / FRAME_BYTES)
      const source = ['-f', 'lavfi', '-i', 'testsrc2=s=1280x720:r=60', '-frames:v', String(frames)]
      spawnSync('ffmpeg', ['-v', 'error', ...source, '-c:v', 'rawvideo', '-pix_fmt', 'yuv420p', video])
      if (statSync(video).size < SOURCE_BYTES) throw new Error('the source is too small')
      log('uploading and converting it')
      await ada.upload(video)
      const { worker } = world
      if (!worker) throw new Error('no worker')
      const state = await Promise.race([endOfJob(ada), worker.exited.then((code) => `worker ended: ${code}`)])
      if (state !== 'done') throw new Error(`the source was not converted: ${state}`)
      const { peakMib } = await memoryOf(worker.pid)
      return [figure('worker memory beside ffmpeg, 2 GiB source', 'MiB', { ours: peakMib }, { atMost: 150 })]
    }),
}

/** How the only job ended, as the activity screen shows it; waits for as long as that takes. */
async function endOfJob(ada: Person): Promise<string | null> {
  await ada.go('Activity')
  const ended = ada.page.locator('li:is([data-state=done], [data-state=failed], [data-state=cancelled])')
  await ended.waitFor({ timeout: 0 })
  return ended.getAttribute('data-state')
}
