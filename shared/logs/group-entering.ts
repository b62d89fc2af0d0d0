import { AppError } from '../errors.ts'
import { type Bytes, concat, equalBytes } from '../format/bytes.ts'
import { type GroupId, type Id, idBytes, type MemberId, type UserId, type WorkerId } from '../format/ids.ts'
import { type GroupEntry, type GroupEntryOf, INVITE_JOIN_LABEL, type Role } from './group-entries.ts'
import { authorKey, type GroupState, type GroupWorker, type Member } from './group-state.ts'
import { type VerifiedStatement, verifyStatement } from './identity.ts'
import { verifySignature } from './signed.ts'
import { type VerifiedWorker, verifyWorkerStatement } from './worker-statement.ts'

/** What an entry changes. */
export type Changes = Partial<Omit<GroupState, 'groupId' | 'seq' | 'head' | 'heads' | 'latestTs'>>

/** Who comes in by an entry of their own, as their statement says. */
export type Newcomer =
  | ({ readonly kind: 'person' } & VerifiedStatement)
  | ({ readonly kind: 'worker' } & VerifiedWorker)

/** @returns `null`: the entry is by somebody who is in. @throws {AppError} `log/bad-entry`, `log/bad-signature` */
export function newcomerOf(entry: GroupEntry): Newcomer | null {
  if (entry.type !== 'create' && entry.type !== 'join') return null
  const { identity, worker } = entry.type === 'create' ? { ...entry.payload, worker: null } : entry.payload
  if (identity && !worker) return { kind: 'person', ...verifyStatement(identity) }
  if (worker && !identity) return { kind: 'worker', ...verifyWorkerStatement(worker) }
  throw new AppError('log/bad-entry', 'a join is by a person or by a worker')
}

export function joined(state: GroupState, entry: GroupEntryOf<'join'>, newcomer: Newcomer): Changes {
  const { inviteId, inviteSig } = entry.payload
  const invite = state.invites.get(inviteId)
  if (!invite) throw new AppError('invite/invalid', 'there is no such invite')
  // The log's own time counts too: whoever comes late cannot date their entry back past those before it.
  if (Math.max(entry.ts, state.latestTs) >= invite.expiresAt)
    throw new AppError('invite/expired', 'the invite has expired')
  if (invite.uses >= invite.maxUses) throw new AppError('invite/used-up', 'the invite has been used')
  if ((newcomer.kind === 'worker') !== (invite.role === 'worker'))
    throw new AppError('invite/invalid', 'the invite is not for this')
  const invites = new Map(state.invites).set(inviteId, { ...invite, uses: invite.uses + 1 })
  const proves = (key: Bytes) =>
    verifySignature(
      INVITE_JOIN_LABEL,
      inviteJoinBytes(state.groupId, inviteId, entry.actor, key),
      inviteSig,
      invite.invitePub,
    )
  if (newcomer.kind === 'worker') {
    const [workerId, enrolled] = workerFrom(newcomer, entry.seq, new Map())
    if (workerId !== entry.actor || state.workers.has(workerId)) throw forbidden('joins once, for itself')
    checkSameKey(state, workerId, enrolled.identityKey)
    if (!proves(enrolled.identityKey)) throw new AppError('invite/invalid', 'the invite’s key did not sign this')
    return { invites, workers: new Map(state.workers).set(workerId, enrolled) }
  }
  const [userId, member] = memberFrom(newcomer, entry, invite.role === 'admin' ? 'admin' : 'member')
  if (state.members.has(userId)) throw forbidden('is a member already')
  checkSameKey(state, userId, member.identityKey)
  if (!proves(member.identityKey)) throw new AppError('invite/invalid', 'the invite’s key did not sign this')
  return { invites, members: new Map(state.members).set(userId, member) }
}

export function workerEnrolled(state: GroupState, entry: GroupEntryOf<'enrol-worker'>): Changes {
  requireRole(state, entry, ['owner', 'admin'])
  const boxes = new Map(entry.payload.boxes.map(({ epoch, hash }) => [epoch, hash]))
  if (!boxes.has(state.epoch)) throw new AppError('group/missing-box', 'the worker was not given the key')
  const [workerId, worker] = workerFrom(verifyWorkerStatement(entry.payload.worker), entry.seq, boxes)
  if (state.workers.has(workerId)) throw forbidden('is enrolled already')
  checkSameKey(state, workerId, worker.identityKey)
  return { workers: new Map(state.workers).set(workerId, worker) }
}

/** An id stands for one key for ever: else somebody could come back as another, and answer for what that one wrote. */
function checkSameKey(state: GroupState, id: MemberId, identityKey: Bytes): void {
  const known = authorKey(state, id)
  if (known && !equalBytes(known, identityKey)) throw new AppError('identity/changed', 'the id was somebody else’s')
}

export function memberFrom(
  { userId, username, identityKey, agreementKey, head }: VerifiedStatement,
  entry: GroupEntry,
  role: Role,
): [UserId, Member] {
  if (userId !== entry.actor) throw forbidden('speaks for somebody else')
  return [userId, { userId, username, role, identityKey, agreementKey, identityHead: head, joinedSeq: entry.seq }]
}

function workerFrom(
  { workerId, identityKey, agreementKey, head }: VerifiedWorker,
  seq: number,
  boxes: ReadonlyMap<number, Bytes>,
): [WorkerId, GroupWorker] {
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
