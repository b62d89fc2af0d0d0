import type { InviteRow } from '../db/rows.ts'
import type { Deps } from '../deps.ts'

/** The sealed group key of an invite that has run out must not lie around. */
export async function sweepInvites({ db, clock }: Deps): Promise<void> {
  await db<InviteRow>('invites').where('expires_at', '<=', clock.now()).orWhere('uses_left', '<=', 0).delete()
}
