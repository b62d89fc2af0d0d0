import { removeSession } from '../../shared/wire/accounts.ts'
import type { Api } from '../app/api.ts'
import type { FriendConnections } from '../friends/connections.ts'

/**
 * Signs another device out, and has the keys of every conversation change before its next message.
 * @param openFriends may fail: a lost device is signed out all the same.
 */
export async function endSession(
  api: Pick<Api, 'call'>,
  openFriends: () => Promise<Pick<FriendConnections, 'setAllDue'>>,
  sessionId: string,
): Promise<void> {
  const setDue = async () => (await openFriends()).setAllDue('device-removed')
  // Before: a program that ends in between must not leave the keys of the device in use. A fault shows below.
  await setDue().catch(() => undefined)
  await api.call(removeSession, { params: { sessionId } })
  // And after: the device itself may have changed them while it was still let in, and knows those.
  await setDue()
}
