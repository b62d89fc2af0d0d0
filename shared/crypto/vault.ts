import * as z from 'zod/mini'
import { AppError } from '../errors.ts'
import { type Bytes, concat, equalBytes, fromUtf8, u64, utf8 } from '../format/bytes.ts'
import { idBytes, type UserId } from '../format/ids.ts'
import { hashOf } from '../logs/signed.ts'
import { hash, natural } from '../wire/primitives.ts'
import { type VaultItem, vaultItemName } from '../wire/vault.ts'
import { hkdf, labelled } from './hkdf.ts'
import { openSecret, sealSecret } from './secretbox.ts'

/** Every item's version and the hash of its ciphertext, and the index's own version (docs/protocol.md §3). */
const vaultIndexBody = z.strictObject({
  version: natural,
  items: z.array(z.strictObject({ name: vaultItemName, version: natural, hash })).check(z.maxLength(4096)),
})
export type VaultIndexBody = z.output<typeof vaultIndexBody>
const INDEX = 'index'

/** Whose vault, and its key. */
export type VaultKeys = { readonly userId: UserId; readonly accountKey: Bytes }

export async function sealVaultItem(keys: VaultKeys, name: string, version: number, plain: Bytes): Promise<Bytes> {
  return sealSecret(await itemKey(keys, name), plain, aadOf(keys, name, version))
}

/** @throws {AppError} `vault/tampered` */
export async function openVaultItem(keys: VaultKeys, item: VaultItem): Promise<Bytes> {
  return openSecret(await itemKey(keys, item.name), item.sealed, aadOf(keys, item.name, item.version), 'vault/tampered')
}

export async function sealVaultIndex(keys: VaultKeys, body: VaultIndexBody): Promise<Bytes> {
  const plain = utf8(JSON.stringify(z.encode(vaultIndexBody, body)))
  return sealSecret(await itemKey(keys, INDEX), plain, aadOf(keys, INDEX, body.version))
}

/**
 * @param knownVersion the newest index that this device has seen.
 * @throws {AppError} `vault/tampered`; `vault/rollback` when the server shows an older one.
 */
export async function openVaultIndex(
  keys: VaultKeys,
  index: { version: number; sealed: Bytes },
  knownVersion: number,
): Promise<VaultIndexBody> {
  const plain = await openSecret(
    await itemKey(keys, INDEX),
    index.sealed,
    aadOf(keys, INDEX, index.version),
    'vault/tampered',
  )
  let body: VaultIndexBody
  try {
    body = z.decode(vaultIndexBody, JSON.parse(fromUtf8(plain)))
  } catch (cause) {
    throw new AppError('vault/tampered', 'the index has another form', { cause })
  }
  if (body.version !== index.version) throw new AppError('vault/tampered', 'the index has another version')
  if (body.version < knownVersion) throw new AppError('vault/rollback', 'the server shows an older vault')
  return body
}

/** Exactly the items that the index names, in the versions and bytes it names. @throws {AppError} `vault/tampered` */
export function checkVaultItems(index: VaultIndexBody, items: readonly VaultItem[]): void {
  const shown = new Map(items.map((item) => [item.name, item]))
  const fits =
    shown.size === items.length &&
    index.items.length === items.length &&
    index.items.every(({ name, version, hash: known }) => {
      const item = shown.get(name)
      return item !== undefined && item.version === version && equalBytes(hashOf(item.sealed), known)
    })
  if (!fits) throw new AppError('vault/tampered', 'the items are not those of the index')
}

/** The index line of an item. */
export function indexLine(item: VaultItem): VaultIndexBody['items'][number] {
  return { name: item.name, version: item.version, hash: hashOf(item.sealed) }
}

function itemKey({ accountKey }: VaultKeys, name: string): Promise<Bytes> {
  return hkdf(accountKey, '', labelled('kith/v1/vault', utf8(name)), 32)
}

function aadOf({ userId }: VaultKeys, name: string, version: number): Bytes {
  return concat(idBytes(userId), utf8(name), u64(version))
}
