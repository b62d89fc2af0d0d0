import * as z from 'zod/mini'
import {
  bytes,
  groupId,
  hash,
  inviteId,
  memberId,
  natural,
  signedEntry,
  timeMs,
  userId,
  workerId,
} from '../wire/primitives.ts'

/** docs/protocol.md §6 */
export const GROUP_LABEL = 'kith/v1/group'
export const INVITE_JOIN_LABEL = 'kith/v1/invite-join'
export const INVITE_OPEN_LABEL = 'kith/v1/invite-open'
export const INVITE_SIGNUP_LABEL = 'kith/v1/invite-signup'

export const role = z.enum(['owner', 'admin', 'member'])
export type Role = z.output<typeof role>
export const inviteRole = z.enum(['admin', 'member', 'worker'])
export type InviteRole = z.output<typeof inviteRole>

const boxHash = z.strictObject({ memberId, hash })

const payloads = {
  /** The creator's identity statement, as its log has it now. */
  create: z.strictObject({ identity: signedEntry }),
  invite: z.strictObject({ inviteId, invitePub: bytes(32), role: inviteRole, expiresAt: timeMs, maxUses: natural }),
  /** A person shows an identity statement, a worker its own; `inviteSig` by the invite key names who joins. */
  join: z.strictObject({
    inviteId,
    inviteSig: bytes(64),
    identity: z.nullable(signedEntry),
    worker: z.nullable(signedEntry),
  }),
  remove: z.strictObject({ memberId: userId }),
  leave: z.strictObject({}),
  role: z.strictObject({ memberId: userId, role }),
  rotate: z.strictObject({
    epoch: natural,
    commitment: hash,
    /** Hashes of the boxes, for exactly the members and workers of this moment. */
    boxes: z.array(boxHash).check(z.maxLength(1024)),
    /** The previous group key under the new one; null for the first. */
    prevBox: z.nullable(bytes(60)),
    /** Invites whose keys were sealed anew; every other invite ends here. */
    keptInvites: z.array(inviteId).check(z.maxLength(64)),
  }),
  'enrol-worker': z.strictObject({
    worker: signedEntry,
    /** Hashes of the boxes with the media key of each epoch that the worker may read. */
    boxes: z.array(z.strictObject({ epoch: natural, hash })).check(z.maxLength(1024)),
  }),
  'remove-worker': z.strictObject({ workerId }),
} as const

const common = {
  v: z.literal(1),
  groupId,
  seq: natural,
  prev: hash,
  /** Who acts; signs with the key that the log knows, resp. that this entry brings (`create`, `join`). */
  actor: memberId,
  /** Head of the actor's identity log, or hash of the worker's statement. */
  actorHead: hash,
  ts: timeMs,
}

const entryOf = <Type extends keyof typeof payloads>(type: Type) =>
  z.strictObject({ ...common, type: z.literal(type), payload: payloads[type] })

export const groupEntry = z.discriminatedUnion('type', [
  entryOf('create'),
  entryOf('invite'),
  entryOf('join'),
  entryOf('remove'),
  entryOf('leave'),
  entryOf('role'),
  entryOf('rotate'),
  entryOf('enrol-worker'),
  entryOf('remove-worker'),
])
export type GroupEntry = z.output<typeof groupEntry>
export type GroupEntryOf<Type extends GroupEntry['type']> = Extract<GroupEntry, { type: Type }>
/** What an actor adds to the log, before the chain's own fields. */
export type GroupAction = {
  [Type in GroupEntry['type']]: Pick<GroupEntryOf<Type>, 'type' | 'payload'>
}[GroupEntry['type']]
