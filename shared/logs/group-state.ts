import { AppError } from '../errors.ts'
import type { Bytes } from '../format/bytes.ts'
import type { GroupId, InviteId, MemberId, UserId, WorkerId } from '../format/ids.ts'
import type { GroupEntryOf, InviteRole, Role } from './group-entries.ts'

export type Member = {
  readonly userId: UserId
  readonly username: string
  readonly role: Role
  readonly identityKey: Bytes
  /** As the log knows it; a newer one is in the member's identity log. */
  readonly agreementKey: Bytes
  readonly identityHead: Bytes
  readonly joinedSeq: number
}
export type GroupWorker = {
  readonly workerId: WorkerId
  readonly identityKey: Bytes
  readonly agreementKey: Bytes
  readonly statementHash: Bytes
  readonly enrolledSeq: number
  /** Hashes of the boxes made when it was enrolled, by epoch. */
  readonly boxes: ReadonlyMap<number, Bytes>
}
/** When somebody was in: from the entry that let them in, up to the one that ended it. */
export type Former = { readonly periods: readonly { readonly from: number; readonly to: number }[] }
export type Invite = {
  readonly inviteId: InviteId
  readonly invitePub: Bytes
  readonly role: InviteRole
  readonly expiresAt: number
  readonly maxUses: number
  readonly uses: number
  readonly invitedBy: UserId
}
export type Rotation = {
  readonly epoch: number
  readonly commitment: Bytes
  readonly boxes: ReadonlyMap<MemberId, Bytes>
  readonly prevBox: Bytes | null
  readonly ts: number
}

/** What a verified group log says at `seq`. */
export type GroupState = {
  readonly groupId: GroupId
  readonly seq: number
  readonly head: Bytes
  /** Every head the log has had, as base64url, and its seq: one that somebody names and that is not here shows a fork. */
  readonly heads: ReadonlyMap<string, number>
  /** The newest time that any entry claims; milliseconds. */
  readonly latestTs: number
  readonly members: ReadonlyMap<UserId, Member>
  readonly workers: ReadonlyMap<WorkerId, GroupWorker>
  /** Everybody who ever left: to verify what they wrote. */
  readonly formerMembers: ReadonlyMap<UserId, Member & Former>
  readonly formerWorkers: ReadonlyMap<WorkerId, GroupWorker & Former>
  readonly invites: ReadonlyMap<InviteId, Invite>
  /** By epoch, from 1 on. */
  readonly rotations: ReadonlyMap<number, Rotation>
  readonly epoch: number
  /** Somebody left since the last rotation: nothing may be encrypted to the group until it has rotated. */
  readonly needsRotation: boolean
}

/** Hash of the box that holds `epoch`'s key for `recipient`, where the log lists one. */
export function boxHashOf(state: GroupState, epoch: number, recipient: MemberId): Bytes | undefined {
  const rotated = state.rotations.get(epoch)?.boxes.get(recipient)
  return rotated ?? state.workers.get(recipient as WorkerId)?.boxes.get(epoch)
}

/** The key that verifies what `author` wrote, also when they have left since. */
export function authorKey(state: GroupState, author: MemberId): Bytes | undefined {
  const member = state.members.get(author as UserId) ?? state.formerMembers.get(author as UserId)
  const worker = state.workers.get(author as WorkerId) ?? state.formerWorkers.get(author as WorkerId)
  return (member ?? worker)?.identityKey
}

/** @throws {AppError} `group/needs-rotation` while somebody who left could still read. */
export function checkMayEncrypt(state: GroupState): void {
  if (state.needsRotation) throw new AppError('group/needs-rotation', 'the group’s key has to change first')
}

/** Whether an invite lets somebody in at `now`. */
export function isOpen(invite: Invite, now: number): boolean {
  return invite.uses < invite.maxUses && now < invite.expiresAt
}

/**
 * `rotate` lists exactly the members and workers of its moment.
 * @throws {AppError} `group/ghost-box` (somebody who is not in the group, or twice), `group/missing-box`.
 */
export function checkBoxes(
  state: Pick<GroupState, 'members' | 'workers'>,
  boxes: GroupEntryOf<'rotate'>['payload']['boxes'],
): ReadonlyMap<MemberId, Bytes> {
  const listed = new Map<MemberId, Bytes>()
  for (const { memberId, hash } of boxes) {
    const isIn = state.members.has(memberId as UserId) || state.workers.has(memberId as WorkerId)
    if (!isIn || listed.has(memberId)) throw new AppError('group/ghost-box', 'the key was given to somebody unknown')
    listed.set(memberId, hash)
  }
  for (const member of [...state.members.keys(), ...state.workers.keys()]) {
    if (!listed.has(member)) throw new AppError('group/missing-box', 'the key was not given to everybody')
  }
  return listed
}
