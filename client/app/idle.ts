import type { Services } from './services.ts'

const KEY = 'kith/lock-after-minutes'
const DEFAULT_MINUTES = 30
const CHECK_MS = 15_000
export const IDLE_CHOICES = [1, 5, 15, 30, 120] as const

export function readIdleMinutes(): number {
  const kept = Number(localStorage.getItem(KEY))
  return IDLE_CHOICES.some((minutes) => minutes === kept) ? kept : DEFAULT_MINUTES
}

export function writeIdleMinutes(minutes: number): void {
  localStorage.setItem(KEY, String(minutes))
}

/** Locks when nobody has touched Kith for a while; not while it plays or uploads. Sleep of the machine counts. */
export function startIdleLock({ session, busy }: Pick<Services, 'session' | 'busy'>): void {
  let touchedAt = Date.now()
  for (const type of ['pointerdown', 'keydown', 'wheel', 'touchstart']) {
    window.addEventListener(type, () => (touchedAt = Date.now()), { passive: true })
  }
  const check = () => {
    if (busy.isBusy) touchedAt = Date.now()
    const isIdle = Date.now() - touchedAt > readIdleMinutes() * 60_000
    if (isIdle && session.state.value.kind === 'unlocked') void session.lock()
  }
  setInterval(check, CHECK_MS)
  document.addEventListener('visibilitychange', check)
}
