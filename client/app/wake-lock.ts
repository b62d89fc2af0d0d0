import type { Busy } from './busy.ts'

type Lock = Pick<WakeLockSentinel, 'release' | 'addEventListener'>
type Screen = { readonly wakeLock?: { request(type: 'screen'): Promise<Lock> } }

/** The screen stays on while something is sent, fetched, recorded or plays: a phone that sleeps stops it. */
export function keepAwake(
  busy: Pick<Busy, 'reasons' | 'isAtWork'>,
  device: Screen = navigator,
  page: Document = document,
): void {
  let held: Lock | null = null
  let isAsking = false
  /** Something has changed since it was asked. */
  let isStale = false
  /** A device that takes it away as soon as it has given it is not asked for ever. */
  let mayAskAgain = true
  const isWanted = () => busy.isAtWork && page.visibilityState === 'visible'
  const ask = async (screen: NonNullable<Screen['wakeLock']>) => {
    isAsking = true
    isStale = false
    // Refused where the battery is low, or the page was hidden meanwhile: until something changes, the device may sleep.
    const lock = await screen.request('screen').catch(() => null)
    isAsking = false
    if (!lock) {
      if (isStale && isWanted()) void ask(screen)
      return
    }
    held = lock
    lock.addEventListener('release', () => {
      if (held !== lock) return
      held = null
      if (!mayAskAgain || !isWanted()) return
      mayAskAgain = false
      void ask(screen)
    })
    // What wanted it may be over meanwhile.
    if (!isWanted()) letGo()
  }
  const letGo = () => {
    const lock = held
    held = null
    void lock?.release()
  }
  const look = () => {
    mayAskAgain = true
    isStale = true
    if (!isWanted()) letGo()
    else if (device.wakeLock && !held && !isAsking) void ask(device.wakeLock)
  }
  busy.reasons.watch(look)
  // The browser takes it away from a page that is hidden.
  page.addEventListener('visibilitychange', look)
  look()
}
