import 'fake-indexeddb/auto'
import { beforeEach, describe, expect, it } from 'vitest'
import { sealMessages } from '../shared/crypto/message.ts'
import { newDeviceId, newKey, newUserId } from '../shared/crypto/random.ts'
import { sealOwnReceipt } from '../shared/crypto/receipt.ts'
import { eraseDevice, openDevice } from '../shared/device/db.ts'
import { createKey } from '../shared/device/device-key.ts'
import { QUIET_TAG, writeNotifySettings, writeNotifyState, writePreviewKeys } from '../shared/device/push-store.ts'
import { writeSealed } from '../shared/device/sealed-store.ts'
import { AppError } from '../shared/errors.ts'
import type { Bytes } from '../shared/format/bytes.ts'
import { parseConnectionId } from '../shared/format/ids.ts'
import { ZERO_HASH } from '../shared/logs/signed.ts'
import {
  type ConnectionView,
  catchUp,
  listConnections,
  type StoredMessage,
  type StoredReceipt,
} from '../shared/wire/connections.ts'
import { announce, isSilent, type PushPorts } from './push.ts'

const id = parseConnectionId(newDeviceId())
const [me, friend, device] = [newUserId(), newUserId(), newDeviceId()]
const messageSecret = newKey()
const accountKey = newKey()

type Served = { view?: Partial<ConnectionView>; messages?: StoredMessage[]; receipts?: StoredReceipt[] }

function ports(served: Served | 'unreachable' | 'removed', now = new Date(2026, 0, 1, 12)) {
  const shown: { title: string; body: string; tag: string; silent: boolean; url: string }[] = []
  const closed: string[] = []
  const badges: number[] = []
  let forgotten = 0
  const call = async (route: unknown) => {
    if (served === 'unreachable') throw new AppError('server/unreachable')
    if (served === 'removed') throw new AppError('auth/removed')
    const { messages = [], receipts = [] } = served
    const lastSeq = messages.at(-1)?.seq ?? 0
    if (route === catchUp) {
      return { connections: [{ connectionId: id, entries: [], messages, receipts, lastSeq, more: false }] }
    }
    if (route !== listConnections) throw new Error('not expected')
    const peer = { userId: friend, username: 'ben' }
    const view: ConnectionView = {
      connectionId: id,
      peer,
      state: 'friends',
      length: 2,
      head: ZERO_HASH,
      lastSeq,
      note: null,
      createdAt: 0,
      changeSeq: 5,
      ...served.view,
    }
    return { connections: [view], more: false }
  }
  const made: PushPorts = {
    call: call as PushPorts['call'],
    isWatched: async () => false,
    show: async (title, options) => {
      const { body = '', tag = '', silent = false, data } = options
      shown.push({ title, body, tag, silent: silent ?? false, url: data.url })
    },
    close: async (tag) => void closed.push(tag),
    countsShowing: false,
    // Something of before stands there, so that nothing has to be shown for the browser's sake.
    standing: async () => 1,
    badge: async (count) => void badges.push(count),
    forget: async () => {
      shown.splice(0)
      forgotten++
    },
    now: () => now,
  }
  return { ports: made, shown, closed, badges, forgotten: () => forgotten }
}

async function message(
  text: string,
  counter = 1,
  secret: Bytes = messageSecret,
  connectionId = id,
): Promise<StoredMessage> {
  const header = { connectionId, epoch: 0, senderId: friend, deviceId: device, counter, lamport: counter }
  const said = { prev: ZERO_HASH, ack: ZERO_HASH, type: 'text', body: JSON.stringify({ text }) } as const
  const [sealed] = await sealMessages([{ ...header, ...said, messageSecret: secret, identitySeed: newKey() }])
  const where = { seq: counter, senderId: friend, deviceId: device, counter, createdAt: 0, expiresAt: null }
  return { ...where, sealed: sealed?.bytes ?? null }
}

