import { AppError } from '../errors.ts'
import { type Bytes, concat, equalBytes } from '../format/bytes.ts'
import { type GroupId, type Id, idBytes, type MemberId, type UserId, type WorkerId } from '../format/ids.ts'
import { type GroupEntry, type GroupEntryOf, INVITE_JOIN_LABEL, type Role } from './group-entries.ts'
import { authorKey, type GroupState, type GroupWorker, type Member } from './group-state.ts'
import { verifyStatement } from './identity.ts'
import { type SignedEntry, verifySignature } from './signed.ts'
import { verifyWorkerStatement } from './worker-statement.ts'

/** What an entry changes. */
export type Changes = Partial<Omit<GroupState, 'groupId' | 'seq' | 'head' | 'heads' | 'latestTs'>>

export function joined(state: GroupState, entry: GroupEntryOf<'join'>): Changes {
  const { inviteId, inviteSig, identity, worker } = entry.payload
  const invite = state.invites.get(inviteId)
  if (!invite) throw new AppError('invite/invalid', 'there is no such invite')
  // The log's own time counts too: whoever comes late cannot date their entry back past those before it.
  if (Math.max(entry.ts, state.latestTs) >= invite.expiresAt)
    throw new AppError('invite/expired', 'the invite has expired')
  if (invite.uses >= invite.maxUses) throw new AppError('invite/used-up', 'the invite has been used')
  if ((worker !== null) !== (invite.role === 'worker'))
    throw new AppError('invite/invalid', 'the invite is not for this')
  const invites = new Map(state.invites).set(inviteId, { ...invite, uses: invite.uses + 1 })
  const proves = (key: Bytes) =>
    verifySignature(
      INVITE_JOIN_LABEL,
      inviteJoinBytes(state.groupId, inviteId, entry.actor, key),
      inviteSig,
      invite.invitePub,
    )
  if (worker) {
    const [workerId, enrolled] = workerFrom(worker, entry.seq, new Map())
    if (workerId !== entry.actor || state.workers.has(workerId)) throw forbidden('joins once, for itself')
    checkSameKey(state, workerId, enrolled.identityKey)
    if (!proves(enrolled.identityKey)) throw new AppError('invite/invalid', 'the invite’s key did not sign this')
    return { invites, workers: new Map(state.workers).set(workerId, enrolled) }
  }
  const [userId, member] = memberFrom(identity as SignedEntry, entry, invite.role === 'admin' ? 'admin' : 'member')
  if (state.members.has(userId)) throw forbidden('is a member already')
  checkSameKey(state, userId, member.identityKey)
  if (!proves(member.identityKey)) throw new AppError('invite/invalid', 'the invite’s key did not sign this')
  return { invites, members: new Map(state.members).set(userId, member) }
}

export function workerEnrolled(state: GroupState, entry: GroupEntryOf<'enrol-worker'>): Changes {
  requireRole(state, entry, ['owner', 'admin'])
  const boxes = new Map(entry.payload.boxes.map(({ epoch, hash }) => [epoch, hash]))
  if (!boxes.has(state.epoch)) throw new AppError('group/missing-box', 'the worker was not given the key')
  const [workerId, worker] = workerFrom(entry.payload.worker, entry.seq, boxes)
  if (state.workers.has(workerId)) throw forbidden('is enrolled already')
  checkSameKey(state, workerId, worker.identityKey)
  return { workers: new Map(state.workers).set(workerId, worker) }
}

/** An id stands for one key for ever: else somebody could come back as another, and answer for what that one wrote. */
function checkSameKey(state: GroupState, id: MemberId, identityKey: Bytes): void {
  const known = authorKey(state, id)
  if (known && !equalBytes(known, identityKey)) throw new AppError('identity/changed', 'the id was somebody else’s')
}

export function memberFrom(identity: SignedEntry, entry: GroupEntry, role: Role): [UserId, Member] {
  const { userId, username, identityKey, agreementKey, head } = verifyStatement(identity)
  if (userId !== entry.actor) throw forbidden('speaks for somebody else')
  return [userId, { userId, username, role, identityKey, agreementKey, identityHead: head, joinedSeq: entry.seq }]
}

function workerFrom(statement: SignedEntry, seq: number, boxes: ReadonlyMap<number, Bytes>): [WorkerId, GroupWorker] {
  const { workerId, identityKey, agreementKey, head } = verifyWorkerStatement(statement)
  return [workerId, { workerId, identityKey, agreementKey, statementHash: head, enrolledSeq: seq, boxes }]
}

/** What an invite's key signs for the one who joins by it. */
export function inviteJoinBytes(group: GroupId, invite: Id, member: Id, identityKey: Bytes): Bytes {
  return concat(idBytes(group), idBytes(invite), idBytes(member), identityKey)
}

/** What an invite's key signs to open it (with `member`: to sign up by it). */
export function inviteProofBytes(group: GroupId, invite: Id, member?: Id): Bytes {
  return concat(idBytes(group), idBytes(invite), ...(member === undefined ? [] : [idBytes(member)]))
}

export function requireRole(state: GroupState, entry: GroupEntry, roles: readonly Role[]): void {
  const role = state.members.get(entry.actor as UserId)?.role
  if (!role || !roles.includes(role)) throw forbidden(`needs to be ${roles.join(' or ')}`)
}

export function forbidden(why: string): AppError {
  return new AppError('group/forbidden', why)
}
