import { AppError } from '../errors.ts'
import { toBase64Url } from '../format/base64url.ts'
import { type Bytes, concat, equalBytes } from '../format/bytes.ts'
import { type GroupId, type Id, idBytes, type MemberId, type UserId, type WorkerId } from '../format/ids.ts'
import {
  GROUP_LABEL,
  type GroupEntry,
  type GroupEntryOf,
  groupEntry,
  INVITE_JOIN_LABEL,
  type Role,
} from './group-entries.ts'
import { authorKey, checkBoxes, type GroupState, type GroupWorker, type Invite, type Member } from './group-state.ts'
import { verifyStatement } from './identity.ts'
import {
  checkChain,
  checkSignature,
  decodeUnverified,
  hashEntry,
  type SignedEntry,
  verifySignature,
  ZERO_HASH,
} from './signed.ts'
import { verifyWorkerStatement } from './worker-statement.ts'

/** What was seen of a group's log before. */
export type GroupPin = { readonly seq: number; readonly head: Bytes }

/**
 * Verifies a group log and says who is in it (docs/protocol.md §6). Every right is checked at the entry that uses it.
 * @param from state to go on from; `entries` then start at `from.seq + 1`.
 * @throws {AppError} `log/bad-entry`, `log/bad-signature`, `log/wrong-prev`, `group/forbidden`, `group/ghost-box`,
 *   `group/missing-box`, `identity/changed` (an id comes back with another key), `invite/invalid`, `invite/expired`,
 *   `invite/used-up`; against the pin `group/rollback`, `group/fork`.
 */
export function replayGroup(
  groupId: GroupId,
  entries: readonly SignedEntry[],
  { from, pin }: { from?: GroupState; pin?: GroupPin } = {},
): GroupState {
  let state = from
  if (state && pin && state.seq >= pin.seq && !state.heads.has(toBase64Url(pin.head))) throw forked()
  for (const entry of entries) {
    state = applyEntry(groupId, state, entry)
    if (pin) checkPin(state, pin)
  }
  if (!state) throw new AppError(pin ? 'group/rollback' : 'log/bad-entry', 'a group log cannot be empty')
  if (pin && state.seq < pin.seq) throw new AppError('group/rollback', 'the server shows an older group')
  return state
}

function checkPin(state: GroupState, pin: GroupPin): void {
  if (state.seq === pin.seq && !equalBytes(state.head, pin.head)) throw forked()
}

function forked(): AppError {
  return new AppError('group/fork', 'the server shows another history of the group')
}

function applyEntry(groupId: GroupId, before: GroupState | undefined, signed: SignedEntry): GroupState {
  const entry = decodeUnverified(groupEntry, signed.bytes)
  if (entry.groupId !== groupId) throw new AppError('log/bad-entry', 'an entry of another group')
  checkSignature(GROUP_LABEL, signed, actorKey(before, entry))
  checkChain(entry, before ? before.seq + 1 : 0, before?.head ?? ZERO_HASH)
  const changes = before ? effectOf(before, entry) : created(entry)
  const head = hashEntry(signed)
  const heads = new Set(before?.heads).add(toBase64Url(head))
  const latestTs = Math.max(before?.latestTs ?? 0, entry.ts)
  return { ...(before ?? emptyState(groupId)), ...changes, seq: entry.seq, head, heads, latestTs }
}

function emptyState(groupId: GroupId): GroupState {
  return {
    groupId,
    seq: -1,
    head: ZERO_HASH,
    heads: new Set(),
    latestTs: 0,
    members: new Map(),
    workers: new Map(),
    formerMembers: new Map(),
    formerWorkers: new Map(),
    invites: new Map(),
    rotations: new Map(),
    epoch: 0,
    needsRotation: true,
  }
}

/** The key that has to have signed: the log's, or for those who come in, the one their statement brings. */
function actorKey(before: GroupState | undefined, entry: GroupEntry): Bytes {
  if (entry.type === 'create') return verifyStatement(entry.payload.identity).identityKey
  if (entry.type === 'join') {
    const { identity, worker } = entry.payload
    if (identity && !worker) return verifyStatement(identity).identityKey
    if (worker && !identity) return verifyWorkerStatement(worker).identityKey
    throw new AppError('log/bad-entry', 'a join is by a person or by a worker')
  }
  const actor = before?.members.get(entry.actor as UserId)
  if (!actor) throw new AppError('group/forbidden', 'the actor is not a member')
  return actor.identityKey
}

type Changes = Partial<Omit<GroupState, 'groupId' | 'seq' | 'head' | 'heads' | 'latestTs'>>

function created(entry: GroupEntry): Changes {
  if (entry.type !== 'create') throw forbidden('the first entry creates the group')
  return { members: new Map([memberFrom(entry.payload.identity, entry, 'owner')]) }
}

