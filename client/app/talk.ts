import { identityStatement } from '../../shared/logs/identity.ts'
import { decodeUnverified } from '../../shared/logs/signed.ts'
import { ChatEngine } from '../chat/chat.ts'
import { Push } from '../chat/push.ts'
import { FriendConnections } from '../friends/connections.ts'
import type { Uploads } from '../upload/uploads.ts'
import type { Crypto } from '../workers/crypto.ts'
import type { Api } from './api.ts'
import type { Events } from './events.ts'
import { passAppError } from './passing.ts'
import type { Talk } from './services.ts'
import type { Session } from './session.ts'
import { Signal } from './signal.ts'

type Parts = {
  readonly api: Api
  readonly crypto: Crypto
  readonly session: Session
  readonly events: Events
  readonly uploads: Uploads
}

/** Friends and chats of the account that is unlocked, from what the device keeps; the server is asked afterwards. */
export async function openTalk({ api, crypto, session, events, uploads }: Parts): Promise<Talk> {
  const { groups, identity, vault } = session.requireUnlocked()
  const { secrets } = groups.context
  const newestIdentity = async () => {
    const statement = decodeUnverified(identityStatement, (await identity.learn()).bytes)
    return { head: identity.actor.head, changedAt: statement.seq > 0 ? statement.createdAt : null }
  }
  const friends = new FriendConnections({ api, crypto, vault, secrets, identity: newestIdentity })
  await friends.openKept()
  const chat = await ChatEngine.open({ api, crypto, connections: friends, vault, secrets })
  chat.connect({ events, uploads })
  const push = new Push(api)
  void push.renew().catch(passAppError)
  return { friends, chat, push, wanted: new Signal<Talk['wanted']['value']>(null) }
}
