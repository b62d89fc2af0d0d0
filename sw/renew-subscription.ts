import { isAppError } from '../shared/errors.ts'
import { readPushKey, subscriptionBody, writePushSubscription } from '../shared/wire/push.ts'
import { call } from './call.ts'
import { eraseRemoved } from './removed.ts'

/**
 * The browser has ended its subscription, or made another one: the server hears of it at once, as perhaps no page is
 * opened for days. Where that cannot be now, the next page does it.
 * @param forget what is in memory and on the screen, where this device was signed out.
 */
export async function renewSubscription(manager: PushManager, forget: () => Promise<void>): Promise<void> {
  try {
    const { publicKey } = await call(readPushKey, {})
    const subscription =
      (await manager.getSubscription()) ??
      (await manager.subscribe({ userVisibleOnly: true, applicationServerKey: publicKey }))
    await call(writePushSubscription, { body: subscriptionBody(subscription) })
  } catch (error) {
    // The person took the permission back, or nobody is reached.
    if (!isAppError(error) && !(error instanceof DOMException)) throw error
    if (isAppError(error, 'auth/removed')) await eraseRemoved(forget)
  }
}
