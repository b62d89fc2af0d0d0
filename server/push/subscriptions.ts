import { toBase64Url } from '../../shared/format/base64url.ts'
import type { writePushSubscription } from '../../shared/wire/push.ts'
import type { BodyOf } from '../../shared/wire/route.ts'
import type { Person } from '../actor.ts'
import type { PushSubscriptionRow } from '../db/chat-rows.ts'
import type { Deps } from '../deps.ts'
import { checkEndpoint } from './endpoint.ts'

/**
 * The session's subscription; it ends with the session. Its keys are for payloads: there are none, so they are not kept.
 * @throws {AppError} `request/invalid`
 */
export async function storeSubscription(
  { db, clock, config, random }: Deps,
  { userId, sessionId }: Person,
  { endpoint }: BodyOf<typeof writePushSubscription>,
): Promise<void> {
  checkEndpoint(endpoint, config.pushPrivateHosts)
  await db.transaction(async (trx) => {
    const known = await trx<PushSubscriptionRow>('push_subscriptions')
      .where({ session_id: sessionId, endpoint })
      .first()
    if (known) return
    // A browser in which somebody else signed in is no longer the first one's.
    await trx<PushSubscriptionRow>('push_subscriptions').where({ session_id: sessionId }).orWhere({ endpoint }).delete()
    await trx<PushSubscriptionRow>('push_subscriptions').insert({
      session_id: sessionId,
      user_id: userId,
      endpoint,
      // For each browser its own: a push service must not see which of them belong together.
      topic: toBase64Url(random(24)),
      is_pending: 0,
      created_at: clock.now(),
    })
  })
}

export async function removeSubscription({ db }: Deps, { sessionId }: Person): Promise<void> {
  await db<PushSubscriptionRow>('push_subscriptions').where({ session_id: sessionId }).delete()
}
