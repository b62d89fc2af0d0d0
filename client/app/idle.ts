import type { Services } from './services.ts'

const KEY = 'kith/lock-after-minutes'
const DEFAULT_MINUTES = 30
const CHECK_MS = 15_000
/** How long other tabs have to say that they are in use. */
const ANSWER_MS = 2000
export const IDLE_CHOICES = [1, 5, 15, 30, 120] as const

export function readIdleMinutes(): number {
  const kept = Number(localStorage.getItem(KEY))
  return IDLE_CHOICES.some((minutes) => minutes === kept) ? kept : DEFAULT_MINUTES
}

export function writeIdleMinutes(minutes: number): void {
  localStorage.setItem(KEY, String(minutes))
}

/**
 * Locks when nobody has touched Kith for a while; not while something is sent, fetched, recorded or plays. Sleep of the machine counts.
 * Locking one tab locks all. So each tells the others when it is used, and asks them before it locks: a tab in the
 * background may have slept through what it was told.
 */
export function startIdleLock({ session, busy }: Pick<Services, 'session' | 'busy'>): void {
  const tabs = new BroadcastChannel('kith/idle')
  let touchedAt = Date.now()
  let toldAt = 0
  let isAsking = false
  const tell = () => {
    toldAt = Date.now()
    tabs.postMessage(touchedAt)
  }
  const isIdle = () => {
    if (busy.isAtWork) touchedAt = Date.now()
    return Date.now() - touchedAt > readIdleMinutes() * 60_000
  }
  const touch = () => {
    // Whoever wakes a machine that slept for long is not let in by the first key.
    if (isIdle()) return void check()
    touchedAt = Date.now()
    if (touchedAt - toldAt >= CHECK_MS) tell()
  }
  const check = async () => {
    if (isAsking || session.state.value.kind !== 'unlocked') return
    if (isIdle()) {
      isAsking = true
      tabs.postMessage('idle?')
      await new Promise((resolve) => setTimeout(resolve, ANSWER_MS))
      isAsking = false
      if (isIdle() && session.state.value.kind === 'unlocked') await session.lock()
    } else if (busy.isAtWork) tell()
  }
  tabs.onmessage = ({ data }: MessageEvent<number | 'idle?'>) => {
    if (data !== 'idle?') touchedAt = Math.max(touchedAt, data)
    else if (!isIdle()) tell()
  }
  for (const type of ['pointerdown', 'keydown', 'wheel', 'touchstart']) {
    window.addEventListener(type, touch, { passive: true })
  }
  setInterval(() => void check(), CHECK_MS)
  document.addEventListener('visibilitychange', () => void check())
}
