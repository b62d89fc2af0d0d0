import { toBase64Url } from '../../shared/format/base64url.ts'
import { type Bytes, concat } from '../../shared/format/bytes.ts'
import type { UserId } from '../../shared/format/ids.ts'
import { fingerprint } from '../../shared/logs/fingerprint.ts'

type Side = { readonly userId: UserId; readonly identityKey: Bytes }
/** docs/protocol.md §4: 60 digits in twelve groups, the same for both; `code` is what the QR code carries. */
export type SafetyNumber = { readonly groups: readonly string[]; readonly code: string }

const PREFIX = 'kith-safety:1:'

export function safetyNumber(one: Side, other: Side): SafetyNumber {
  const halves = [one, other].map(({ identityKey, userId }) => fingerprint(identityKey, userId))
  // Sorted, so that both see the same.
  const sorted = halves.sort((a, b) => (a.digits < b.digits ? -1 : 1))
  return {
    groups: sorted.flatMap(({ digits }) => digits.split(' ')),
    code: PREFIX + toBase64Url(concat(...sorted.map(({ digest }) => digest))),
  }
}

/** What a scanned code says: the same number, another one, or something else altogether. */
export function compareSafety(number: SafetyNumber, scanned: string): 'same' | 'different' | 'not-a-number' {
  if (!scanned.startsWith(PREFIX)) return 'not-a-number'
  return scanned === number.code ? 'same' : 'different'
}
