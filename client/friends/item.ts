import * as z from 'zod/mini'
import { AppError } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import { rotateReason } from '../../shared/logs/connection-entries.ts'
import { bytes, hash, natural, signedEntry, userId } from '../../shared/wire/primitives.ts'
import { VAULT_ITEM_MAX_BYTES } from '../../shared/wire/vault.ts'
import { encodeItem } from '../vault/items.ts'
import { floor } from './floors.ts'

const secretKeys = z.strictObject({ x: bytes(32), w: bytes(32) })
const pendingEntry = z.strictObject({ keys: secretKeys, shared: z.nullable(bytes(32)), entry: signedEntry })

/** So many attempts may be on their way at once. */
export const SUPERSEDED_MAX = 8
const EPOCHS_MAX = 4096
const FLOORS_MAX = 1024

/** What the vault keeps of a connection: everything that another device of this account needs to go on (docs/protocol.md §5). */
export const connectionItem = z.strictObject({
  peer: z.strictObject({
    userId,
    username: z.string(),
    identityKey: bytes(32),
    /** Newest statement of their identity log that was seen. */
    pin: z.strictObject({ seq: natural, head: hash }),
  }),
  isVerified: z.boolean(),
  /** Newest entry of the log that this account has seen; `null`: asked, and not yet heard that the server has it. */
  pin: z.nullable(z.strictObject({ length: natural, head: hash })),
  schedule: z.nullable(z.strictObject({ epoch: natural, transcript: hash, root: bytes(32), own: secretKeys })),
  /** Written down before it goes to the server; see `PendingEntry`. */
  pending: z.nullable(pendingEntry),
  /**
   * Rotations that follow the same entry and were given up for a newer one. The server, or another device, may still
   * bring one into the log: until that has gone on, their keys are needed.
   */
  superseded: z.optional(z.array(pendingEntry).check(z.maxLength(SUPERSEDED_MAX))),
  /** The note beside one's own request, sealed, until it was sent. */
  note: z.nullable(bytes(1137, 8192)),
  /** Secrets of epochs of which messages are kept. */
  epochs: z.array(z.strictObject({ epoch: natural, messageSecret: bytes(32) })).check(z.maxLength(EPOCHS_MAX)),
  /** Messages that are gone on purpose. */
  floors: z.array(floor).check(z.maxLength(FLOORS_MAX)),
  /** Keys change before the next message, for this reason. */
  due: z.nullable(rotateReason),
})
export type ConnectionItem = z.output<typeof connectionItem>

/**
 * As it goes into the vault.
 * @throws {AppError} `connection/full` where there is no room: a friend may change keys without end, and what does not
 *   fit must not hold up anybody else.
 */
export function encodeConnectionItem(item: ConnectionItem): Bytes {
  const isTooMany = item.epochs.length > EPOCHS_MAX || item.floors.length > FLOORS_MAX
  const plain = isTooMany ? null : encodeItem(connectionItem, item)
  if (!plain || plain.length > VAULT_ITEM_MAX_BYTES)
    throw new AppError('connection/full', 'more keys than an item of the vault holds')
  return plain
}

export const connectionItemName = (connection: ConnectionId): string => `connections/${connection}`
