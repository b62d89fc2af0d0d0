import { randomBytes } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import { type Bytes, concat } from '../../shared/format/bytes.ts'
import { type GroupId, type InviteId, idBytes, type MemberId, type UserId } from '../../shared/format/ids.ts'
import { GROUP_LABEL, type GroupAction, groupEntry, INVITE_JOIN_LABEL } from '../../shared/logs/group-entries.ts'
import type { GroupState } from '../../shared/logs/group-state.ts'
import { encodeStatement, type SignedEntry, signingInput, ZERO_HASH } from '../../shared/logs/signed.ts'
import type { TestServer } from './test-server.ts'

/** Stands for a sealed box: the server cannot tell it from one. */
export const box = (length = 1168): Bytes => new Uint8Array(randomBytes(length))
export const sign = (secretKey: Uint8Array, label: string, bytes: Uint8Array): Bytes =>
  new Uint8Array(ed25519.sign(signingInput(label, bytes), secretKey))

export interface TestInvite {
  groupId: GroupId
  inviteId: InviteId
  secretKey: Uint8Array
}

export function proveOpen({ groupId, inviteId, secretKey }: TestInvite) {
  const sig = sign(secretKey, 'kith/v1/invite-open', concat(idBytes(groupId), idBytes(inviteId)))
  return { groupId, inviteId, sig }
}

export function proveSignup({ groupId, inviteId, secretKey }: TestInvite, userId: UserId) {
  const signed = concat(idBytes(groupId), idBytes(inviteId), idBytes(userId))
  return { groupId, inviteId, sig: sign(secretKey, 'kith/v1/invite-signup', signed) }
}

export function joinProof({ groupId, inviteId, secretKey }: TestInvite, memberId: MemberId, identityKey: Uint8Array) {
  const signed = concat(idBytes(groupId), idBytes(inviteId), idBytes(memberId), identityKey)
  return { inviteId, inviteSig: sign(secretKey, INVITE_JOIN_LABEL, signed) }
}

export function signEntry(
  server: TestServer,
  actor: MemberId,
  actorHead: Bytes,
  secretKey: Uint8Array,
  groupId: GroupId,
  before: Pick<GroupState, 'seq' | 'head'> | null,
  action: GroupAction,
): SignedEntry {
  const bytes = encodeStatement(groupEntry, {
    v: 1,
    groupId,
    seq: before ? before.seq + 1 : 0,
    prev: before?.head ?? ZERO_HASH,
    actor,
    actorHead,
    ts: server.clock.now(),
    ...action,
  })
  return { bytes, sig: sign(secretKey, GROUP_LABEL, bytes) }
}
