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
  const identityHead = async () => {
    await identity.learn()
    return identity.actor.head
  }
  const friends = new FriendConnections({ api, crypto, vault, secrets, identityHead })
  await friends.openKept()
  const chat = await ChatEngine.open({ api, crypto, connections: friends, vault, secrets })
  chat.connect({ events, uploads })
  const push = new Push(api)
  void push.renew().catch(passAppError)
  return { friends, chat, push }
}
