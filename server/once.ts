import { toBase64Url } from '../shared/format/base64url.ts'
import type { Clock, Random } from './deps.ts'

/** What a handshake keeps between its two steps: in memory only, for a short time, taken once. */
export interface Once<T> {
  put(value: T): string
  /** `null` where the id is unknown, taken already or too old. */
  take(id: string): T | null
}

/** At most `max` at once: when more are asked for, the oldest go. */
export function createOnce<T>(
  { clock, random }: { clock: Clock; random: Random },
  ttlMs: number,
  max = 10_000,
): Once<T> {
  // A Map keeps the order of arrival, so the oldest are in front.
  const kept = new Map<string, { value: T; expiresAtMs: number }>()
  return {
    put(value) {
      const now = clock.now()
      for (const [id, { expiresAtMs }] of kept) {
        if (expiresAtMs > now && kept.size < max) break
        kept.delete(id)
      }
      const id = toBase64Url(random(32))
      kept.set(id, { value, expiresAtMs: now + ttlMs })
      return id
    },
    take(id) {
      const found = kept.get(id)
      kept.delete(id)
      return found && found.expiresAtMs > clock.now() ? found.value : null
    },
  }
}
