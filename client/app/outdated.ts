import { openDevice } from '../../shared/device/db.ts'

/** Whether the device's database belongs to a newer version of Kith than this page is. */
export function isOutdated(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'VersionError'
}

/**
 * Resolves when another tab has taken the device's database to a newer version: from then on nothing here can use it.
 * @param onAnew called when it was taken away, and can be used again: perhaps nothing is in it any more.
 */
export async function untilOutdated(onAnew: () => void): Promise<void> {
  for (let isFirst = true; ; isFirst = false) {
    const db = await openDevice().catch((error: unknown) => {
      if (isOutdated(error)) return null
      throw error
    })
    if (!db) return
    if (!isFirst) onAnew()
    // It was taken away: by a newer version, or by a browser that cleared it; opening it again tells which.
    await new Promise((resolve) => {
      db.addEventListener('versionchange', resolve, { once: true })
      db.addEventListener('close', resolve, { once: true })
    })
  }
}
