import type { Deps } from '../deps.ts'
import type { Notice } from '../realtime/events.ts'
import { granteesOf } from './access.ts'

/** What a group is told of an item, the friends who may see that item are told as well: so a chat learns that it is ready. */
export function startGrantRelay({ db, events, logger }: Deps): { stop(): Promise<void> } {
  let running = Promise.resolve()

  async function relay(notice: Notice): Promise<void> {
    if (notice.kind !== 'event' || (notice.name !== 'media' && notice.name !== 'job')) return
    for (const account of await granteesOf(db, notice.payload.mediaId)) {
      if (notice.name === 'media') events.publish({ account }, 'media', notice.payload)
      else events.publish({ account }, 'job', notice.payload)
    }
  }

  const stop = events.listen((notice) => {
    // What went to an account came from here, or concerns that account alone.
    if (notice.kind !== 'event' || typeof notice.to === 'string' || !('group' in notice.to)) return
    // One after the other: progress must not run backwards.
    running = running.then(() => relay(notice)).catch((err) => logger.error({ err }, 'grantees were not told'))
  })
  return {
    async stop() {
      stop()
      await running
    },
  }
}
