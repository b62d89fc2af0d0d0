import { AppError } from '../../shared/errors.ts'
import type { GroupEntry } from '../../shared/logs/group-entries.ts'
import { type GroupState, isOpen } from '../../shared/logs/group-state.ts'
import type { InviteKeys } from '../../shared/wire/groups.ts'
import { isTaken } from '../db/constraint.ts'
import type { InviteRow } from '../db/rows.ts'
import type { Db } from '../deps.ts'

/**
 * Makes the stored invites those of the log: new and re-sealed ones get their keys, ended ones go, used-up ones lose
 * what was sealed for them.
 * @throws {AppError} `request/invalid` unless each new or kept invite comes with its keys, `invite/invalid` for words that are taken
 */
export async function followInvites(
  trx: Db,
  state: GroupState,
  entries: readonly GroupEntry[],
  keys: readonly InviteKeys[],
  nowMs: number,
): Promise<void> {
  const sealed = new Map(keys.map((key) => [key.inviteId, key]))
  const needed = new Set(entries.flatMap(invitesThatNeedKeys).filter((id) => state.invites.has(id)))
  if (sealed.size !== keys.length || sealed.size !== needed.size || [...needed].some((id) => !sealed.has(id))) {
    throw new AppError('request/invalid', 'each new or kept invite comes with its keys, and no other')
  }
  const { groupId } = state
  await trx<InviteRow>('invites')
    .where({ group_id: groupId })
    .whereNotIn('invite_id', [...state.invites.keys()])
    .delete()
  for (const invite of state.invites.values()) {
    const where = { group_id: groupId, invite_id: invite.inviteId }
    const usesLeft = invite.maxUses - invite.uses
    const fresh = sealed.get(invite.inviteId)
    const stored = await trx<InviteRow>('invites').where(where).first('uses_left')
    const content = isOpen(invite, nowMs)
      ? fresh && { sealed: Buffer.from(fresh.sealed), code: fresh.code }
      : { sealed: Buffer.alloc(0), code: null }
    if (stored) {
      await change(() =>
        trx<InviteRow>('invites')
          .where(where)
          .update({ uses_left: usesLeft, ...content }),
      )
    } else if (content) {
      const { invitePub, role, expiresAt } = invite
      const row: InviteRow = {
        ...where,
        invite_pub: Buffer.from(invitePub),
        role,
        expires_at: expiresAt,
        uses_left: usesLeft,
        signups_left: usesLeft,
        ...content,
      }
      await change(() => trx<InviteRow>('invites').insert(row))
    }
  }
}

function invitesThatNeedKeys(entry: GroupEntry) {
  if (entry.type === 'invite') return [entry.payload.inviteId]
  return entry.type === 'rotate' ? entry.payload.keptInvites : []
}

async function change(write: () => PromiseLike<unknown>): Promise<void> {
  try {
    await write()
  } catch (error) {
    if (isTaken(error, 'invites.code')) throw new AppError('invite/invalid', 'these two words are taken: choose others')
    throw error
  }
}
