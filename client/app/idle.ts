import { isAnyTabBusy } from './busy.ts'
import type { Services } from './services.ts'

const KEY = 'kith/lock-after-minutes'
const USED_KEY = 'kith/used-at'
const CHANNEL = 'kith/idle'
const DEFAULT_MINUTES = 30
const CHECK_MS = 15_000
/** How long other tabs have to say that they are in use. */
const ANSWER_MS = 2000
/** By so much a clock may be set back while Kith is closed. */
const BACK_MS = 60_000
export const IDLE_CHOICES = [1, 5, 15, 30, 120] as const

export function readIdleMinutes(): number {
  const kept = Number(localStorage.getItem(KEY))
  return IDLE_CHOICES.some((minutes) => minutes === kept) ? kept : DEFAULT_MINUTES
}

export function writeIdleMinutes(minutes: number): void {
  localStorage.setItem(KEY, String(minutes))
}

/** Writes down that Kith is used, for the next start; not into the device's database, which takes nothing from a page that closes. */
export function noteUse(at = Date.now()): void {
  const now = Date.now()
  const noted = readUse()
  // Another tab may know of later use; one from before the clock was set back counts no more.
  if (noted !== null && noted >= at && noted <= now) return
  try {
    localStorage.setItem(USED_KEY, String(Math.min(at, now)))
  } catch {
    // No room: the next start asks for the password.
  }
}

function readUse(): number | null {
  const noted = localStorage.getItem(USED_KEY)
  return noted === null ? null : Number(noted)
}

/**
 * Whether Kith was left for so long that it must not open by itself. Nobody locks in time what is closed, and phones close
 * within minutes what is in the background. Where no note says when it was used, or the clock was set back behind it, the
 * password is asked for: that costs no work, and what takes the note away must not keep Kith open.
 */
export async function wasLeft(): Promise<boolean> {
  const ago = Date.now() - (readUse() ?? 0)
  const isRecent = ago <= readIdleMinutes() * 60_000 && ago >= -BACK_MS
  return !isRecent && !(await isUsedElsewhere())
}

/** A tab in the background that is at work: its timer, which notes that, may come once a minute only. */
async function isUsedElsewhere(): Promise<boolean> {
  if (!(await isAnyTabBusy())) return false
  const tabs = new BroadcastChannel(CHANNEL)
  try {
    return await new Promise((resolve) => {
      tabs.onmessage = ({ data }: MessageEvent<number | 'idle?'>) => data !== 'idle?' && resolve(true)
      tabs.postMessage('idle?')
      setTimeout(() => resolve(false), ANSWER_MS)
    })
  } finally {
    tabs.close()
  }
}

/**
 * Locks when nobody has touched Kith for a while; not while something is sent, fetched, recorded or plays. Sleep of the machine counts.
 * Locking one tab locks all. So each tells the others when it is used, and asks them before it locks: a tab in the
 * background may have slept through what it was told.
 */
export function startIdleLock({ session, busy }: Pick<Services, 'session' | 'busy'>): void {
  const tabs = new BroadcastChannel(CHANNEL)
  let touchedAt = Date.now()
  let toldAt = 0
  let isAsking = false
  let isOpen = false
  const isUnlocked = () => session.state.value.kind === 'unlocked'
  /** Of what is open: nobody keeps Kith open by touching a page that is locked, or only starts. */
  const tell = () => {
    if (!isUnlocked()) return
    toldAt = Date.now()
    noteUse(touchedAt)
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
    // Told in the future: the clock was set back since.
    if (touchedAt - toldAt >= CHECK_MS || toldAt > touchedAt) tell()
  }
  const check = async () => {
    if (isAsking || !isUnlocked()) return
    if (isIdle()) {
      isAsking = true
      tabs.postMessage('idle?')
      await new Promise((resolve) => setTimeout(resolve, ANSWER_MS))
      isAsking = false
      if (isIdle() && isUnlocked()) await session.lock()
    } else if (busy.isAtWork) tell()
  }
  /** Perhaps for good: a phone ends what is in the background without a word. */
  const leave = () => {
    if (!isIdle() && (touchedAt > toldAt || toldAt > Date.now())) tell()
  }
  tabs.onmessage = ({ data }: MessageEvent<number | 'idle?'>) => {
    if (data !== 'idle?') touchedAt = Math.max(touchedAt, data)
    else if (!isIdle()) tell()
  }
  session.state.watch(() => {
    const opens = isUnlocked() && !isOpen
    isOpen = isUnlocked()
    if (!opens) return
    // However long the lock screen stood there.
    touchedAt = Date.now()
    tell()
  })
  for (const type of ['pointerdown', 'keydown', 'wheel', 'touchstart']) {
    window.addEventListener(type, touch, { passive: true })
  }
  setInterval(() => void check(), CHECK_MS)
  document.addEventListener('visibilitychange', () => {
    leave()
    void check()
  })
  window.addEventListener('pagehide', leave)
}
