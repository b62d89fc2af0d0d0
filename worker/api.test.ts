import { afterEach, expect, it, vi } from 'vitest'
import { newWorkerId } from '../shared/crypto/random.ts'
import { brokenOff } from '../shared/testing/broken-off.ts'
import { startWorkerSession } from '../shared/wire/workers.ts'
import { Api, isPassing } from './api.ts'
import type { Identity } from './identity.ts'

afterEach(() => vi.unstubAllGlobals())

it.each([200, 500])('waits for a network that fails in the middle of an answer (%i)', async (status) => {
  vi.stubGlobal('fetch', async () => brokenOff(status))
  const workerId = newWorkerId()
  const api = new Api('https://kith.example', { workerId } as Identity)
  const error = await api.callAnonymously(startWorkerSession, { workerId }).catch((error: unknown) => error)
  expect(error).toMatchObject({ code: 'server/unreachable' })
  expect(isPassing(error)).toBe(true)
})
