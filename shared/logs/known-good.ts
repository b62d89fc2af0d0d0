/**
 * Signatures that were found good, as digests of key, signature and message, an entry's of key, hash and label; what was met last stands last. The same log is
 * read when a device starts, when the server answers, and after each change.
 */
const good = new Set<string>()
const MAX = 4096

export function isKnownGood(digest: string): boolean {
  if (!good.delete(digest)) return false
  good.add(digest)
  return true
}

export function noteGood(digest: string): void {
  good.add(digest)
  for (const oldest of good) {
    if (good.size <= MAX) break
    good.delete(oldest)
  }
}

/** What was met last, at most `count`, for the next start of this device. */
export function knownGood(count: number): readonly string[] {
  return [...good].slice(-count)
}
