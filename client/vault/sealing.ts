import { sign } from '../../shared/crypto/signing.ts'
import {
  checkVaultItems,
  indexLine,
  openVaultIndex,
  openVaultItem,
  sealVaultIndex,
  sealVaultItem,
  type VaultIndexBody,
  type VaultKeys,
} from '../../shared/crypto/vault.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import { VAULT_WRITE_LABEL, vaultWriteInput } from '../../shared/logs/vault-write.ts'
import type { VaultItem, VaultWrite } from '../../shared/wire/vault.ts'

/** The vault as the server has it. */
export type SealedVault = { readonly index: { version: number; sealed: Bytes }; readonly items: readonly VaultItem[] }
export type OpenVault = { readonly index: VaultIndexBody; readonly items: ReadonlyMap<string, Bytes> }
/** What changes: an item's new plaintext, or `null` to remove it. */
export type VaultChanges = ReadonlyMap<string, Bytes | null>
/** What writing takes: the server wants every write signed by the account's identity. */
export type VaultWriteKeys = VaultKeys & { readonly identitySeed: Bytes }

/** Checks the index, then that the items are its, then opens them. @throws {AppError} `vault/tampered`, `vault/rollback` */
export async function openVault(keys: VaultKeys, vault: SealedVault, knownVersion: number): Promise<OpenVault> {
  const index = await openVaultIndex(keys, vault.index, knownVersion)
  checkVaultItems(index, vault.items)
  const opened = await Promise.all(
    vault.items.map(async (item): Promise<[string, Bytes]> => [item.name, await openVaultItem(keys, item)]),
  )
  return { index, items: new Map(opened) }
}

/** One transaction from `index` on; `null` for the first. */
export async function sealVaultWrite(
  keys: VaultWriteKeys,
  index: VaultIndexBody | null,
  changes: VaultChanges,
): Promise<{ write: VaultWrite; index: VaultIndexBody }> {
  const lines = new Map((index?.items ?? []).map((line) => [line.name, line]))
  const put: VaultItem[] = []
  const remove: string[] = []
  for (const [name, plain] of changes) {
    const version = (lines.get(name)?.version ?? 0) + 1
    if (plain === null) {
      lines.delete(name)
      remove.push(name)
      continue
    }
    const item = { name, version, sealed: await sealVaultItem(keys, name, version, plain) }
    put.push(item)
    lines.set(name, indexLine(item))
  }
  const before = index?.version ?? 0
  const next: VaultIndexBody = { version: before + 1, items: [...lines.values()] }
  const sealed = { version: next.version, sealed: await sealVaultIndex(keys, next) }
  const write = { ifIndexVersion: before, index: sealed, put, remove }
  const sig = sign(keys.identitySeed, VAULT_WRITE_LABEL, vaultWriteInput(keys.userId, write))
  return { write: { ...write, sig }, index: next }
}
