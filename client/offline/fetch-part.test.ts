import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { newMediaId, randomBytes } from '../../shared/crypto/random.ts'
import { isAppError } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import { idFromBytes, type ObjectId } from '../../shared/format/ids.ts'
import { fetchParts } from './fetch-part.ts'
import { STALLED_MS } from './pulse.ts'

const SIZE = 1000
const sealed = randomBytes(SIZE)
const object = idFromBytes(randomBytes(16)) as ObjectId
/** What the server sends, as far as it gets. */
let sends: ReadableStreamDefaultController<Bytes>
let stop: AbortController
let came: number

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  stop = new AbortController()
  came = 0
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

function serverAnswers(): void {
  vi.stubGlobal('fetch', async (_url: string, { signal }: RequestInit) => {
    const body = new ReadableStream<Bytes>({
      start(controller) {
        sends = controller
        signal?.addEventListener('abort', () => controller.error(signal.reason))
      },
    })
    const headers = { 'content-range': `bytes 0-${SIZE - 1}/${SIZE}`, 'content-length': String(SIZE) }
    return new Response(body, { status: 206, headers })
  })
}

/** The part, or the code of what it failed with. */
const fetchPart = () =>
  fetchParts(newMediaId(), object, { signal: stop.signal, came: () => came++ })(0, SIZE).then(
    ({ bytes }) => bytes,
    (error: unknown) => (isAppError(error) ? error.code : 'stopped'),
  )

it('takes a part that comes slowly, however long that takes, and tells of each bit of it', async () => {
  serverAnswers()
  const part = fetchPart()
  for (let at = 0; at < SIZE; at += 100) {
    await vi.advanceTimersByTimeAsync(STALLED_MS - 1)
    sends.enqueue(sealed.slice(at, at + 100))
    await vi.advanceTimersByTimeAsync(0)
  }
  sends.close()
  expect(await part).toEqual(sealed)
  expect(came).toBe(10)
  expect(vi.getTimerCount()).toBe(0)
})

it('gives up where nothing comes any more in the middle', async () => {
  serverAnswers()
  const part = fetchPart()
  await vi.advanceTimersByTimeAsync(0)
  sends.enqueue(sealed.slice(0, 100))
  await vi.advanceTimersByTimeAsync(STALLED_MS)
  expect(await part).toBe('server/unreachable')
})

it('gives up where there is no answer at all', async () => {
  vi.stubGlobal(
    'fetch',
    (_url: string, { signal }: RequestInit) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
  )
  const part = fetchPart()
  await vi.advanceTimersByTimeAsync(STALLED_MS)
  expect(await part).toBe('server/unreachable')
})

it('stopped by whoever asked, says nothing about the server', async () => {
  serverAnswers()
  const part = fetchPart()
  await vi.advanceTimersByTimeAsync(0)
  stop.abort()
  expect(await part).toBe('stopped')
})

it.each([
  ['longer', SIZE + 1],
  ['shorter', SIZE - 1],
])('refuses a part that is %s than it says', async (_what, bytes) => {
  serverAnswers()
  const part = fetchPart()
  await vi.advanceTimersByTimeAsync(0)
  sends.enqueue(randomBytes(bytes))
  sends.close()
  expect(await part).toBe('server/bad-answer')
})
