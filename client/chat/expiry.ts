/**
 * When a message disappears: counted from the sender's own time or the server's, whichever is earlier, so that no wrong
 * clock of theirs keeps it longer than it was meant to stay; against a reader's that is late, see `ChatContext.latest`.
 * `null`: never.
 */
export function expiryOf(of: { sentAt: number; createdAt: number; ttlMs: number | null }): number | null {
  return of.ttlMs === null ? null : Math.min(of.sentAt, of.createdAt) + of.ttlMs
}
