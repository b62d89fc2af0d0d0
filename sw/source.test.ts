import { describe, expect, it } from 'vitest'
import { newMediaId, randomBytes } from '../shared/crypto/random.ts'
import { toBase64Url } from '../shared/format/base64url.ts'
import { parseObjectId } from '../shared/format/ids.ts'
import { PROBLEM_TYPE } from '../shared/wire/problem.ts'
import { serverSource } from './source.ts'

const newObjectId = () => parseObjectId(toBase64Url(randomBytes(16)))
const answering = (answer: () => Response) => {
  const source = serverSource(newMediaId(), newObjectId(), 'default', async () => answer())
  return {
    part: () => source.read(4, 8),
    whole: () => source.readAll(10),
    streamed: () => drain(source.stream()),
  }
}
async function drain(parts: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of parts);
}
const part = (range: string, bytes = 4) =>
  new Response(new Uint8Array(bytes), { status: 206, headers: { 'content-range': range } })

describe('ciphertext from the server', () => {
  it('is the part that was asked for, with the total', async () => {
    const { bytes, totalBytes } = await answering(() => part('bytes 4-7/100')).part()
    expect([bytes.length, totalBytes]).toEqual([4, 100])
  })

  it.each([
    ['another part', () => part('bytes 0-3/100')],
    ['more than was asked for', () => part('bytes 4-7/100', 5)],
    ['the whole instead of a part', () => new Response(new Uint8Array(100))],
  ])('refuses %s', async (_, answer) => {
    await expect(answering(answer).part()).rejects.toMatchObject({ code: 'server/bad-answer' })
  })

  it('refuses an object that is larger than its kind may be, before reading it', async () => {
    const large = () => new Response(new Uint8Array(11), { headers: { 'content-length': '11' } })
    await expect(answering(large).whole()).rejects.toMatchObject({ code: 'request/too-large' })
  })

  it.each(['default', 'reload'] as const)(
    'is asked for past what the browser keeps, where that is doubted: %s',
    async (cache) => {
      const asked: (RequestCache | undefined)[] = []
      const source = serverSource(newMediaId(), newObjectId(), cache, async (_, init) => {
        asked.push(init?.cache)
        return new Headers(init?.headers).has('range') ? part('bytes 4-7/100') : new Response('sealed')
      })
      await source.read(4, 8)
      await source.readAll(10)
      await drain(source.stream())
      expect(asked).toEqual([cache, cache, cache])
    },
  )

  it.each(['auth/removed', 'auth/required'] as const)('says why the server takes no session: %s', async (code) => {
    const body = JSON.stringify({ type: 'about:blank', title: 'No', status: 401, code })
    const refusing = answering(() => new Response(body, { status: 401, headers: { 'content-type': PROBLEM_TYPE } }))
    for (const asked of Object.values(refusing)) await expect(asked()).rejects.toMatchObject({ code })
  })

  it.each([
    [401, 'auth/required'],
    [404, 'object/not-found'],
    [503, 'server/unavailable'],
  ])('names %i', async (status, code) => {
    await expect(answering(() => new Response(null, { status })).whole()).rejects.toMatchObject({ code })
  })

  it.each(['before the answer', 'in the middle of the answer'])(
    'calls a network that is lost %s a server that cannot be reached',
    async (when) => {
      const cut = () => {
        if (when === 'before the answer') throw new TypeError('Failed to fetch')
        return new Response(
          new ReadableStream({ pull: (controller) => controller.error(new TypeError('network error')) }),
        )
      }
      await expect(answering(cut).whole()).rejects.toMatchObject({ code: 'server/unreachable' })
      await expect(answering(cut).streamed()).rejects.toMatchObject({ code: 'server/unreachable' })
    },
  )
})
