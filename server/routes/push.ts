import { fromBase64Url } from '../../shared/format/base64url.ts'
import { readPushKey, removePushSubscription, writePushSubscription } from '../../shared/wire/push.ts'
import { removeSubscription, storeSubscription } from '../push/subscriptions.ts'
import type { Api } from './api.ts'

export function registerPush({ handle, deps }: Api): void {
  handle(readPushKey, { auth: 'person', limit: 'read' }, async () => ({
    publicKey: fromBase64Url(deps.secrets.vapid.publicKey),
  }))
  handle(writePushSubscription, { auth: 'person', limit: 'write' }, ({ actor, body }) =>
    storeSubscription(deps, actor, body),
  )
  handle(removePushSubscription, { auth: 'person', limit: 'write' }, ({ actor }) => removeSubscription(deps, actor))
}
