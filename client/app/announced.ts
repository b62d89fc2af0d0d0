/** No engine may hold a lock up. */
const WAIT_MS = 1000

/**
 * Takes away what announcements show of messages, and the number at the app's icon: whoever finds a locked device must
 * not read there what somebody wrote. Never fails: locking and signing out go on.
 */
export async function clearAnnounced(): Promise<void> {
  const late = new Promise((resolve) => setTimeout(resolve, WAIT_MS))
  // Engines without notifications or badges show none.
  await Promise.race([clear().catch(() => undefined), late])
}

async function clear(): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration()
  for (const shown of (await registration?.getNotifications()) ?? []) shown.close()
  await navigator.clearAppBadge?.()
}
