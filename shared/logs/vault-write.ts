import { type Bytes, concat, u64, utf8 } from '../format/bytes.ts'
import { idBytes, type UserId } from '../format/ids.ts'
import type { UnsignedVaultWrite } from '../wire/vault.ts'
import { hashOf } from './signed.ts'

export const VAULT_WRITE_LABEL = 'kith/v1/vault-write'

/** What the account's identity signs of a write to its vault (docs/protocol.md §3): items in the order they are sent in. */
export function vaultWriteInput(userId: UserId, { ifIndexVersion, index, put, remove }: UnsignedVaultWrite): Bytes {
  const changes = hashOf(
    ...put.map(({ name, version, sealed }) => concat(line(1, name), u64(version), hashOf(sealed))),
    ...remove.map((name) => line(0, name)),
  )
  return concat(idBytes(userId), u64(ifIndexVersion), u64(index.version), hashOf(index.sealed), changes)
}

/** No name has a zero byte: where one ends is never in doubt. */
function line(kind: 0 | 1, name: string): Bytes {
  return concat(Uint8Array.of(kind), utf8(name), new Uint8Array(1))
}
