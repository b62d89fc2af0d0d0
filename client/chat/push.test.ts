import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { randomBytes } from '../../shared/crypto/random.ts'
import { eraseDevice } from '../../shared/device/db.ts'
import { createKey } from '../../shared/device/device-key.ts'
import { readPushKey, removePushSubscription, subscriptionBody, writePushSubscription } from '../../shared/wire/push.ts'
import type { Route } from '../../shared/wire/route.ts'
import type { Api } from '../app/api.ts'
import { Push } from './push.ts'

const publicKey = randomBytes(65)
const told: string[] = []
const api = {
  call: async (route: Route, { body }: { body?: { endpoint: string } } = {}) => {
    if (route === (readPushKey as Route)) return { publicKey }
    told.push(route === (writePushSubscription as Route) ? `at ${body?.endpoint}` : `${route.method} ${route.path}`)
    return undefined
  },
} as unknown as Pick<Api, 'call'>

let answer: NotificationPermission
let current: PushSubscription | null
let isServiceThere: boolean
let made = 0
function subscription(key = publicKey): PushSubscription {
  const one = {
    endpoint: `https://push.example/${++made}`,
    options: { applicationServerKey: key.buffer },
    getKey: () => new ArrayBuffer(16),
    unsubscribe: async () => {
      if (current === one) current = null
      return true
    },
  } as unknown as PushSubscription
  return one
}

beforeEach(() => {
  told.length = 0
  made = 0
  answer = 'granted'
  current = null
  isServiceThere = true
  const pushManager = {
    getSubscription: async () => current,
    subscribe: async ({ userVisibleOnly, applicationServerKey }: PushSubscriptionOptionsInit) => {
      if (!isServiceThere) throw new DOMException('push service not available', 'AbortError')
      if (current) throw new DOMException('there is one for another key', 'InvalidStateError')
      expect([userVisibleOnly, applicationServerKey]).toEqual([true, publicKey])
      current = subscription()
      return current
    },
  }
  const registration = { pushManager }
  vi.stubGlobal('navigator', {
    serviceWorker: { ready: Promise.resolve(registration), getRegistration: async () => registration },
  })
  vi.stubGlobal('PushManager', class {})
  const Notification = {
    permission: 'default',
    requestPermission: async () => {
      Notification.permission = answer
      return answer
    },
  }
  vi.stubGlobal('Notification', Notification)
})
afterEach(() => vi.unstubAllGlobals())

describe('being woken', () => {
  it('begins with a tap, and ends with one: the server hears of both', async () => {
    const push = new Push(api)
    expect(await push.state()).toBe('off')
    expect([await push.enable(), await push.state()]).toEqual(['on', 'on'])
    await push.disable()
    expect(await push.state()).toBe('off')
    expect(told).toEqual([
      'at https://push.example/1',
      `${removePushSubscription.method} ${removePushSubscription.path}`,
    ])
  })

  it.each(['denied', 'default'] as const)('does not begin where the person answers “%s”', async (given) => {
    answer = given
    expect(await new Push(api).enable()).toBe(given === 'denied' ? 'denied' : 'off')
    expect([current, told]).toEqual([null, []])
  })

  it('is not possible in a browser without it', async () => {
    vi.stubGlobal('navigator', {})
    const push = new Push(api)
    expect([await push.state(), await push.enable()]).toEqual(['unsupported', 'unsupported'])
  })

  it('says so where the browser’s push service does not answer', async () => {
    isServiceThere = false
    await expect(new Push(api).enable()).rejects.toMatchObject({ code: 'server/unreachable' })
    expect(told).toEqual([])
  })

  it('begins anew where the server has another key than the subscription was made for', async () => {
    current = subscription(randomBytes(65))
    await new Push(api).enable()
    expect(told).toEqual(['at https://push.example/2'])
  })

  it('is told again after each start, as the session may be a new one; and not where the person ended it', async () => {
    const push = new Push(api)
    await push.renew()
    expect(told).toEqual([])
    await push.enable()
    await push.renew()
    expect(told).toEqual(Array(2).fill('at https://push.example/1'))
  })
})

it('keeps on the device how it is told, without a word to the server', async () => {
  await eraseDevice()
  await createKey('lock')
  const push = new Push(api)
  expect(await push.settings()).toEqual({ previews: false, silent: null })
  const settings = { previews: true, silent: { from: 1320, to: 420 } }
  await push.saveSettings(settings)
  expect(await new Push(api).settings()).toEqual(settings)
  expect(told).toEqual([])
})

it('tells the server of a subscription what RFC 8291 has: where, and both keys', () => {
  const keys = { p256dh: randomBytes(65), auth: randomBytes(16) }
  const getKey = (name: 'p256dh' | 'auth') => keys[name].buffer
  expect(subscriptionBody({ endpoint: 'https://push.example', getKey })).toEqual({
    endpoint: 'https://push.example',
    ...keys,
  })
})
