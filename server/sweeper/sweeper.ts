import type { Deps } from '../deps.ts'
import { createJobs } from '../jobs/jobs.ts'
import { createObjects } from '../media/objects.ts'
import { sweepChat } from '../messages/sweep.ts'
import { createUploads } from '../uploads/uploads.ts'
import { sweepMedia } from './sweep.ts'

const EVERY_MS = 3600_000
const EXPIRE_EVERY_MS = 15_000
const CHAT_EVERY_MS = 60_000

/** Sweeps at the start and every hour; what disappears, and the jobs of silent workers, more often. */
export function startSweeper(deps: Deps): { stop(): Promise<void> } {
  const jobs = createJobs(deps)
  const uploads = createUploads(deps, createObjects(deps, jobs))
  const safely = (what: () => Promise<void>) => () =>
    what().catch((err) => {
      if (!deps.stopping.aborted) deps.logger.error({ err }, 'sweeping failed')
    })
  const sweep = safely(() => sweepMedia(deps, uploads))
  const expire = safely(jobs.expire)
  const chat = safely(() => sweepChat(deps))

  let running = safely(jobs.extendLeases)().then(chat).then(sweep)
  const then = (next: () => Promise<void>) => () => {
    running = running.then(next)
  }
  const timers = [
    setInterval(then(sweep), EVERY_MS),
    setInterval(then(chat), CHAT_EVERY_MS),
    setInterval(then(expire), EXPIRE_EVERY_MS),
  ]
  return {
    async stop() {
      for (const timer of timers) clearInterval(timer)
      await running
    },
  }
}
