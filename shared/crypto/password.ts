import { type Bytes, utf8 } from '../format/bytes.ts'
import { type InviteId, idBytes } from '../format/ids.ts'
import { sodium } from './sodium.ts'

/** docs/protocol.md §2: never taken from the server. */
export const ARGON2ID = { iterations: 3, memoryKib: 65_536, parallelism: 1, saltBytes: 16 } as const

/** Argon2id v1.3 of a password, NFKC: 32 bytes in half a second or so. Call it off the main thread. */
export async function stretchPassword(password: string, salt: Bytes): Promise<Bytes> {
  const s = await sodium()
  const key = s.crypto_pwhash(
    32,
    utf8(password.normalize('NFKC')),
    salt,
    ARGON2ID.iterations,
    ARGON2ID.memoryKib * 1024,
    s.crypto_pwhash_ALG_ARGON2ID13,
  )
  return new Uint8Array(key)
}

/** The secret of a passphrase invite: Argon2id with the invite's id as salt (docs/protocol.md §6). */
export function passphraseSecret(passphrase: string, inviteId: InviteId): Promise<Bytes> {
  return stretchPassword(
    passphrase
      .trim()
      .toLowerCase()
      .replace(/[\s-]+/g, ' '),
    idBytes(inviteId),
  )
}
