import 'fake-indexeddb/auto'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import * as z from 'zod/mini'
import { newKey, randomBytes } from '../shared/crypto/random.ts'
import { eraseDevice, openDevice } from '../shared/device/db.ts'
import { PROBLEM_TYPE } from '../shared/wire/problem.ts'
import { readPushKey, subscriptionBody, writePushSubscription } from '../shared/wire/push.ts'
import { renewSubscription } from './renew-subscription.ts'

const publicKey = randomBytes(65)
const made = { p256dh: randomBytes(65), auth: randomBytes(16) }
const subscription = {
  endpoint: 'https://push.example/new',
  getKey: (name: 'p256dh' | 'auth') => made[name].buffer,
} as PushSubscription
const told: unknown[] = []
let status = 204
let code = 'auth/required'
const forget = vi.fn(async () => undefined)
const kept = async () => (await openDevice()).count('vault')

beforeEach(async () => {
  told.length = 0
  status = 204
  code = 'auth/required'
  forget.mockClear()
  await eraseDevice()
  await (await openDevice()).put('vault', { name: 'settings', version: 1, sealed: newKey() }, 'settings')
  vi.stubGlobal('fetch', async (url: string, { method, body }: { method: string; body?: string }) => {
    if (method === 'GET' && url === readPushKey.path) return Response.json(z.encode(readPushKey.reply, { publicKey }))
    if (method !== 'PUT' || url !== writePushSubscription.path) throw new Error(`${method} ${url} was not expected`)
    told.push(z.decode(writePushSubscription.body, JSON.parse(body ?? '')))
    const problem = JSON.stringify({ type: 'about:blank', title: 'No', status, code })
    return status === 204
      ? new Response(null, { status })
      : new Response(problem, { status, headers: { 'content-type': PROBLEM_TYPE } })
  })
})
afterEach(() => vi.unstubAllGlobals())

const manager = (has: PushSubscription | null, subscribe: PushManager['subscribe']) =>
  ({ getSubscription: async () => has, subscribe }) as unknown as PushManager

it('subscribes anew for the server’s key where the browser ended the subscription, and tells the server', async () => {
  const options: unknown[] = []
  const subscribe: PushManager['subscribe'] = async (asked) => {
    options.push(asked)
    return subscription
  }
  await renewSubscription(manager(null, subscribe), forget)
  expect(options).toEqual([{ userVisibleOnly: true, applicationServerKey: publicKey }])
  expect(told).toEqual([subscriptionBody(subscription)])
})

it('tells the server of the subscription that the browser made itself', async () => {
  const subscribe = async () => Promise.reject(new Error('not asked for'))
  await renewSubscription(manager(subscription, subscribe), forget)
  expect(told).toEqual([{ endpoint: subscription.endpoint, ...made }])
})

it('leaves it where the person took the permission back, or the session is over', async () => {
  const denied = async () => Promise.reject(new DOMException('denied', 'NotAllowedError'))
  await renewSubscription(manager(null, denied), forget)
  expect(told).toEqual([])
  status = 401
  await renewSubscription(manager(subscription, denied), forget)
  expect(told).toHaveLength(1)
  expect([await kept(), forget.mock.calls]).toEqual([1, []])
})

it('erases a device that was signed out from another one: perhaps nothing else ever asks', async () => {
  status = 401
  code = 'auth/removed'
  await renewSubscription(
    manager(subscription, async () => subscription),
    forget,
  )
  expect(await kept()).toBe(0)
  expect(forget).toHaveBeenCalledOnce()
})
