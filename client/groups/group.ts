import type { EpochKeys } from '../../shared/crypto/group-key.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { GroupId, MemberId, UserId, WorkerId } from '../../shared/format/ids.ts'
import type { Role } from '../../shared/logs/group-entries.ts'
import { authorKey, type GroupState } from '../../shared/logs/group-state.ts'
import { verifySignature } from '../../shared/logs/signed.ts'
import type { GroupItem } from '../vault/items.ts'

/** A group as this account sees it: verified log, keys of all epochs, and its name. */
export type Group = {
  readonly groupId: GroupId
  readonly kind: GroupItem['kind']
  readonly state: GroupState
  readonly groupKeys: ReadonlyMap<number, Bytes>
  readonly keys: ReadonlyMap<number, EpochKeys>
  readonly name: string | null
}

export function roleOf(group: Group, user: UserId): Role | null {
  return group.state.members.get(user)?.role ?? null
}

export function mayManage(group: Group, user: UserId): boolean {
  const role = roleOf(group, user)
  return role === 'owner' || role === 'admin'
}

/** What people call an author: their user name, or that it is a worker. */
export function authorName(group: Group, author: MemberId): string {
  const { members, formerMembers } = group.state
  return (members.get(author as UserId) ?? formerMembers.get(author as UserId))?.username ?? 'a worker'
}

/** Whether a document's signature is by a member of the group, past or present. */
export function verifyMember(group: Group, author: MemberId, label: string, bytes: Bytes, sig: Bytes): boolean {
  const key = authorKey(group.state, author)
  return key !== undefined && verifySignature(label, bytes, sig, key)
}

/** Whether a signature is by a worker of the group, past or present, and not by a person. */
export function verifyWorker(group: Group, author: MemberId, label: string, bytes: Bytes, sig: Bytes): boolean {
  const { workers, formerWorkers } = group.state
  const worker = workers.get(author as WorkerId) ?? formerWorkers.get(author as WorkerId)
  return worker !== undefined && verifySignature(label, bytes, sig, worker.identityKey)
}
