import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod/mini'
import { newDeviceId, newKey, randomBytes } from '../shared/crypto/random.ts'
import { eraseDevice, openDevice } from '../shared/device/db.ts'
import { type Bytes, equalBytes } from '../shared/format/bytes.ts'
import { type ConnectionId, parseConnectionId } from '../shared/format/ids.ts'
import { brokenOff } from '../shared/testing/broken-off.ts'
import { sendMessage } from '../shared/wire/connections.ts'
import { PROBLEM_TYPE } from '../shared/wire/problem.ts'
import { sendOutbox } from './outbox.ts'

const [first, second] = [parseConnectionId(newDeviceId()), parseConnectionId(newDeviceId())]
const locked: string[] = []
const forget = vi.fn(async () => undefined)

function answer(code: string, status: number) {
  const body = JSON.stringify({ type: 'about:blank', title: 'No', status, code })
  vi.stubGlobal('fetch', async () => new Response(body, { status, headers: { 'content-type': PROBLEM_TYPE } }))
}

/**
 * A server that has each message once, whoever brings it.
 * @param lost the number of the answer that does not come. @param lose what comes instead.
 */
function takeAll(lost = 0, lose: () => Response = Response.error) {
  const taken: { path: string; sealed: Bytes }[] = []
  let answers = 0
  vi.stubGlobal('fetch', async (path: string, { body }: { body: string }) => {
    const { sealed } = z.decode(sendMessage.body, JSON.parse(body))
    if (!taken.some((one) => equalBytes(one.sealed, sealed))) taken.push({ path, sealed })
    if (++answers === lost) return lose()
    return Response.json(z.encode(sendMessage.reply, { seq: taken.length, createdAt: 1 }))
  })
  return taken
}

async function write(connectionId: ConnectionId, order: number, isSealed = true): Promise<Bytes> {
  const bytes = randomBytes(600)
  const message = isSealed ? { epoch: 0, counter: order, bytes } : null
  await (await openDevice()).put('outbox', { connectionId, order, sealed: newKey(), message, ttlMs: null })
  return bytes
}

beforeEach(async () => {
  await eraseDevice()
  locked.length = 0
  forget.mockClear()
  const request = (name: string, run: () => Promise<void>) => {
    locked.push(name)
    return run()
  }
  vi.stubGlobal('navigator', { locks: { request } })
})
afterEach(() => vi.unstubAllGlobals())

describe('with no page open', () => {
  it('what waits goes out in order, each conversation under the lock of its pages, and stays for the next page to take out', async () => {
    // Written down in another order than it was said.
    const [two, one] = [await write(first, 2), await write(first, 1)]
    const other = await write(second, 1)
    const taken = takeAll()
    await sendOutbox(forget)
    const sentTo = (id: ConnectionId) => taken.filter(({ path }) => path.includes(id)).map(({ sealed }) => sealed)
    expect([sentTo(first), sentTo(second)]).toEqual([[one, two], [other]])
    expect(locked.sort()).toEqual([first, second].map((id) => `kith/outbox/${id}`).sort())
    expect(await (await openDevice()).count('outbox')).toBe(3)
  })

  const network = {
    'an answer was lost': () => {
      throw new TypeError('network is gone')
    },
    'an answer broke off': () => brokenOff(200),
  }
  it.each(Object.entries(network))('the server has it once, though %s and the browser tries again', async (_, lose) => {
    const said = [await write(first, 1), await write(first, 2), await write(first, 3)]
    const taken = takeAll(2, lose)
    // The browser is told to come back.
    await expect(sendOutbox(forget)).rejects.toMatchObject({ code: 'server/unreachable' })
    expect(taken).toHaveLength(2)
    await sendOutbox(forget)
    await sendOutbox(forget)
    expect(taken.map(({ sealed }) => sealed)).toEqual(said)
  })

  it('what no page has sealed yet waits for one', async () => {
    await write(first, 1, false)
    const sealed = await write(first, 2)
    const taken = takeAll()
    await sendOutbox(forget)
    expect(taken.map((one) => one.sealed)).toEqual([sealed])
  })

  it('what is refused holds up what follows it, for a page to look at, and no other conversation', async () => {
    await write(first, 1)
    await write(first, 2)
    await write(second, 1)
    const asked: string[] = []
    const body = JSON.stringify({ type: 'about:blank', title: 'No', status: 403, code: 'connection/refused' })
    vi.stubGlobal('fetch', async (path: string) => {
      asked.push(path)
      return new Response(body, { status: 403, headers: { 'content-type': PROBLEM_TYPE } })
    })
    await sendOutbox(forget)
    expect(asked.map((path) => [first, second].findIndex((id) => path.includes(id))).sort()).toEqual([0, 1])
    expect(await (await openDevice()).count('outbox')).toBe(3)
  })
})

it('erases a device that was signed out from another one, and takes away what stands on its screen', async () => {
  await write(first, 1)
  await (await openDevice()).put('vault', { name: 'settings', version: 1, sealed: newKey() }, 'settings')
  answer('auth/removed', 401)
  await sendOutbox(forget)
  expect(await (await openDevice()).count('outbox')).toBe(0)
  expect(forget).toHaveBeenCalledOnce()
})

it('keeps what waits where the session is merely over', async () => {
  await write(first, 1)
  answer('auth/required', 401)
  await sendOutbox(forget)
  expect(await (await openDevice()).count('outbox')).toBe(1)
  expect(forget).not.toHaveBeenCalled()
})
