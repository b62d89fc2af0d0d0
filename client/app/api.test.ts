import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { parseGroupId } from '../../shared/format/ids.ts'
import { brokenOff } from '../../shared/testing/broken-off.ts'
import { codeOf } from '../../shared/testing/people.ts'
import { readInstance, signOut, startRecovery } from '../../shared/wire/accounts.ts'
import { readGroupLog } from '../../shared/wire/groups.ts'
import { writeVault } from '../../shared/wire/vault.ts'
import { Api } from './api.ts'

const PROBLEM = { 'content-type': 'application/problem+json' }
const problem = (code: string, status = 403) =>
  new Response(JSON.stringify({ type: 'about:blank', title: 'No', status, code }), { status, headers: PROBLEM })

function answer(make: () => Response | Promise<Response>) {
  const fetched = vi.fn(async (_url: string, _options: RequestInit) => make())
  vi.stubGlobal('fetch', fetched)
  return fetched
}

afterEach(() => vi.unstubAllGlobals())

describe('a call', () => {
  it('goes out by the route and comes back decoded', async () => {
    const fetched = answer(() => Response.json({ challengeId: 'abc', challenge: 'A'.repeat(43) }))
    const reply = await new Api().call(startRecovery, { body: { username: 'ann' } })
    expect(reply.challenge).toEqual(new Uint8Array(32))
    const [url, options] = fetched.mock.calls[0] as [string, RequestInit]
    expect(url).toBe('/api/recovery/start')
    expect(options.body).toBe('{"username":"ann"}')
    expect(new Headers(options.headers).get('x-kith')).toBe('1')
    expect(options.credentials).toBe('same-origin')
  })

  it('fills in path and query', async () => {
    const fetched = answer(() => Response.json({ entries: [] }))
    const groupId = parseGroupId('AAAAAAAAAAAAAAAAAAAAAA')
    await new Api().call(readGroupLog, { params: { groupId }, query: { from: 0 } })
    expect(fetched.mock.calls[0]?.[0]).toBe('/api/groups/AAAAAAAAAAAAAAAAAAAAAA/log?from=0')
  })

  it('tells how late this device is by the server’s clock, and of one that is ahead nothing', async () => {
    const api = new Api()
    const hear = async (date?: string) => {
      answer(() => new Response(null, { status: 204, headers: date === undefined ? {} : { date } }))
      await api.call(signOut)
      return api.behindMs
    }
    vi.useFakeTimers({ toFake: ['Date', 'performance'], now: Date.UTC(2026, 4, 2) })
    onTestFinished(() => void vi.useRealTimers())
    expect(await hear()).toBe(0)
    expect(await hear('Sun, 02 May 2027 00:00:00 GMT')).toBe(365 * 86_400_000)
    expect(await hear('some day')).toBe(365 * 86_400_000)
    // The device's clock is put right before another answer comes.
    vi.setSystemTime(Date.UTC(2027, 4, 2))
    expect(api.behindMs).toBe(0)
    vi.setSystemTime(Date.UTC(2026, 4, 2))
    expect(api.behindMs).toBe(365 * 86_400_000)
    expect(await hear('Fri, 02 May 2025 00:00:00 GMT')).toBe(0)
  })

  it('takes no body where there is none', async () => {
    answer(() => new Response(null, { status: 204 }))
    expect(await new Api().call(signOut)).toBeUndefined()
  })

  it.each([
    ['a problem', () => problem('invite/expired'), 'invite/expired'],
    ['a code that nobody knows', () => problem('made/up'), 'server/unavailable'],
    ['a page of a proxy', () => new Response('<h1>502</h1>', { status: 502 }), 'server/unavailable'],
    ['an answer of another form', () => Response.json({ version: 1 }), 'server/bad-answer'],
    ['no JSON', () => new Response('hello'), 'server/bad-answer'],
    ['nothing', () => Promise.reject(new TypeError('Failed to fetch')), 'server/unreachable'],
    ['a part of its answer', () => brokenOff(200), 'server/unreachable'],
    ['a part of a problem', () => brokenOff(500, PROBLEM), 'server/unreachable'],
  ])('ends in a code when the server answers with %s', async (_, make, code) => {
    answer(make)
    expect(await codeOf(() => new Api().call(readInstance))).toBe(code)
  })

  it('does not send what is too large, and does not say that the server is away', async () => {
    const fetched = answer(() => new Response(null, { status: 204 }))
    const item = { name: 'settings', version: 1, sealed: new Uint8Array(262_145) }
    const index = { version: 1, sealed: new Uint8Array(40) }
    const body = { ifIndexVersion: 0, index, put: [item], remove: [], sig: new Uint8Array(64) }
    expect(await codeOf(() => new Api().call(writeVault, { body }))).toBe('usage')
    expect(fetched).not.toHaveBeenCalled()
  })

  it('says when the session is over, and only then', async () => {
    const api = new Api()
    const over = vi.fn()
    api.onSignedOut = over
    answer(() => problem('group/forbidden'))
    await codeOf(() => api.call(readInstance))
    expect(over).not.toHaveBeenCalled()
    answer(() => problem('auth/required', 401))
    await codeOf(() => api.call(readInstance))
    expect(over).toHaveBeenCalledOnce()
  })

  it('lets whoever asked call it off', async () => {
    vi.stubGlobal('fetch', (_url: string, { signal }: RequestInit) => Promise.reject(signal?.reason))
    const call = new Api().call(readInstance, { signal: AbortSignal.abort(new Error('left')) })
    await expect(call).rejects.toThrow('left')
  })

  it('is called off also while its answer comes in', async () => {
    const leaving = new AbortController()
    vi.stubGlobal('fetch', async (_url: string, { signal }: RequestInit) => {
      const body = new ReadableStream({
        pull(controller) {
          leaving.abort(new Error('left'))
          controller.error(signal?.reason)
        },
      })
      return new Response(body)
    })
    await expect(new Api().call(readInstance, { signal: leaving.signal })).rejects.toThrow('left')
  })
})