const keepVault = async () =>
  (await openDevice()).put('vault', { name: 'settings', version: 1, sealed: newKey() }, 'settings')

const PREVIEWS = { previews: true, silent: null }

beforeEach(async () => {
  await eraseDevice()
  await createKey('device')
  await createKey('lock')
  await writeSealed('account-key', accountKey)
  const account = { userId: me, username: 'anna', deviceId: device, serverKey: '', vaultVersion: 0, identity: null }
  await (await openDevice()).put('account', account, 'current')
  const peer = { userId: friend, username: 'ben' }
  await writePreviewKeys(id, { peer, epochs: [{ epoch: 0, messageSecret }], since: 0 })
})

it('says nothing of whoever is blocked, whatever the server says of them', async () => {
  const muted = { connectionId: id, seq: 0, unread: 0, heard: [], isMuted: true }
  await writeNotifySettings(PREVIEWS)
  await writeNotifyState({ changeSeq: 0, conversations: [muted] })
  for (const state of ['friends', 'asked'] as const) {
    const { ports: given, shown, badges } = ports({ messages: [await message('hello again')], view: { state } })
    await announce(given)
    expect(shown).toEqual([])
    expect(badges).toEqual([0])
  }
})

describe('a push with nothing to say', () => {
  const quiet = { title: 'Kith', body: 'Nothing new', tag: QUIET_TAG, silent: true, url: '/chats' }

  it('leaves a quiet line on a screen with nothing else, as the browser was promised to see something', async () => {
    const { ports: given, shown, closed } = ports({})
    await announce({ ...given, standing: async () => 0 })
    expect([shown, closed]).toEqual([[quiet], []])
  })

  it('leaves a screen as it is on which something of Kith still stands', async () => {
    const { ports: given, shown } = ports({})
    await announce(given)
    expect(shown).toEqual([])
  })

  it('says so too where nobody is signed in any more', async () => {
    await (await openDevice()).clear('account')
    const { ports: given, shown } = ports({})
    await announce({ ...given, standing: async () => 0 })
    expect(shown).toEqual([quiet])
  })

  it.each([true, false])(
    'shows it and takes it away where showing is what counts, somebody looking: %s',
    async (isWatched) => {
      const { ports: given, shown, closed } = ports({})
      await announce({ ...given, countsShowing: true, isWatched: async () => isWatched })
      expect([shown, closed]).toEqual([[quiet], [QUIET_TAG]])
    },
  )

  it('takes the quiet line away once there is something to say', async () => {
    const { ports: given, shown, closed } = ports({ messages: [await message('hello')] })
    await announce({ ...given, standing: async () => 0 })
    expect([shown.map(({ body }) => body), closed]).toEqual([['New message'], [QUIET_TAG]])
  })
})

