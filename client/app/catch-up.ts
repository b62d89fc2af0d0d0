import type { Session } from './session.ts'

const FIRST_MS = 2000
const LONGEST_MS = 120_000

/**
 * Asks a server that is not there again, ever less often, as long as Kith is open: a page that never reached it has no
 * connection that tells, and a phone says that it has a network before it can reach anything. Nobody asks for a session
 * that is over, nor while nobody looks; whoever comes back to Kith waits for no pause.
 */
export function startCatchingUp(session: Pick<Session, 'state' | 'isOnline' | 'isExpired' | 'catchUp'>): void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let pauseMs = FIRST_MS
  const isAway = () => session.state.value.kind === 'unlocked' && !session.isOnline && !session.isExpired.value
  const ask = () => {
    clearTimeout(timer)
    timer = undefined
    void session.catchUp().finally(look)
  }
  const askSoon = () => {
    pauseMs = FIRST_MS
    ask()
  }
  const look = () => {
    if (!isAway()) {
      clearTimeout(timer)
      timer = undefined
      pauseMs = FIRST_MS
    } else if (timer === undefined && document.visibilityState === 'visible') {
      // Not all devices at the same moment.
      timer = setTimeout(ask, pauseMs * (0.75 + Math.random() / 2))
      pauseMs = Math.min(pauseMs * 2, LONGEST_MS)
    }
  }
  session.state.watch(look)
  session.isExpired.watch(look)
  window.addEventListener('online', askSoon)
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') {
      if (isAway()) askSoon()
    } else {
      clearTimeout(timer)
      timer = undefined
    }
  })
  look()
}
