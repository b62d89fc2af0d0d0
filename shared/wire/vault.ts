import * as z from 'zod/mini'
import { bytes, natural } from './primitives.ts'
import { route } from './route.ts'

/** `identity`, `settings`, `groups/<id>`, `connections/<id>`, `blocks/<userId>` (docs/protocol.md §3); the index is apart. */
export const vaultItemName = z.string().check(z.regex(/^(identity|settings|(groups|connections|blocks)\/[\w-]{22})$/))
/** Nonce and tag. */
const SEAL_BYTES = 40
const SEALED_MAX_BYTES = 262_144
/** What one item holds, before it is sealed. */
export const VAULT_ITEM_MAX_BYTES = SEALED_MAX_BYTES - SEAL_BYTES
const sealed = bytes(SEAL_BYTES, SEALED_MAX_BYTES)
export const vaultItem = z.strictObject({ name: vaultItemName, version: natural, sealed })
export const vaultIndex = z.strictObject({ version: natural, sealed })
/**
 * One transaction; refused with `vault/conflict` unless `ifIndexVersion` is the stored one (0: none yet), with
 * `vault/forbidden` unless the account's identity signed it (`sig`: label `kith/v1/vault-write`).
 */
export const vaultWrite = z.strictObject({
  ifIndexVersion: natural,
  index: vaultIndex,
  put: z.array(vaultItem).check(z.maxLength(512)),
  remove: z.array(vaultItemName).check(z.maxLength(512)),
  sig: bytes(64),
})
export type VaultItem = z.output<typeof vaultItem>
export type VaultWrite = z.output<typeof vaultWrite>
export type UnsignedVaultWrite = Omit<VaultWrite, 'sig'>

export const readVault = route('GET', '/api/vault', {
  reply: z.strictObject({ index: z.nullable(vaultIndex), items: z.array(vaultItem) }),
})
export const writeVault = route('PUT', '/api/vault', { body: vaultWrite })
