/** Where playback stands. */
export type Place = { readonly seconds: number; readonly isPlaying: boolean }

const KEY = 'kith/place'

/**
 * Keeps the place for this address in this tab: a lock and a reload load the page anew. Not in the history's state,
 * which a page that is on its way out can no longer change.
 */
export function rememberPlace(place: Place): void {
  sessionStorage.setItem(KEY, JSON.stringify({ path: location.pathname, ...place }))
}

/** The place that was kept for this address, once. */
export function recallPlace(): Place | null {
  const kept = sessionStorage.getItem(KEY)
  sessionStorage.removeItem(KEY)
  if (kept === null) return null
  const { path, seconds, isPlaying }: Partial<Place & { path: string }> = JSON.parse(kept)
  if (path !== location.pathname || typeof seconds !== 'number' || !(seconds >= 0)) return null
  return { seconds, isPlaying: isPlaying === true }
}
