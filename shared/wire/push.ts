import * as z from 'zod/mini'
import { bytes } from './primitives.ts'
import { type BodyOf, route } from './route.ts'

/** VAPID, RFC 8292: the server's public key, as `pushManager.subscribe` wants it. */
export const readPushKey = route('GET', '/api/push/key', { reply: z.strictObject({ publicKey: bytes(65) }) })
/** RFC 8030 and 8291. Belongs to the session: signing out ends it. A later one replaces it. What is pushed is empty. The server keeps the endpoint alone. */
export const writePushSubscription = route('PUT', '/api/push/subscription', {
  body: z.strictObject({
    endpoint: z.string().check(z.maxLength(2048), z.regex(/^https:\/\//)),
    p256dh: bytes(65),
    auth: bytes(16),
  }),
})
/** What the server is told of a browser's `PushSubscription`. */
export function subscriptionBody(subscription: {
  readonly endpoint: string
  getKey(name: 'p256dh' | 'auth'): ArrayBuffer | null
}): BodyOf<typeof writePushSubscription> {
  const key = (name: 'p256dh' | 'auth') => new Uint8Array(subscription.getKey(name) ?? [])
  return { endpoint: subscription.endpoint, p256dh: key('p256dh'), auth: key('auth') }
}
export const removePushSubscription = route('DELETE', '/api/push/subscription')
