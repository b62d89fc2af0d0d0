import type { Busy } from './busy.ts'
import { passAppError } from './passing.ts'

type Screen = { readonly wakeLock?: { request(type: 'screen'): Promise<{ release(): Promise<void> }> } }

/** The screen stays on while something is sent, fetched, recorded or plays: a phone that sleeps stops it. */
export function keepAwake(
  busy: Pick<Busy, 'reasons' | 'isAtWork'>,
  device: Screen = navigator,
  page: Document = document,
): void {
  let held: Promise<{ release(): Promise<void> } | null> | null = null
  const look = () => {
    const isWanted = busy.isAtWork && page.visibilityState === 'visible'
    if (isWanted === (held !== null) || !device.wakeLock) return
    if (isWanted) {
      // Refused where the battery is low: then it sleeps.
      held = device.wakeLock.request('screen').catch(() => null)
      return
    }
    void held?.then((lock) => lock?.release()).catch(passAppError)
    held = null
  }
  busy.reasons.watch(look)
  // The browser takes it away from a page that is hidden.
  page.addEventListener('visibilitychange', look)
  look()
}
