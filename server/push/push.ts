import type { PushSubscriptionRow } from '../db/chat-rows.ts'
import type { Deps } from '../deps.ts'
import type { Notice } from '../realtime/events.ts'
import { postPush } from './post.ts'

/** Between two pushes to one browser: what comes meanwhile is one push more. */
const GAP_MS = 3000
/** The browser is no longer subscribed. */
const GONE = [404, 410]

type Wake = Extract<Notice, { kind: 'wake' }>

/** Wakes browsers that sleep, beside the requests: whoever sends a message never waits for a push service. */
export function startPush(deps: Deps, gapMs = GAP_MS): { stop(): Promise<void> } {
  const { db, events, logger, config, secrets } = deps
  const ending = new AbortController()
  const running = new Set<Promise<void>>()
  /** Sessions that are being pushed to, whether once more is needed, and the subscription of one that is gone. */
  const busy = new Map<string, { again: boolean; last: PushSubscriptionRow | undefined }>()
  const subject = config.origin.startsWith('https:') ? config.origin : 'mailto:push@kith.invalid'

  // Never the error itself: it may name the endpoint, which is a secret between a browser and its push service.
  const warn = (error: unknown) => logger.warn({ cause: (error as { code?: string }).code ?? 'unknown' }, 'push failed')
  const run = (work: Promise<void>) => {
    const safe = work.catch(warn).finally(() => running.delete(safe))
    running.add(safe)
  }

  async function wake({ account, why, session }: Wake): Promise<void> {
    const all = db<PushSubscriptionRow>('push_subscriptions').where({ user_id: account })
    if (why === 'news') {
      const rows = await all.select('session_id')
      if (rows.length > 0) {
        await db<PushSubscriptionRow>('push_subscriptions').where({ user_id: account }).update({ is_pending: 1 })
      }
      for (const { session_id } of rows) enqueue(session_id)
      return
    }
    // Whatever a browser shows of what was seen elsewhere, it takes away when it is woken once more.
    const rows = await all.where({ is_pending: 1 }).select('session_id')
    if (rows.length === 0) return
    await db<PushSubscriptionRow>('push_subscriptions').where({ user_id: account }).update({ is_pending: 0 })
    for (const { session_id } of rows) if (session_id !== session) enqueue(session_id)
  }

  /** @param last of a session that is gone. */
  function enqueue(session: string, last?: PushSubscriptionRow): void {
    const state = busy.get(session)
    if (state) {
      state.again = true
      state.last ??= last
    } else {
      busy.set(session, { again: false, last })
      run(deliver(session))
    }
  }

  async function deliver(session: string): Promise<void> {
    try {
      for (;;) {
        const known = await db<PushSubscriptionRow>('push_subscriptions').where({ session_id: session }).first()
        const state = busy.get(session)
        const row = known ?? state?.last
        if (!row || ending.signal.aborted) return
        await post(row).catch(warn)
        await pause(gapMs, ending.signal)
        if (!state?.again) return
        state.again = false
      }
    } finally {
      busy.delete(session)
    }
  }

  async function post({ session_id, endpoint, topic }: PushSubscriptionRow): Promise<void> {
    const status = await postPush({
      endpoint,
      topic,
      vapid: secrets.vapid,
      subject,
      privateHosts: config.pushPrivateHosts,
      signal: ending.signal,
    })
    if (GONE.includes(status)) {
      // Only where the browser has not subscribed anew meanwhile.
      await db<PushSubscriptionRow>('push_subscriptions').where({ session_id, endpoint }).delete()
    } else if (status < 200 || status > 299) logger.warn({ status }, 'push refused')
  }

  const stop = events.listen((notice) => {
    if (notice.kind === 'wake') run(wake(notice))
    else if (notice.kind === 'wake-removed') for (const row of notice.subscriptions) enqueue(row.session_id, row)
  })
  return {
    async stop() {
      stop()
      ending.abort()
      while (running.size > 0) await Promise.all(running)
    },
  }
}

/** Ends early, without a word, when `signal` is aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
    if (signal.aborted) done()
  })
}
