import { AppError } from '../../shared/errors.ts'
import { equalBytes } from '../../shared/format/bytes.ts'
import type { GroupId, MemberId, UserId } from '../../shared/format/ids.ts'
import { type GroupEntry, groupEntry } from '../../shared/logs/group-entries.ts'
import { replayGroup } from '../../shared/logs/group-replay.ts'
import type { GroupState } from '../../shared/logs/group-state.ts'
import { decodeUnverified } from '../../shared/logs/signed.ts'
import type { GroupAppend, GroupBox, InviteKeys, NewGroup } from '../../shared/wire/groups.ts'
import { type Actor, memberIdOf } from '../actor.ts'
import { isTaken } from '../db/constraint.ts'
import type { GroupBoxRow, GroupProfileRow, GroupRow } from '../db/rows.ts'
import type { Db, Deps } from '../deps.ts'
import { requireMember } from './access.ts'
import { checkStoredBoxes } from './box-check.ts'
import { checkEntrants } from './entrants.ts'
import { followInvites } from './invite-store.ts'
import { GroupStates, storeEntries } from './log-store.ts'
import { followLog, type MembershipChange } from './membership.ts'

export interface Groups {
  /** A new group of one; call it in a transaction. @throws {AppError} as `replayGroup`; boxes as `checkStoredBoxes` */
  create(trx: Db, group: NewGroup, creator: UserId): Promise<void>
  /** @throws {AppError} `log/conflict`, `group/not-member`; as `create` */
  append(groupId: GroupId, append: GroupAppend, actor: Actor): Promise<void>
}

interface Step {
  groupId: GroupId
  entries: GroupAppend['entries']
  boxes: readonly GroupBox[]
  invites: readonly InviteKeys[]
  by: MemberId
}

export function createGroups(deps: Deps): Groups {
  const states = new GroupStates()

  /** What entries do, all of it or nothing. The log decides; tables follow it. */
  async function take(trx: Db, before: GroupState | undefined, step: Step) {
    const { groupId, entries, boxes, invites, by } = step
    const state = replayGroup(groupId, entries, before ? { from: before } : {})
    const read = entries.map((entry) => decodeUnverified(groupEntry, entry.bytes))
    if (read.some(({ actor }) => actor !== by)) throw new AppError('group/forbidden', 'nobody speaks for others')
    await checkEntrants(deps, trx, read)
    checkStoredBoxes(read, boxes)
    const head = { seq: state.seq, head: Buffer.from(state.head), epoch: state.epoch }
    if (before) await trx<GroupRow>('groups').where({ group_id: groupId }).update(head)
    else await insertGroup(trx, { group_id: groupId, created_at: deps.clock.now(), ...head })
    await storeEntries(trx, groupId, before ? before.seq + 1 : 0, entries)
    const changes = await followLog(trx, state)
    for (const { memberId, epoch, sealed } of boxes) {
      // Whoever left in a later entry of the same append gets nothing.
      if (!isIn(state, memberId)) continue
      const row: GroupBoxRow = { group_id: groupId, member_id: memberId, epoch, sealed: Buffer.from(sealed) }
      await trx<GroupBoxRow>('group_boxes').insert(row).onConflict(['group_id', 'epoch', 'member_id']).merge()
    }
    await followInvites(trx, state, read, invites, deps.clock.now())
    states.keep(state)
    return { state, changes }
  }

  return {
    async create(trx, { groupId, entries, boxes, profile }, creator) {
      await take(trx, undefined, { groupId, entries, boxes, invites: [], by: creator })
      if (profile === null) return
      await trx<GroupProfileRow>('group_profiles').insert({
        group_id: groupId,
        revision: profile.revision,
        sealed: Buffer.from(profile.sealed),
      })
    },
    async append(groupId, { ifHead, entries, boxes, invites }, actor) {
      const { state, changes } = await deps.db.transaction(async (trx) => {
        const row = await trx<GroupRow>('groups').where({ group_id: groupId }).first()
        if (!row || !(await mayAppend(trx, groupId, actor, entries))) throw new AppError('group/not-member')
        if (!equalBytes(row.head, ifHead)) throw new AppError('log/conflict', 'the group changed meanwhile')
        const before = await states.of(trx, row)
        return take(trx, before, { groupId, entries, boxes, invites, by: memberIdOf(actor) })
      })
      tell(deps, state, changes)
    },
  }
}

/** Members may try; somebody from outside may only come in. */
async function mayAppend(trx: Db, groupId: GroupId, actor: Actor, entries: GroupAppend['entries']): Promise<boolean> {
  const [first] = entries
  if (first && typeOf(first) === 'join') return true
  await requireMember(trx, groupId, actor)
  return true
}

function typeOf(entry: GroupAppend['entries'][number]): GroupEntry['type'] {
  return decodeUnverified(groupEntry, entry.bytes).type
}

function isIn(state: GroupState, memberId: MemberId): boolean {
  return state.members.has(memberId as UserId) || state.workers.has(memberId as never)
}

async function insertGroup(trx: Db, row: GroupRow): Promise<void> {
  try {
    await trx<GroupRow>('groups').insert(row)
  } catch (error) {
    if (isTaken(error, 'groups.group_id')) throw new AppError('log/conflict', 'this group exists')
    throw error
  }
}

function tell({ events }: Deps, { groupId, seq }: GroupState, changes: readonly MembershipChange[]): void {
  for (const { memberId, isMember } of changes) events.membership(memberId, groupId, isMember)
  events.publish({ group: groupId }, 'group', { groupId, seq })
  // Whoever is out hears it once more, and finds the door closed when they ask.
  for (const { memberId, isMember } of changes) {
    if (!isMember) events.publish({ account: memberId as UserId }, 'group', { groupId, seq })
  }
}
