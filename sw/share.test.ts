import 'fake-indexeddb/auto'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { appManifest } from '../bin/build/manifest.ts'
import { importAesKey } from '../shared/crypto/aes-gcm.ts'
import { x25519PublicKey, x25519Shared } from '../shared/crypto/agreement.ts'
import { newKey } from '../shared/crypto/random.ts'
import { shareKeyFrom } from '../shared/crypto/share.ts'
import { eraseDevice, openDevice } from '../shared/device/db.ts'
import { listShares, openSharedFile, openShareHeader } from '../shared/device/shares.ts'
import { takeShare } from './share.ts'

/** What the share sheet posts. @returns where the page is sent. */
async function share(files: readonly File[], text = ''): Promise<string | null> {
  const body = new FormData()
  for (const file of files) body.append('files', file)
  body.append('text', text)
  const answer = await takeShare(new Request('https://kith.test/share', { method: 'POST', body }))
  return answer.headers.get('location')
}
const small = (count: number) => Array.from({ length: count }, (_, at) => new File(['a'], `${at}.txt`))
const secret = newKey()
const waiting = async () => (await listShares()).length

beforeEach(async () => {
  vi.stubGlobal('caches', { keys: async () => [], delete: async () => true })
  // A Service Worker knows from which address relative ones count.
  vi.spyOn(Response, 'redirect').mockImplementation(
    (url, status) => new Response(null, { status: status ?? 302, headers: { location: String(url) } }),
  )
  await eraseDevice()
  await (await openDevice()).put('shareKey', x25519PublicKey(secret), 'current')
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

it('reads what the system posts by the names that the manifest gave it', async () => {
  const { action, method, params } = appManifest.share_target
  const body = new FormData()
  for (const said of ['title', 'text', 'url'] as const) body.append(params[said], `its ${said}`)
  for (const { name } of params.files) body.append(name, new File(['tomatoes'], 'list.txt'))
  const answer = await takeShare(new Request(`https://kith.test${action}`, { method, body }))
  expect(answer.headers.get('location')).toBe('/share')
  const [row] = await listShares()
  if (!row) throw new Error('nothing waits')
  const agreed = x25519Shared(secret, row.ephemeral)
  const key = await importAesKey(await shareKeyFrom(agreed, row.ephemeral, x25519PublicKey(secret)))
  const header = await openShareHeader(row, key)
  expect(header.text).toBe('its title\nits text\nits url')
  expect(await (await openSharedFile(row.id, key, header, 0)).text()).toBe('tomatoes')
})

it('keeps thirty files, and nothing of thirty-one', async () => {
  expect(await share(small(31))).toBe('/share?problem=share/too-large')
  expect(await waiting()).toBe(0)
  expect(await share(small(30))).toBe('/share')
  expect(await waiting()).toBe(1)
})

it('keeps nothing that would leave no room for Kith itself', async () => {
  const storage = { estimate: async () => ({ quota: 64 * 2 ** 20 + 10, usage: 10 }) }
  vi.stubGlobal('navigator', { locks: navigator.locks, storage })
  expect(await share([], 'Text needs no room to speak of.')).toBe('/share')
  expect(await share(small(1))).toBe('/share?problem=share/too-large')
  expect(await waiting()).toBe(1)
})

it('ten wait at most: the oldest makes room', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const times = Array.from({ length: 12 }, (_, at) => at + 1)
  for (const time of times) {
    vi.setSystemTime(time)
    expect(await share(small(1), 'one more')).toBe('/share')
  }
  expect((await listShares()).map(({ createdAt }) => createdAt)).toEqual(times.slice(2))
  expect(await (await openDevice()).count('sharePieces')).toBe(10)
})

it('what waits takes four GiB at most: the oldest makes room, and never the newest', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const db = await openDevice()
  const count = vi.spyOn(db, 'count')
  for (const [time, pieces] of [
    [1, 1],
    [2, 2048],
    [3, 2048],
  ] as const) {
    vi.setSystemTime(time)
    // As if it were that long.
    count.mockResolvedValue(pieces)
    expect(await share(small(1))).toBe('/share')
  }
  expect((await listShares()).map(({ createdAt }) => createdAt)).toEqual([2, 3])
  count.mockResolvedValue(5000)
  vi.setSystemTime(4)
  expect(await share(small(1))).toBe('/share')
  expect((await listShares()).map(({ createdAt }) => createdAt)).toEqual([4])
})

it('takes nothing that is longer than all that may wait', async () => {
  const long = new File(['a'], 'long.mp4')
  Object.defineProperty(long, 'size', { value: 4 * 2 ** 30 + 1 })
  const form = new FormData()
  vi.spyOn(form, 'getAll').mockReturnValue([long])
  const request = { formData: async () => form } as Request
  expect((await takeShare(request)).headers.get('location')).toBe('/share?problem=share/too-large')
  expect(await waiting()).toBe(0)
})

it('says so where the browser has no X25519, and keeps nothing', async () => {
  const { generateKey } = crypto.subtle
  vi.spyOn(crypto.subtle, 'generateKey').mockImplementation(((algorithm: unknown, ...rest: [boolean, KeyUsage[]]) =>
    JSON.stringify(algorithm).includes('X25519')
      ? Promise.reject(new DOMException('unknown', 'NotSupportedError'))
      : generateKey.call(crypto.subtle, algorithm as AesKeyGenParams, ...rest)) as typeof generateKey)
  expect(await share(small(1))).toBe('/share?problem=share/unsupported')
  expect(await waiting()).toBe(0)
})
