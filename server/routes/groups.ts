import { AppError } from '../../shared/errors.ts'
import type { SignedEntry } from '../../shared/logs/signed.ts'
import {
  appendGroupLog,
  createGroup,
  listGroups,
  readGroupBoxes,
  readGroupLog,
  readGroupProfile,
  writeGroupProfile,
} from '../../shared/wire/groups.ts'
import { type Actor, memberIdOf } from '../actor.ts'
import type { GroupBoxRow, GroupProfileRow, GroupRow } from '../db/rows.ts'
import { toBytes } from '../format.ts'
import { requireMember, requireRole } from '../groups/access.ts'
import type { Groups } from '../groups/groups.ts'
import { readEntries } from '../groups/log-store.ts'
import { readProfile } from '../groups/profile.ts'
import type { Api } from './api.ts'

const APPEND_MAX_BYTES = 4 * 2 ** 20

export function registerGroups({ handle, deps, limits }: Api, groups: Groups): void {
  const { db } = deps

  async function spend(actor: Actor, entries: readonly SignedEntry[]): Promise<void> {
    await limits.consume('group-entry', memberIdOf(actor), entries.length)
    const bytes = entries.reduce((sum, entry) => sum + entry.bytes.length, 0)
    await limits.consume('group-bytes', memberIdOf(actor), bytes)
  }

  handle(listGroups, { auth: 'member-or-worker', limit: 'read' }, async ({ actor }) => {
    const rows = await db('groups')
      .join('memberships', 'memberships.group_id', 'groups.group_id')
      .where('member_id', memberIdOf(actor))
      .orderBy('created_at')
      .select<GroupRow[]>('groups.group_id', 'seq', 'head')
    return { groups: rows.map(({ group_id, seq, head }) => ({ groupId: group_id, seq, head: toBytes(head) })) }
  })
  handle(createGroup, { auth: 'person', limit: 'write' }, async ({ actor, body }) => {
    await spend(actor, body.entries)
    await db.transaction((trx) => groups.create(trx, body, actor.userId))
    deps.events.membership(actor.userId, body.groupId, true)
  })
  handle(readGroupLog, { auth: 'member-or-worker', limit: 'read' }, async ({ actor, params, query }) => {
    await requireMember(db, params.groupId, actor)
    return { entries: await readEntries(db, params.groupId, query.from) }
  })
  handle(
    appendGroupLog,
    { auth: 'member-or-worker', limit: 'write', bodyMaxBytes: APPEND_MAX_BYTES },
    async ({ actor, params, body }) => {
      await spend(actor, body.entries)
      await groups.append(params.groupId, body, actor)
    },
  )
  handle(readGroupBoxes, { auth: 'member-or-worker', limit: 'read' }, async ({ actor, params }) => {
    await requireMember(db, params.groupId, actor)
    const own = { group_id: params.groupId, member_id: memberIdOf(actor) }
    const rows = await db<GroupBoxRow>('group_boxes').where(own).orderBy('epoch')
    return {
      boxes: rows.map(({ member_id, epoch, sealed }) => ({ memberId: member_id, epoch, sealed: toBytes(sealed) })),
    }
  })
  handle(readGroupProfile, { auth: 'person', limit: 'read' }, async ({ actor, params }) => {
    await requireMember(db, params.groupId, actor)
    return { profile: await readProfile(db, params.groupId) }
  })
  handle(writeGroupProfile, { auth: 'person', limit: 'write' }, async ({ actor, params, body }) => {
    await db.transaction(async (trx) => {
      await requireRole(trx, params.groupId, actor, ['owner', 'admin'])
      const old = await readProfile(trx, params.groupId)
      if (body.revision !== (old?.revision ?? 0) + 1)
        throw new AppError('log/conflict', 'the name was changed meanwhile')
      const row = { group_id: params.groupId, revision: body.revision, sealed: Buffer.from(body.sealed) }
      await trx<GroupProfileRow>('group_profiles').insert(row).onConflict('group_id').merge()
    })
    const group = await db<GroupRow>('groups').where({ group_id: params.groupId }).first('seq')
    deps.events.publish({ group: params.groupId }, 'group', { groupId: params.groupId, seq: group?.seq ?? 0 })
  })
}
