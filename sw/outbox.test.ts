import 'fake-indexeddb/auto'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { newDeviceId, newKey, randomBytes } from '../shared/crypto/random.ts'
import { eraseDevice, openDevice } from '../shared/device/db.ts'
import { parseConnectionId } from '../shared/format/ids.ts'
import { PROBLEM_TYPE } from '../shared/wire/problem.ts'
import { sendOutbox } from './outbox.ts'

const connectionId = parseConnectionId(newDeviceId())

function answer(code: string, status: number) {
  const body = JSON.stringify({ type: 'about:blank', title: 'No', status, code })
  vi.stubGlobal('fetch', async () => new Response(body, { status, headers: { 'content-type': PROBLEM_TYPE } }))
}

beforeEach(async () => {
  await eraseDevice()
  vi.stubGlobal('navigator', { locks: { request: (_: string, run: () => Promise<void>) => run() } })
  const message = { epoch: 0, counter: 1, bytes: randomBytes(600) }
  const row = { connectionId, order: 1, sealed: newKey(), message, ttlMs: null }
  await (await openDevice()).put('outbox', row)
})
afterEach(() => vi.unstubAllGlobals())

it('erases a device that was signed out from another one', async () => {
  answer('auth/removed', 401)
  await sendOutbox()
  expect(await (await openDevice()).count('outbox')).toBe(0)
})

it('keeps what waits where the session is merely over', async () => {
  answer('auth/required', 401)
  await sendOutbox()
  expect(await (await openDevice()).count('outbox')).toBe(1)
})
