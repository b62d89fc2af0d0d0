import { isAppError } from '../shared/errors.ts'
import { readPushKey, subscriptionBody, writePushSubscription } from '../shared/wire/push.ts'
import { call } from './call.ts'

/**
 * The browser has ended its subscription, or made another one: the server hears of it at once, as perhaps no page is
 * opened for days. Where that cannot be now, the next page does it.
 */
export async function renewSubscription(manager: PushManager): Promise<void> {
  try {
    const { publicKey } = await call(readPushKey, {})
    const subscription =
      (await manager.getSubscription()) ??
      (await manager.subscribe({ userVisibleOnly: true, applicationServerKey: publicKey }))
    await call(writePushSubscription, { body: subscriptionBody(subscription) })
  } catch (error) {
    // The person took the permission back, or nobody is reached.
    if (!isAppError(error) && !(error instanceof DOMException)) throw error
  }
}
