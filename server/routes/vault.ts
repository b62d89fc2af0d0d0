import { readVault, writeVault } from '../../shared/wire/vault.ts'
import { writeVaultItems } from '../accounts/vault.ts'
import type { VaultIndexRow, VaultItemRow } from '../db/rows.ts'
import { toBytes } from '../format.ts'
import type { Api } from './api.ts'

const WRITE_MAX_BYTES = 4 * 2 ** 20

export function registerVault({ handle, deps, limits }: Api): void {
  handle(readVault, { auth: 'person', limit: 'read' }, ({ actor }) =>
    // One transaction: an index and items of two moments would look like tampering to the client.
    deps.db.transaction(async (trx) => {
      const index = await trx<VaultIndexRow>('vault_indexes').where({ user_id: actor.userId }).first()
      const items = await trx<VaultItemRow>('vault_items').where({ user_id: actor.userId }).orderBy('name')
      return {
        index: index ? { version: index.version, sealed: toBytes(index.sealed) } : null,
        items: items.map(({ name, version, sealed }) => ({ name, version, sealed: toBytes(sealed) })),
      }
    }),
  )
  handle(writeVault, { auth: 'person', limit: 'write', bodyMaxBytes: WRITE_MAX_BYTES }, async ({ actor, body }) => {
    await limits.consume('vault-item', actor.userId, 1 + body.put.length + body.remove.length)
    await deps.db.transaction((trx) => writeVaultItems(trx, actor.userId, body))
  })
}
