import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { MESSAGES_A_MINUTE } from '../../shared/wire/connections.ts'
import { RateLimitedError } from './problems.ts'

/** How many times, in how many seconds, for one key: an address unless the name says otherwise. A sign-in and a sign-up take two. */
const LIMITS = {
  read: { points: 3000, durationS: 60 },
  write: { points: 1200, durationS: 60 },
  /** Objects and pieces of uploads: many small ones while a worker sends segments. */
  object: { points: 12_000, durationS: 60 },
  job: { points: 1200, durationS: 60 },
  'sign-in': { points: 60, durationS: 300 },
  /** For one user name, from anywhere: guessing one password from many addresses. */
  'sign-in-name': { points: 20, durationS: 300 },
  'sign-up': { points: 40, durationS: 3600 },
  recovery: { points: 10, durationS: 900 },
  'recovery-name': { points: 10, durationS: 900 },
  invite: { points: 30, durationS: 600 },
  worker: { points: 60, durationS: 600 },
  // Of one account, from wherever it comes:
  message: { points: MESSAGES_A_MINUTE, durationS: 60 },
  /** More than text of a whole day at full speed; the largest messages all day long would fill the disk. */
  'message-bytes': { points: 64 * 2 ** 20, durationS: 86_400 },
  /** Conversations that are asked about; a device that starts asks about all of them. */
  'catch-up': { points: 6000, durationS: 60 },
  /** What is read, encoded and held until a slow reader has taken it; more than years of text, for a new device. */
  'answer-bytes': { points: 256 * 2 ** 20, durationS: 60 },
  /** Items of a vault: each is a question to the database inside one transaction. */
  'vault-item': { points: 3000, durationS: 60 },
  /** Statements of one's identity, which everybody reads whole: a new password, a new way to unlock. */
  identity: { points: 30, durationS: 86_400 },
  /** Entries of group logs, which are read whole and verified on every device; and how long they are. */
  'group-entry': { points: 500, durationS: 86_400 },
  'group-bytes': { points: 4 * 2 ** 20, durationS: 86_400 },
  /** New keys of conversations; how many are stored for one counts by the day. */
  rotation: { points: 60, durationS: 60 },
  /** Requests that were refused count as well: how many are stored counts by the day. */
  request: { points: 60, durationS: 3600 },
  /** Somebody who tries names one after the other. */
  search: { points: 60, durationS: 60 },
  receipt: { points: 240, durationS: 60 },
  typing: { points: 60, durationS: 60 },
} as const
export type LimitName = keyof typeof LIMITS

export interface Limits {
  /** @throws {RateLimitedError} */
  consume(name: LimitName, key: string, points?: number): Promise<void>
}

export function createLimits(scale: number): Limits {
  const limiters = new Map(
    Object.entries(LIMITS).map(([name, { points, durationS }]) => [
      name,
      new RateLimiterMemory({ keyPrefix: name, points: points * scale, duration: durationS }),
    ]),
  )
  return {
    async consume(name, key, points = 1) {
      try {
        await limiters.get(name)?.consume(key, points)
      } catch (refusal) {
        if (refusal instanceof RateLimiterRes) throw new RateLimitedError(refusal.msBeforeNext)
        throw refusal
      }
    },
  }
}

/** What counts as one address: an IPv6 client has a whole /64 to itself and must not get a budget for each of them. */
export function addressKey(ip: string): string {
  if (!ip.includes(':') || ip.toLowerCase().startsWith('::ffff:')) return ip.replace(/^::ffff:/i, '')
  const [head = '', tail] = ip.split('%', 1).join('').split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length)
  return [...left, ...Array<string>(zeros).fill('0'), ...right].slice(0, 4).join(':')
}