function effectOf(state: GroupState, entry: GroupEntry): Changes {
  switch (entry.type) {
    case 'create':
      throw forbidden('a group is created once')
    case 'invite':
      return invited(state, entry)
    case 'join':
      return joined(state, entry)
    case 'remove':
      return removed(state, entry)
    case 'leave':
      return left(state, entry)
    case 'role':
      return roleChanged(state, entry)
    case 'rotate':
      return rotated(state, entry)
    case 'enrol-worker':
      return workerEnrolled(state, entry)
    case 'remove-worker':
      return workerRemoved(state, entry)
  }
}

function invited(state: GroupState, entry: GroupEntryOf<'invite'>): Changes {
  const { role, inviteId } = entry.payload
  requireRole(state, entry, role === 'admin' ? ['owner'] : ['owner', 'admin'])
  if (state.invites.has(inviteId)) throw forbidden('an invite is made once')
  const invite: Invite = { ...entry.payload, uses: 0, invitedBy: entry.actor as UserId }
  return { invites: new Map(state.invites).set(inviteId, invite) }
}

function joined(state: GroupState, entry: GroupEntryOf<'join'>): Changes {
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

/** An id stands for one key for ever: else somebody could come back as another, and answer for what that one wrote. */
function checkSameKey(state: GroupState, id: MemberId, identityKey: Bytes): void {
  const known = authorKey(state, id)
  if (known && !equalBytes(known, identityKey)) throw new AppError('identity/changed', 'the id was somebody else’s')
}

function removed(state: GroupState, entry: GroupEntryOf<'remove'>): Changes {
  const target = state.members.get(entry.payload.memberId)
  if (!target) throw forbidden('is not a member')
  if (target.userId === entry.actor) throw forbidden('to go oneself is to leave')
  requireRole(state, entry, target.role === 'member' ? ['owner', 'admin'] : ['owner'])
  return withoutMember(state, target)
}

function left(state: GroupState, entry: GroupEntryOf<'leave'>): Changes {
  const member = state.members.get(entry.actor as UserId) as Member
  const owners = [...state.members.values()].filter(({ role }) => role === 'owner')
  if (member.role === 'owner' && owners.length === 1 && state.members.size > 1)
    throw forbidden('somebody has to own the group')
  return withoutMember(state, member)
}

function withoutMember(state: GroupState, member: Member): Changes {
  const members = new Map(state.members)
  members.delete(member.userId)
  return { members, formerMembers: new Map(state.formerMembers).set(member.userId, member), needsRotation: true }
}

function roleChanged(state: GroupState, entry: GroupEntryOf<'role'>): Changes {
  requireRole(state, entry, ['owner'])
  const target = state.members.get(entry.payload.memberId)
  if (!target) throw forbidden('is not a member')
  if (target.userId === entry.actor) throw forbidden('nobody changes their own role')
  return { members: new Map(state.members).set(target.userId, { ...target, role: entry.payload.role }) }
}

function rotated(state: GroupState, entry: GroupEntryOf<'rotate'>): Changes {
  const { epoch, commitment, prevBox, keptInvites } = entry.payload
  if (epoch !== state.epoch + 1) throw forbidden('epochs follow each other')
  if ((prevBox === null) !== (epoch === 1)) throw new AppError('log/bad-entry', 'the previous key is missing')
  const boxes = checkBoxes(state, entry.payload.boxes)
  const rotation = { epoch, commitment, boxes, prevBox, ts: entry.ts }
  const kept = new Set(keptInvites)
  const invites = new Map([...state.invites].filter(([inviteId]) => kept.has(inviteId)))
  return { epoch, rotations: new Map(state.rotations).set(epoch, rotation), invites, needsRotation: false }
}

function workerEnrolled(state: GroupState, entry: GroupEntryOf<'enrol-worker'>): Changes {
  requireRole(state, entry, ['owner', 'admin'])
  const boxes = new Map(entry.payload.boxes.map(({ epoch, hash }) => [epoch, hash]))
  if (!boxes.has(state.epoch)) throw new AppError('group/missing-box', 'the worker was not given the key')
  const [workerId, worker] = workerFrom(entry.payload.worker, entry.seq, boxes)
  if (state.workers.has(workerId)) throw forbidden('is enrolled already')
  checkSameKey(state, workerId, worker.identityKey)
  return { workers: new Map(state.workers).set(workerId, worker) }
}

function workerRemoved(state: GroupState, entry: GroupEntryOf<'remove-worker'>): Changes {
  requireRole(state, entry, ['owner', 'admin'])
  const worker = state.workers.get(entry.payload.workerId)
  if (!worker) throw forbidden('is not enrolled')
  const workers = new Map(state.workers)
  workers.delete(worker.workerId)
  return { workers, formerWorkers: new Map(state.formerWorkers).set(worker.workerId, worker), needsRotation: true }
}

function requireRole(state: GroupState, entry: GroupEntry, roles: readonly Role[]): void {
  const role = state.members.get(entry.actor as UserId)?.role
  if (!role || !roles.includes(role)) throw forbidden(`needs to be ${roles.join(' or ')}`)
}

function memberFrom(identity: SignedEntry, entry: GroupEntry, role: Role): [UserId, Member] {
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

function forbidden(why: string): AppError {
  return new AppError('group/forbidden', why)
}
