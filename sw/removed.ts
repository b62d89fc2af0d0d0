import { eraseDevice, openDevice } from '../shared/device/db.ts'

/**
 * The server says that another device has signed this one out: nothing that is kept here may be opened again, and perhaps
 * no page ever comes to hear of it.
 * @param forget what is in memory and on the screen.
 * @returns whether there was anything: a device that was destroyed at the lock goes on looking locked.
 */
export async function eraseRemoved(forget: () => Promise<void>): Promise<boolean> {
  if ((await (await openDevice()).count('vault')) === 0) return false
  await eraseDevice()
  await forget()
  return true
}
