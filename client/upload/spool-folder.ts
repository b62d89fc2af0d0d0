/** In the origin's private file system: sealed pieces that wait to be sent. */
export const SPOOL_FOLDER = 'spool'

/** Whoever is signed out leaves no ciphertext. What is being written right now goes at the next start, once its writer is gone. */
export async function eraseSpool(): Promise<void> {
  try {
    const root = await navigator.storage.getDirectory()
    await root.removeEntry(SPOOL_FOLDER, { recursive: true })
  } catch {
    // No such folder, or no such file system: private windows of some engines refuse it.
  }
}
