import * as z from 'zod/mini'
import { readSealed, writeSealed } from '../../shared/device/sealed-store.ts'
import { fromUtf8, utf8 } from '../../shared/format/bytes.ts'
import { knownGood, noteGood } from '../../shared/logs/known-good.ts'

const NAME = 'verified'
/** Logs of circles and friends; of a library what was met last. */
const MAX = 1024
/** What lies there already. */
let kept: ReadonlySet<string> = new Set()
const digests = z.array(z.string().check(z.regex(/^[\w-]{43}$/)))

/**
 * A start reads the same logs as the one before, and their signatures are most of its work. Which were good is kept under the
 * device key, so that nobody else can add to it; a lock takes it away.
 */
export async function trustVerified(): Promise<void> {
  try {
    const plain = await readSealed(NAME)
    if (!plain) return
    kept = new Set(z.decode(digests, JSON.parse(fromUtf8(plain))))
    for (const digest of kept) noteGood(digest)
  } catch {
    // Locked since, or changed by another hand: everything is verified anew.
  }
}

/** @throws {AppError} `vault/locked` */
export async function keepVerified(): Promise<void> {
  const now = knownGood(MAX)
  if (now.every((digest) => kept.has(digest))) return
  await writeSealed(NAME, utf8(JSON.stringify(now)))
  kept = new Set(now)
}
