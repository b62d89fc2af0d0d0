import * as z from 'zod/mini'
import { importAesKey, openAes, sealAes } from '../../shared/crypto/aes-gcm.ts'
import { hkdf } from '../../shared/crypto/hkdf.ts'
import { openDevice } from '../../shared/device/db.ts'
import { type Bytes, equalBytes, fromUtf8, utf8 } from '../../shared/format/bytes.ts'
import type { GroupId } from '../../shared/format/ids.ts'
import { groupProfile } from '../../shared/wire/groups.ts'
import { signedEntry } from '../../shared/wire/primitives.ts'

const keptGroup = z.strictObject({
  entries: z.array(signedEntry),
  profile: z.nullable(groupProfile),
  isOut: z.optional(z.boolean()),
})
/** A group's log and name as the server last showed them; `isOut`: it has since said that this account is out of it. */
export type KeptGroup = z.output<typeof keptGroup>

/**
 * Outlives a lock, so that groups open without network: sealed under a key of the account key, which only unlocking
 * brings back, and not under the device key.
 */
export async function writeKeptGroup(accountKey: Bytes, group: GroupId, kept: KeptGroup): Promise<void> {
  const plain = utf8(JSON.stringify(z.encode(keptGroup, kept)))
  const sealed = await sealAes(await cacheKey(accountKey), plain, utf8(group))
  await (await openDevice()).put('groups', sealed, group)
}

/** `null`: never kept here, or by another account. */
export async function readKeptGroup(accountKey: Bytes, group: GroupId): Promise<KeptGroup | null> {
  const sealed = await (await openDevice()).get('groups', group)
  if (!sealed) return null
  try {
    return z.decode(keptGroup, JSON.parse(fromUtf8(await openAes(await cacheKey(accountKey), sealed, utf8(group)))))
  } catch {
    return null
  }
}

/** Byte for byte, signatures included. */
export function isSameKept(a: KeptGroup, b: KeptGroup): boolean {
  const isSameEntry = (one: KeptGroup['entries'][number], other = one) =>
    equalBytes(one.bytes, other.bytes) && equalBytes(one.sig, other.sig)
  const isSameName =
    a.profile === null || b.profile === null
      ? a.profile === b.profile
      : a.profile.revision === b.profile.revision && equalBytes(a.profile.sealed, b.profile.sealed)
  return (
    isSameName && a.entries.length === b.entries.length && a.entries.every((one, at) => isSameEntry(one, b.entries[at]))
  )
}

export async function removeKeptGroup(group: GroupId): Promise<void> {
  await (await openDevice()).delete('groups', group)
}

async function cacheKey(accountKey: Bytes): Promise<CryptoKey> {
  return importAesKey(await hkdf(accountKey, '', 'kith/v1/device-groups', 32))
}
