import { AppError } from '../../shared/errors.ts'
import type { UserId } from '../../shared/format/ids.ts'
import { verifySignature } from '../../shared/logs/signed.ts'
import { VAULT_WRITE_LABEL, vaultWriteInput } from '../../shared/logs/vault-write.ts'
import type { VaultWrite } from '../../shared/wire/vault.ts'
import type { VaultIndexRow, VaultItemRow } from '../db/rows.ts'
import type { Db } from '../deps.ts'
import { readNewestIdentity } from './identity-log.ts'

const MAX_ITEMS = 5000
/** A vault is read in one answer. */
const MAX_BYTES = 16 * 2 ** 20

/**
 * docs/protocol.md §3, "Vault": items and index together, only where the client knew the newest index. Call it in a transaction.
 * @throws {AppError} `vault/forbidden`, `vault/conflict`, `request/too-large`
 */
export async function writeVaultItems(trx: Db, userId: UserId, write: VaultWrite): Promise<void> {
  const identity = await readNewestIdentity(trx, userId)
  // The only copy of an account's keys: the cookie of a locked device must not be enough to overwrite it.
  if (!identity || !verifySignature(VAULT_WRITE_LABEL, vaultWriteInput(userId, write), write.sig, identity.identityKey))
    throw new AppError('vault/forbidden', 'not signed by the account’s identity')
  const stored = await trx<VaultIndexRow>('vault_indexes').where({ user_id: userId }).first('version')
  if ((stored?.version ?? 0) !== write.ifIndexVersion || write.index.version <= write.ifIndexVersion) {
    throw new AppError('vault/conflict', 'the vault was changed elsewhere')
  }
  await trx<VaultIndexRow>('vault_indexes')
    .insert({ user_id: userId, version: write.index.version, sealed: Buffer.from(write.index.sealed) })
    .onConflict('user_id')
    .merge()
  for (const name of write.remove) await trx<VaultItemRow>('vault_items').where({ user_id: userId, name }).delete()
  for (const { name, version, sealed } of write.put) {
    const old = await trx<VaultItemRow>('vault_items').where({ user_id: userId, name }).first('version')
    if (old && version <= old.version)
      throw new AppError('vault/conflict', 'an item of the vault was changed elsewhere')
    await trx<VaultItemRow>('vault_items')
      .insert({ user_id: userId, name, version, sealed: Buffer.from(sealed) })
      .onConflict(['user_id', 'name'])
      .merge()
  }
  const all = await trx('vault_items')
    .where({ user_id: userId })
    .first<{ items: number; bytes: number | null }>(
      trx.raw('count(*) as items'),
      trx.raw('sum(length(sealed)) as bytes'),
    )
  if (all.items > MAX_ITEMS || (all.bytes ?? 0) > MAX_BYTES)
    throw new AppError('request/too-large', 'the vault is full')
}
