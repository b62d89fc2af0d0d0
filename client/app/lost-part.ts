import type { Busy } from './busy.ts'

const RELOADED = 'kith/reloaded-for-part'

/** What is loaded on demand came: it may be missing another time. */
export function partCame(): void {
  sessionStorage.removeItem(RELOADED)
}

/**
 * A part of the program that is not there any more: a newer version has taken its place. The page loads anew once
 * nothing is interrupted.
 * @returns `false` where that was tried, and did not help.
 */
export function reloadForPart(busy: Busy): boolean {
  if (sessionStorage.getItem(RELOADED)) return false
  sessionStorage.setItem(RELOADED, '1')
  void busy.reasons.until(({ size }) => size === 0).then(() => location.reload())
  return true
}
