import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { newDeviceId, newKey, newUserId } from '../../shared/crypto/random.ts'
import { openTyping, sealTyping } from '../../shared/crypto/receipt.ts'
import { type ConnectionId, parseConnectionId, type UserId } from '../../shared/format/ids.ts'
import type { ChatContext } from './context.ts'
import { Typing } from './typing.ts'

const id = parseConnectionId(newDeviceId())
const [ada, ben] = [newUserId(), newUserId()]
const secret = newKey()
let now = 1_700_000_000_000
let areFriends = true
let tells = true
let changes: ConnectionId[]

function typingOf(me: UserId, friend: UserId, messageSecret = secret): Typing {
  const connections = {
    get: () => ({ state: areFriends ? 'friends' : 'ended', peer: { userId: friend } }),
    newestEpoch: () => 0,
    messageSecret: () => messageSecret,
  }
  const context = { connections, crypto: { openTyping, sealTyping }, me: { userId: me }, now: () => now }
  return new Typing(
    context as unknown as ChatContext,
    () => tells,
    (one) => void changes.push(one),
  )
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  ;[areFriends, tells, changes] = [true, true, []]
})
afterEach(() => void vi.useRealTimers())

describe('typing', () => {
  const said: Parameters<Typing['send']>[0][] = []
  let from: Typing
  let to: Typing
  beforeEach(() => {
    said.length = 0
    from = typingOf(ada, ben)
    from.send = (payload) => void said.push(payload)
    to = typingOf(ben, ada)
  })
  const hear = async () => {
    await from.say(id)
    for (const payload of said.splice(0)) await to.heard(payload)
  }

  it('is told at most every three seconds, in whatever haste somebody types', async () => {
    for (let key = 0; key < 50; key++) {
      await from.say(id)
      now += 100
    }
    expect(said).toHaveLength(2)
  })

  it('is not told by whoever does not tell what they read', async () => {
    tells = false
    await from.say(id)
    expect(said).toEqual([])
  })

  it('is shown, and for five seconds after the last word of it', async () => {
    await hear()
    expect([to.isTyping(id), changes]).toEqual([true, [id]])
    vi.advanceTimersByTime(4000)
    now += 4000
    await hear()
    vi.advanceTimersByTime(4999)
    expect(to.isTyping(id)).toBe(true)
    vi.advanceTimersByTime(1)
    expect([to.isTyping(id), changes]).toEqual([false, [id, id, id]])
  })

  it('ends at once when what was typed has come', async () => {
    await hear()
    to.hush(id)
    // What came is told of anyway.
    expect([to.isTyping(id), changes]).toEqual([false, [id]])
    vi.runAllTimers()
    expect(changes).toHaveLength(1)
  })

  it.each([
    ['held back for more than ten seconds', 10_001, false],
    ['dated into the future', -10_001, false],
    ['just in time', 10_000, true],
  ])('that was %s is shown: %i ms, %s', async (_, late, isShown) => {
    await from.say(id)
    now += late
    for (const payload of said) await to.heard(payload)
    expect(to.isTyping(id)).toBe(isShown)
  })

  it('of somebody else, under another key, or of whoever is no friend any more is not shown', async () => {
    await from.say(id)
    const [payload] = said
    if (!payload) throw new Error('nothing was said')
    for (const one of [typingOf(ben, newUserId()), typingOf(ben, ada, newKey())]) {
      await one.heard(payload)
      expect(one.isTyping(id)).toBe(false)
    }
    areFriends = false
    await to.heard(payload)
    expect(to.isTyping(id)).toBe(false)
  })
})
