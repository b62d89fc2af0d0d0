import { AppError } from '../../shared/errors.ts'
import { INVITE_OPEN_LABEL } from '../../shared/logs/group-entries.ts'
import { findInvite, openInvite } from '../../shared/wire/groups.ts'
import type { InviteRow } from '../db/rows.ts'
import { toBytes } from '../format.ts'
import { requireOpenInvite } from '../groups/invites.ts'
import { readEntries } from '../groups/log-store.ts'
import { readProfile } from '../groups/profile.ts'
import type { Api } from './api.ts'

/** Workers join by invite as well: programs, that send no Origin. */
const BY_ANYBODY = { auth: 'none', limit: 'invite', origin: 'any' } as const

export function registerInvites({ handle, deps }: Api): void {
  const { db, clock } = deps

  handle(openInvite, BY_ANYBODY, async ({ body }) => {
    const invite = await requireOpenInvite(deps, db, body, { label: INVITE_OPEN_LABEL })
    return {
      sealed: toBytes(invite.sealed),
      // First: the log then holds every head that the name's author can have known.
      profile: await readProfile(db, body.groupId),
      entries: await readEntries(db, body.groupId),
    }
  })
  handle(findInvite, BY_ANYBODY, async ({ body }) => {
    const row = await db<InviteRow>('invites')
      .where({ code: body.code.trim().toLowerCase() })
      .where('expires_at', '>', clock.now())
      .where('uses_left', '>', 0)
      .first('group_id', 'invite_id')
    if (!row) throw new AppError('invite/invalid', 'no invite goes by these words')
    return { groupId: row.group_id, inviteId: row.invite_id }
  })
}
