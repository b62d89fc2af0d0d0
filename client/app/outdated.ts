import { type DeviceDb, openDevice } from '../../shared/device/db.ts'

const TRIES = 10
const PAUSE_MS = 200

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
    const db = await openPatiently()
    if (!db) return
    if (!isFirst) onAnew()
    // It was taken away: by a newer version, or by a browser that cleared it; opening it again tells which.
    await new Promise((resolve) => {
      db.addEventListener('versionchange', resolve, { once: true })
      db.addEventListener('close', resolve, { once: true })
    })
  }
}

/** A browser that clears what it keeps refuses for a moment. `null`: it belongs to a newer version. */
async function openPatiently(): Promise<DeviceDb | null> {
  for (let triesLeft = TRIES; ; triesLeft--) {
    try {
      return await openDevice()
    } catch (error) {
      if (isOutdated(error)) return null
      if (triesLeft === 0) throw error
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }
}
