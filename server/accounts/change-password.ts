import type { changePassword as changePasswordRoute } from '../../shared/wire/accounts.ts'
import type { BodyOf } from '../../shared/wire/route.ts'
import type { Person } from '../actor.ts'
import type { Deps } from '../deps.ts'
import { checkRecords, storeRecords, storeUnlockBoxes } from './credentials.ts'
import { requireFresh } from './fresh.ts'
import { appendIdentityEntry } from './identity-log.ts'
import { removeSessions } from './sessions.ts'

/**
 * New records, boxes and statement together; every other device is signed out, and told to forget what it keeps.
 * @throws {AppError} `auth/expired` where the session is not fresh, `log/conflict`, `identity/…`, `request/invalid`
 */
export async function changePassword(
  deps: Deps,
  actor: Person,
  body: BodyOf<typeof changePasswordRoute>,
): Promise<void> {
  // An unlocked phone in foreign hands must not be enough to take the account over.
  requireFresh(deps, actor)
  checkRecords(deps, body.records)
  const removed = await deps.db.transaction(async (trx) => {
    const identity = await appendIdentityEntry(trx, actor.userId, body.ifIdentityHead, body.identity)
    await storeRecords(trx, actor.userId, body.records)
    await storeUnlockBoxes(trx, identity, body.unlock)
    // Whoever changes a password may have lost a device: an ended session alone would leave everything on it.
    return removeSessions({ clock: deps.clock, db: trx }, actor.userId, { except: actor.sessionId })
  })
  deps.events.removed(removed)
}
