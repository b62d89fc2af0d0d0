import * as z from 'zod/mini'
import { AppError } from '../../shared/errors.ts'
import { type Bytes, fromUtf8, utf8 } from '../../shared/format/bytes.ts'
import type { GroupId } from '../../shared/format/ids.ts'
import { inviteRole } from '../../shared/logs/group-entries.ts'
import { bytes, hash, inviteId, natural } from '../../shared/wire/primitives.ts'

/** Private halves of the identity (docs/protocol.md §4). */
export const identityItem = z.strictObject({ seed: bytes(32), agreementSeed: bytes(32) })
export type IdentityItem = z.output<typeof identityItem>

export const settingsItem = z.strictObject({
  /** OPAQUE's static key of the server, as pinned at registration. */
  serverKey: z.string(),
  /** Kept until the person has confirmed that it is written down. */
  unconfirmedRecovery: z.nullable(bytes(32)),
  /** Whether friends are told what was read; missing: they are. */
  tellsRead: z.optional(z.boolean()),
})
export type SettingsItem = z.output<typeof settingsItem>

export const groupItem = z.strictObject({
  kind: z.enum(['personal', 'circle']),
  keys: z.array(z.strictObject({ epoch: natural, key: bytes(32) })).check(z.maxLength(4096)),
  /** Newest entry of the log that this account has seen. */
  pin: z.strictObject({ seq: natural, head: hash }),
  /** Invites made here, so that a rotation can seal them anew. */
  invites: z.array(z.strictObject({ inviteId, payloadKey: bytes(32), role: inviteRole, code: z.nullable(z.string()) })),
})
export type GroupItem = z.output<typeof groupItem>

export const groupItemName = (group: GroupId): string => `groups/${group}`

export function encodeItem<T extends z.ZodMiniType>(schema: T, value: z.output<T>): Bytes {
  return utf8(JSON.stringify(z.encode(schema, value)))
}

/** @throws {AppError} `vault/tampered` when it has another form. */
export function decodeItem<T extends z.ZodMiniType>(schema: T, plain: Bytes): z.output<T> {
  try {
    return z.decode(schema, JSON.parse(fromUtf8(plain)))
  } catch (cause) {
    throw new AppError('vault/tampered', 'a vault item has another form', { cause })
  }
}
