import type { Deps } from '../deps.ts'
import type { Uploads } from '../uploads/uploads.ts'
import { sweepMedia } from './sweep.ts'

const EVERY_MS = 3600_000

/** Sweeps at the start and every hour, until the server stops. */
export function startSweeper(deps: Deps, uploads: Uploads): void {
  const run = async () => {
    try {
      await sweepMedia(deps, uploads)
    } catch (err) {
      if (!deps.stopping.aborted) deps.logger.error({ err }, 'sweeping failed')
    }
  }
  let running = run()
  const timer = setInterval(() => {
    running = running.then(run)
  }, EVERY_MS)
  timer.unref()
  deps.stopping.addEventListener('abort', () => clearInterval(timer), { once: true })
}
