import type * as z from 'zod/mini'
import { AppError } from '../../shared/errors.ts'
import type { UserId } from '../../shared/format/ids.ts'
import { inviteProofBytes } from '../../shared/logs/group-entering.ts'
import { type INVITE_OPEN_LABEL, INVITE_SIGNUP_LABEL } from '../../shared/logs/group-entries.ts'
import { verifySignature } from '../../shared/logs/signed.ts'
import type { inviteProof } from '../../shared/wire/groups.ts'
import type { InviteRow } from '../db/rows.ts'
import type { Db, Deps } from '../deps.ts'

export type InviteProof = z.output<typeof inviteProof>
type Purpose =
  | { label: typeof INVITE_OPEN_LABEL; isWorker?: boolean }
  | { label: typeof INVITE_SIGNUP_LABEL; userId: UserId }

/**
 * The invite that the proof opens: it is in the group's log, not ended, not out of date, and has uses left.
 * @throws {AppError} `invite/invalid`, `invite/expired`, `invite/used-up`
 */
export async function requireOpenInvite(deps: Deps, db: Db, proof: InviteProof, purpose: Purpose): Promise<InviteRow> {
  const { groupId, inviteId, sig } = proof
  const row = await db<InviteRow>('invites').where({ group_id: groupId, invite_id: inviteId }).first()
  const signed = inviteProofBytes(groupId, inviteId, 'userId' in purpose ? purpose.userId : undefined)
  if (!row || !verifySignature(purpose.label, signed, sig, row.invite_pub)) {
    throw new AppError('invite/invalid', 'this invite does not exist or has ended')
  }
  if (row.expires_at <= deps.clock.now()) throw new AppError('invite/expired', 'this invite has run out')
  if (row.uses_left <= 0) throw new AppError('invite/used-up', 'this invite was used up')
  if ('isWorker' in purpose && purpose.isWorker && row.role !== 'worker') {
    throw new AppError('invite/invalid', 'this invite is for people')
  }
  return row
}

/** An account by invite: the invite pays for as many accounts as it lets in. @throws as `requireOpenInvite` */
export async function spendSignup(deps: Deps, trx: Db, proof: InviteProof, userId: UserId): Promise<void> {
  const row = await requireOpenInvite(deps, trx, proof, { label: INVITE_SIGNUP_LABEL, userId })
  if (row.role === 'worker') throw new AppError('invite/invalid', 'this invite is for a worker')
  if (row.signups_left <= 0) throw new AppError('invite/used-up', 'this invite was used up')
  await trx<InviteRow>('invites')
    .where({ group_id: row.group_id, invite_id: row.invite_id })
    .update({ signups_left: row.signups_left - 1 })
}

/** Time for people to learn why their link no longer works; then nothing of it stays. */
const FORGET_MS = 30 * 24 * 3600_000

/** The sealed group key of an invite that has run out must not lie around. */
export async function sweepInvites({ db, clock }: Deps): Promise<void> {
  const now = clock.now()
  await db<InviteRow>('invites')
    .where('expires_at', '<=', now)
    .update({ sealed: Buffer.alloc(0), code: null })
  await db<InviteRow>('invites')
    .where('expires_at', '<=', now - FORGET_MS)
    .delete()
}
