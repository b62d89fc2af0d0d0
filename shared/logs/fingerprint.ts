import { sha512 } from '@noble/hashes/sha2.js'
import { type Bytes, concat, u16 } from '../format/bytes.ts'
import { idBytes, type MemberId } from '../format/ids.ts'

const ROUNDS = 5200
const GROUPS = 6
const GROUP_BYTES = 5

/** docs/protocol.md §4: one person's half of a safety number, or a worker's fingerprint. */
export type Fingerprint = {
  /** Six groups of five digits, as `12345 67890 …`. */
  readonly digits: string
  /** 64 bytes: what a QR code carries. */
  readonly digest: Bytes
}

/** Takes some milliseconds, on purpose: finding a key with a given fingerprint takes that long for each try. */
export function fingerprint(identityKey: Uint8Array, id: MemberId): Fingerprint {
  let digest: Uint8Array = sha512(concat(u16(1), identityKey, idBytes(id)))
  for (let round = 0; round < ROUNDS; round++) digest = sha512(concat(digest, identityKey))
  const groups = Array.from({ length: GROUPS }, (_, group) => {
    const part = digest.subarray(group * GROUP_BYTES, (group + 1) * GROUP_BYTES)
    return String(part.reduce((value, byte) => value * 256 + byte, 0) % 100_000).padStart(5, '0')
  })
  return { digits: groups.join(' '), digest: new Uint8Array(digest) }
}
