import 'fake-indexeddb/auto'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { newDeviceId, newKey, newUserId } from '../../shared/crypto/random.ts'
import { eraseDevice } from '../../shared/device/db.ts'
import { createKey } from '../../shared/device/device-key.ts'
import { readNotifyState, readPreviewKeys, writeNotifyState, writePreviewKeys } from '../../shared/device/push-store.ts'
import { parseConnectionId } from '../../shared/format/ids.ts'
import { ZERO_HASH } from '../../shared/logs/signed.ts'
import { Announced } from './announced.ts'
import type { ChatContext } from './context.ts'
import type { Conversation } from './types.ts'
import type { Window } from './windows.ts'

const connectionId = parseConnectionId(newDeviceId())
const [me, friend] = [newUserId(), newUserId()]

beforeEach(async () => {
  await eraseDevice()
  await createKey('lock')
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  vi.stubGlobal('navigator', { serviceWorker: { getRegistration: async () => undefined } })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

it('notes what a page took of the friend’s devices, so that the server cannot show it as new; and forgets nothing', async () => {
  const [phone, laptop, announced, own] = [newDeviceId(), newDeviceId(), newDeviceId(), newDeviceId()]
  const step = (counter: number) => ({ counter, hash: ZERO_HASH, prev: null })
  const window = (senderId: typeof me, deviceId: typeof phone, low: number, seen: number[]): Window => {
    return { senderId, deviceId, high: 9, low: { counter: low, hash: null }, seen: seen.map(step), lost: 0, never: [] }
  }
  const windows = [window(friend, phone, 3, []), window(friend, laptop, 1, [4, 5]), window(me, own, 8, [])]
  const heard = [
    { deviceId: announced, counter: 2 },
    { deviceId: phone, counter: 7 },
  ]
  await writeNotifyState({ changeSeq: 1, conversations: [{ connectionId, seq: 9, unread: 1, heard }] })
  const context = {
    me: { userId: me },
    store: { readState: async () => ({ cursor: 4, windows }) },
    connections: { get: () => null, newestEpoch: () => null },
  } as unknown as ChatContext
  new Announced(context).update([{ connectionId, unread: 0 } as Conversation], [connectionId])
  vi.runAllTimers()
  vi.useRealTimers()
  await expect.poll(async () => (await readNotifyState()).conversations[0]?.unread).toBe(0)
  const [kept] = (await readNotifyState()).conversations
  expect(kept?.seq).toBe(9)
  expect(new Map(kept?.heard.map((one) => [one.deviceId, one.counter]))).toEqual(
    new Map([
      [announced, 2],
      [phone, 7],
      [laptop, 5],
    ]),
  )
})

it('keeps no keys of a conversation that is not shown any more', async () => {
  await createKey('device')
  const peer = { userId: friend, username: 'ben' }
  await writePreviewKeys(connectionId, { peer, epochs: [{ epoch: 0, messageSecret: newKey() }], since: 1 })
  new Announced({ connections: { get: () => null } } as unknown as ChatContext).update([], [connectionId])
  vi.runAllTimers()
  vi.useRealTimers()
  await expect.poll(() => readPreviewKeys(connectionId)).toBeNull()
})

it('has nothing announced of whoever is blocked, though their conversation is still shown', async () => {
  await createKey('device')
  await createKey('lock')
  const peer = { userId: friend, username: 'ben' }
  await writePreviewKeys(connectionId, { peer, epochs: [{ epoch: 0, messageSecret: newKey() }], since: 1 })
  const context = { connections: { get: () => ({ state: 'blocked' }) } } as unknown as ChatContext
  new Announced(context).update([{ connectionId, unread: 2 } as Conversation], [connectionId])
  vi.runAllTimers()
  vi.useRealTimers()
  await expect
    .poll(async () => (await readNotifyState()).conversations)
    .toEqual([{ connectionId, seq: 0, unread: 0, heard: [], isMuted: true }])
  expect(await readPreviewKeys(connectionId)).toBeNull()
})

it('puts the number of unread messages on the app’s icon, and takes it away when all are read', async () => {
  const [here, there] = [connectionId, parseConnectionId(newDeviceId())]
  const onIcon: (number | null)[] = []
  vi.stubGlobal('navigator', {
    serviceWorker: { getRegistration: async () => undefined },
    setAppBadge: async (count: number) => void onIcon.push(count),
    clearAppBadge: async () => void onIcon.push(null),
  })
  const context = {
    me: { userId: me },
    store: { readState: async () => ({ cursor: 4, windows: [] }) },
    connections: { get: () => null, newestEpoch: () => null },
  } as unknown as ChatContext
  const announced = new Announced(context)
  const unread = (a: number, b: number) =>
    [
      { connectionId: here, unread: a },
      { connectionId: there, unread: b },
    ] as Conversation[]
  announced.update(unread(2, 0), [here])
  // Many changes become one.
  announced.update(unread(2, 3), [there])
  vi.runAllTimers()
  await vi.waitFor(() => expect(onIcon).toEqual([5]))
  announced.update(unread(0, 0), [here, there])
  vi.runAllTimers()
  await vi.waitFor(() => expect(onIcon).toEqual([5, null]))
})