describe('announcing', () => {
  it('shows who wrote and what, where the person allowed it', async () => {
    await writeNotifySettings(PREVIEWS)
    const { ports: given, shown, badges } = ports({ messages: [await message('hello', 1), await message('there', 2)] })
    await announce(given)
    expect(shown).toEqual([{ title: 'ben', body: 'there', tag: `chat/${id}`, silent: false, url: `/chats/${id}` }])
    expect(badges).toEqual([2])
  })

  it('shows a line that says nothing, where the person did not', async () => {
    const { ports: given, shown } = ports({ messages: [await message('canary')] })
    await announce(given)
    expect(shown).toMatchObject([{ title: 'Kith', body: 'New message' }])
  })

  it('shows a line that says nothing, while the device is locked', async () => {
    await writeNotifySettings(PREVIEWS)
    await (await openDevice()).clear('sealed')
    const { ports: given, shown } = ports({ messages: [await message('canary')] })
    await announce(given)
    expect(shown).toMatchObject([{ title: 'Kith', body: 'New message' }])
  })

  it('shows a line that says nothing, where Kith is locked while the server is being asked', async () => {
    await writeNotifySettings(PREVIEWS)
    const { ports: given, shown } = ports({ messages: [await message('canary')] })
    const call = async (...asked: Parameters<PushPorts['call']>) => {
      const answer = await given.call(...asked)
      if ((asked[0] as unknown) === catchUp) await (await openDevice()).clear('sealed')
      return answer
    }
    await announce({ ...given, call: call as PushPorts['call'] })
    expect(shown).toMatchObject([{ title: 'ben', body: 'New message' }])
  })

  it('shows nothing of a message that the server made up', async () => {
    await writeNotifySettings(PREVIEWS)
    const { ports: given, shown } = ports({ messages: [await message('pay here', 1, newKey())] })
    await announce(given)
    expect(shown).toMatchObject([{ title: 'ben', body: 'New message' }])
  })

  it('names the friend as the friend signed it, where the server gives them another name', async () => {
    await writeNotifySettings(PREVIEWS)
    const view = { peer: { userId: friend, username: 'carol' } }
    const { ports: given, shown } = ports({ view, messages: [await message('hello')] })
    await announce(given)
    expect(shown).toMatchObject([{ title: 'ben', body: 'hello' }])
  })

  it('clears what was read on another device', async () => {
    const sealed = await sealOwnReceipt({ connectionId: id, senderId: me, deviceId: device, revision: 1 }, accountKey, {
      delivered: [],
      read: [{ senderId: friend, deviceId: device, counter: 1 }],
    })
    const receipts = [{ userId: me, deviceId: device, revision: 1, sealed }]
    const { ports: given, shown, closed, badges } = ports({ messages: [await message('hello')], receipts })
    await announce(given)
    expect({ shown, closed, badges }).toEqual({ shown: [], closed: [`chat/${id}`], badges: [0] })
  })

  it('counts on, and shows no message twice', async () => {
    await announce(ports({ messages: [await message('one', 1)] }).ports)
    const again = ports({ messages: [await message('one', 1)] })
    await announce(again.ports)
    expect(again.shown).toEqual([])
    const next = ports({ messages: [await message('two', 2)] })
    await announce(next.ports)
    expect(next.shown).toMatchObject([{ body: '2 new messages' }])
    expect(next.badges).toEqual([2])
  })

  describe('an old message that the server shows again', () => {
    const old = 'come to the station, now'
    const readUpTo = async (counter: number) => {
      const own = { connectionId: id, senderId: me, deviceId: device, revision: 1 }
      const read = [{ senderId: friend, deviceId: device, counter }]
      const sealed = await sealOwnReceipt(own, accountKey, { delivered: [], read })
      return [{ userId: me, deviceId: device, revision: 1, sealed }]
    }
    beforeEach(() => writeNotifySettings(PREVIEWS))

    it.each([
      ['another counter', { counter: 7 }],
      ['another device', { deviceId: newDeviceId() }],
      ['another sender', { senderId: newUserId() }],
    ])('with %s beside the ciphertext is no news, though it was read', async (_, beside) => {
      const replayed = { ...(await message(old, 1)), seq: 7, ...beside }
      const { ports: given, shown } = ports({ messages: [replayed], receipts: await readUpTo(1) })
      await announce(given)
      expect(shown).toEqual([])
    })

    it('of another conversation is no news', async () => {
      const other = parseConnectionId(newDeviceId())
      const { ports: given, shown } = ports({ messages: [await message(old, 1, messageSecret, other)] })
      await announce(given)
      expect(shown).toEqual([])
    })

    it('under a new number, after it was announced here, is no news; what follows is', async () => {
      const told = await message(old, 3)
      await announce(ports({ messages: [told] }).ports)
      const again = ports({ messages: [{ ...told, seq: 9 }] })
      await announce(again.ports)
      expect([again.shown, again.badges]).toEqual([[], [1]])
      const next = ports({ messages: [{ ...(await message('there', 4)), seq: 10 }] })
      await announce(next.ports)
      expect(next.shown).toMatchObject([{ title: 'ben', body: 'there' }])
    })

    it('under a new number, after a page took it, is no news, also while the device is locked', async () => {
      const heard = [{ deviceId: device, counter: 3 }]
      await writeNotifyState({ changeSeq: 1, conversations: [{ connectionId: id, seq: 3, unread: 0, heard }] })
      const replayed = { ...(await message(old, 3)), seq: 9 }
      const open = ports({ messages: [replayed] })
      await announce(open.ports)
      await (await openDevice()).clear('sealed')
      const locked = ports({ messages: [{ ...replayed, seq: 10 }] })
      await announce(locked.ports)
      expect([...open.shown, ...locked.shown]).toEqual([])
    })

    it('twice in one answer counts once', async () => {
      const told = await message(old, 3)
      const { ports: given, badges } = ports({ messages: [told, { ...told, seq: 4 }] })
      await announce(given)
      expect(badges).toEqual([1])
    })

    it('whose counter the server made up silences nothing that follows', async () => {
      await announce(ports({ messages: [{ ...(await message('never said', 1000, newKey())), seq: 1 }] }).ports)
      const next = ports({ messages: [{ ...(await message('there', 4)), seq: 2 }] })
      await announce(next.ports)
      expect(next.shown).toMatchObject([{ title: 'ben', body: 'there' }])
    })
  })

  it('says that somebody asks, and not under which name the server puts it', async () => {
    await writeNotifySettings(PREVIEWS)
    const { ports: given, shown } = ports({ view: { state: 'asked' } })
    await announce(given)
    expect(shown).toMatchObject([{ title: 'Kith', body: 'Somebody asks to connect', url: '/friends' }])
  })

  it('says that there is something, where the server cannot be asked', async () => {
    const { ports: given, shown } = ports('unreachable')
    await announce(given)
    expect(shown).toMatchObject([{ title: 'Kith', body: 'There is something new', url: '/chats' }])
  })

  it('erases a device that was signed out from another one, though no page is ever opened there again', async () => {
    await writeNotifySettings(PREVIEWS)
    await keepVault()
    const before = ports({ messages: [await message('hello')] })
    await announce(before.ports)
    const { ports: given, shown, forgotten } = ports('removed')
    await announce(given)
    expect(shown).toMatchObject([{ title: 'Kith', body: 'This device was signed out' }])
    expect(forgotten()).toBe(1)
    const db = await openDevice()
    for (const store of db.objectStoreNames) expect(await db.count(store), store).toBe(0)
  })

  it('keeps the looks of a device that was destroyed at the lock: nothing is left there to erase', async () => {
    const { ports: given, shown, forgotten } = ports('removed')
    await announce({ ...given, standing: async () => 0 })
    expect(shown).toMatchObject([{ title: 'Kith', body: 'Nothing new', silent: true }])
    expect(forgotten()).toBe(0)
    expect((await (await openDevice()).get('account', 'current'))?.username).toBe('anna')
  })

  it('is silent while somebody looks, and without a sound in the night', async () => {
    await writeNotifySettings({ previews: false, silent: { from: 22 * 60, to: 7 * 60 } })
    const watched = ports({ messages: [await message('hello')] })
    await announce({ ...watched.ports, isWatched: async () => true })
    expect(watched.shown).toEqual([])
    const night = ports({ messages: [await message('hello')] }, new Date(2026, 0, 1, 3))
    await announce(night.ports)
    expect(night.shown).toMatchObject([{ silent: true }])
  })
})

it.each([
  [{ from: 60, to: 120 }, 1, 0, true],
  [{ from: 60, to: 120 }, 2, 0, false],
  [{ from: 1320, to: 420 }, 22, 0, true],
  [{ from: 1320, to: 420 }, 6, 59, true],
  [{ from: 1320, to: 420 }, 7, 0, false],
  [null, 3, 0, false],
])('%o at %i:%i is silent: %s', (hours, hour, minute, expected) => {
  expect(isSilent(hours, new Date(2026, 0, 1, hour, minute))).toBe(expected)
})
