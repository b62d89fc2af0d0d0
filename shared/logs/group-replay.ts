import { AppError } from '../errors.ts'
import { toBase64Url } from '../format/base64url.ts'
import { type Bytes, equalBytes } from '../format/bytes.ts'
import type { GroupId, UserId } from '../format/ids.ts'
import {
  type Changes,
  forbidden,
  joined,
  memberFrom,
  type Newcomer,
  newcomerOf,
  requireRole,
  workerEnrolled,
} from './group-entering.ts'
import { GROUP_LABEL, type GroupEntry, type GroupEntryOf, groupEntry } from './group-entries.ts'
import { checkBoxes, type Former, type GroupState, type Invite, type Member } from './group-state.ts'
import { checkChain, checkSignature, decodeUnverified, type SignedEntry, ZERO_HASH } from './signed.ts'

/** What was seen of a group's log before. */
export type GroupPin = { readonly seq: number; readonly head: Bytes }

type Known = { readonly from?: GroupState; readonly pin?: GroupPin }

/**
 * Verifies a group log and says who is in it (docs/protocol.md §6). Every right is checked at the entry that uses it.
 * @param from state to go on from; `entries` then start at `from.seq + 1`.
 * @throws {AppError} `log/bad-entry`, `log/bad-signature`, `log/wrong-prev`, `group/forbidden`, `group/ghost-box`,
 *   `group/missing-box`, `identity/changed` (an id comes back with another key), `invite/invalid`, `invite/expired`,
 *   `invite/used-up`; against the pin `group/rollback`, `group/fork`.
 */
export function replayGroup(groupId: GroupId, entries: readonly SignedEntry[], known: Known = {}): GroupState {
  const steps = replaySteps(groupId, entries, known)
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}

/**
 * As `replayGroup`, for who must not be held up: each entry is parsed, hashed and verified, which takes a phone long.
 * @param pause awaited after each entry.
 */
export async function replayGroupInSteps(
  groupId: GroupId,
  entries: readonly SignedEntry[],
  known: Known,
  pause: () => Promise<void>,
): Promise<GroupState> {
  const steps = replaySteps(groupId, entries, known)
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
    await pause()
  }
}

function* replaySteps(
  groupId: GroupId,
  entries: readonly SignedEntry[],
  { from, pin }: Known,
): Generator<void, GroupState> {
  let state = from
  if (state && pin && state.seq >= pin.seq && !state.heads.has(toBase64Url(pin.head))) throw forked()
  for (const entry of entries) {
    state = applyEntry(groupId, state, entry)
    if (pin) checkPin(state, pin)
    yield
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
  const newcomer = newcomerOf(entry)
  const head = checkSignature(GROUP_LABEL, signed, newcomer?.identityKey ?? memberKey(before, entry))
  checkChain(entry, before ? before.seq + 1 : 0, before?.head ?? ZERO_HASH)
  const changes = before ? effectOf(before, entry, newcomer) : created(entry, newcomer)
  const heads = new Map(before?.heads).set(toBase64Url(head), entry.seq)
  const latestTs = Math.max(before?.latestTs ?? 0, entry.ts)
  return { ...(before ?? emptyState(groupId)), ...changes, seq: entry.seq, head, heads, latestTs }
}

function emptyState(groupId: GroupId): GroupState {
  return {
    groupId,
    seq: -1,
    head: ZERO_HASH,
    heads: new Map(),
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

/** The key that has to have signed, of who is in. */
function memberKey(before: GroupState | undefined, entry: GroupEntry): Bytes {
  const actor = before?.members.get(entry.actor as UserId)
  if (!actor) throw new AppError('group/forbidden', 'the actor is not a member')
  return actor.identityKey
}

function created(entry: GroupEntry, newcomer: Newcomer | null): Changes {
  if (entry.type !== 'create' || newcomer?.kind !== 'person') throw forbidden('the first entry creates the group')
  return { members: new Map([memberFrom(newcomer, entry, 'owner')]) }
}

function effectOf(state: GroupState, entry: GroupEntry, newcomer: Newcomer | null): Changes {
  switch (entry.type) {
    case 'create':
      throw forbidden('a group is created once')
    case 'invite':
      return invited(state, entry)
    case 'join':
      return joined(state, entry, newcomer as Newcomer)
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
  const former = withPeriod(state.formerMembers.get(member.userId), member, member.joinedSeq, state.seq + 1)
  return { members, formerMembers: new Map(state.formerMembers).set(member.userId, former), needsRotation: true }
}

/** @param to seq of the entry that ended it. */
function withPeriod<T>(before: Former | undefined, who: T, from: number, to: number): T & Former {
  return { ...who, periods: [...(before?.periods ?? []), { from, to }] }
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

function workerRemoved(state: GroupState, entry: GroupEntryOf<'remove-worker'>): Changes {
  requireRole(state, entry, ['owner', 'admin'])
  const worker = state.workers.get(entry.payload.workerId)
  if (!worker) throw forbidden('is not enrolled')
  const workers = new Map(state.workers)
  workers.delete(worker.workerId)
  const former = withPeriod(state.formerWorkers.get(worker.workerId), worker, worker.enrolledSeq, state.seq + 1)
  return { workers, formerWorkers: new Map(state.formerWorkers).set(worker.workerId, former), needsRotation: true }
}
