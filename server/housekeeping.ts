import { sweepSessions } from './accounts/sessions.ts'
import type { WorkerTokenRow } from './db/rows.ts'
import type { Deps } from './deps.ts'
import { sweepInvites } from './groups/invites.ts'

const EVERY_MS = 10 * 60_000

/** Removes what has run out, now and then. Everything is checked again where it is used: this is for the space. */
export function startHousekeeping(deps: Deps): { stop(): Promise<void> } {
  let running = sweep(deps)
  const timer = setInterval(() => {
    running = running.then(() => sweep(deps))
  }, EVERY_MS)
  return {
    async stop() {
      clearInterval(timer)
      await running
    },
  }
}

async function sweep(deps: Deps): Promise<void> {
  try {
    await sweepSessions(deps)
    await sweepInvites(deps)
    await deps.db<WorkerTokenRow>('worker_tokens').where('expires_at', '<=', deps.clock.now()).delete()
  } catch (err) {
    deps.logger.error({ err }, 'housekeeping failed')
  }
}
