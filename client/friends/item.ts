import * as z from 'zod/mini'
import type { ConnectionId } from '../../shared/format/ids.ts'
import { rotateReason } from '../../shared/logs/connection-entries.ts'
import { bytes, deviceId, hash, natural, signedEntry, userId } from '../../shared/wire/primitives.ts'

const secretKeys = z.strictObject({ x: bytes(32), w: bytes(32) })
const pendingEntry = z.strictObject({ keys: secretKeys, shared: z.nullable(bytes(32)), entry: signedEntry })

/** So many attempts may be on their way at once. */
export const SUPERSEDED_MAX = 8

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
  epochs: z.array(z.strictObject({ epoch: natural, messageSecret: bytes(32) })).check(z.maxLength(4096)),
  /** Messages that are gone on purpose. */
  floors: z
    .array(z.strictObject({ senderId: userId, deviceId, from: natural, counter: natural, hash: z.nullable(hash) }))
    .check(z.maxLength(1024)),
  /** Keys change before the next message, for this reason. */
  due: z.nullable(rotateReason),
})
export type ConnectionItem = z.output<typeof connectionItem>

export const connectionItemName = (connection: ConnectionId): string => `connections/${connection}`
