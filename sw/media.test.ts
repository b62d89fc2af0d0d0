import { beforeAll, describe, expect, it, vi } from 'vitest'
import { objectId } from '../shared/crypto/object-key.ts'
import { newKey, newMediaId, randomBytes } from '../shared/crypto/random.ts'
import { sealObject } from '../shared/crypto/seal-object.ts'
import { AppError, type ErrorCode } from '../shared/errors.ts'
import { type Bytes, concat, utf8 } from '../shared/format/bytes.ts'
import { HEADER_BYTES } from '../shared/format/layout.ts'
import { renditionName } from '../shared/format/object-name.ts'
import { type MediaFault, mediaUrl } from '../shared/wire/page-sw.ts'
import { type Engine, MediaDoor } from './media.ts'
import type { Source } from './source.ts'

const mediaId = newMediaId()
const contentKey = newKey()
const JPEG = concat(new Uint8Array([0xff, 0xd8, 0xff, 0xe0]), randomBytes(60_000))
const original = concat(utf8('\0\0\0\x18ftypisom'), ...Array.from({ length: 80 }, () => randomBytes(65_536)))
const SET = 'AAAAAAAAAAAAAAAAAAAAAA'
const segment = `r/${SET}/720p/00001.m4s`
const store = new Map<string, Bytes>()
let reads = 0
const asked: string[] = []
/** Holds up reads while it is pending. */
let gate: Promise<void> = Promise.resolve()

async function keep(name: string, plain: Bytes, change: (sealed: Bytes) => Bytes = (sealed) => sealed): Promise<void> {
  const sealed = await sealObject({ contentKey, mediaId, name }, plain, randomBytes(16))
  store.set(await objectId(contentKey, name), change(sealed))
}

function memorySource(id: string): Source {
  const sealed = () => {
    const found = store.get(id)
    if (!found) throw new AppError('object/not-found')
    return found
  }
  return {
    async read(from, to) {
      reads++
      await gate
      return { bytes: sealed().slice(from, to), totalBytes: sealed().length }
    },
    async readAll() {
      asked.push(id)
      return sealed().slice()
    },
    async *stream() {
      const bytes = sealed()
      for (let at = 0; at < bytes.length; at += 70_001) yield bytes.slice(at, at + 70_001)
    },
  }
}

function open(options: { refusal?: ErrorCode; engine?: Engine } = {}) {
  const told: MediaFault[] = []
  const caches: RequestCache[] = []
  const removed = vi.fn(async () => undefined)
  const door = new MediaDoor({
    contentKey: async () => {
      if (options.refusal) throw new AppError(options.refusal)
      return contentKey
    },
    fileName: async () => 'vacances d’été (1).mp4',
    source: (_, cache) => {
      caches.push(cache)
      return memorySource
    },
    notify: (message) => told.push(message),
    removed,
    engine: options.engine ?? 'chromium',
  })
  const get = (name: string, range?: string, query = '') =>
    door.answer(
      new Request(
        `http://localhost${mediaUrl(mediaId, name)}${query}`,
        range === undefined ? {} : { headers: { range } },
      ),
    )
  return { door, told, caches, removed, get }
}
const bodyOf = async (response: Response): Promise<Bytes> => new Uint8Array(await response.arrayBuffer())

beforeAll(async () => {
  await keep('original', original)
  await keep('thumb', JPEG)
  await keep(segment, randomBytes(1000))
})

describe('what is used whole', () => {
  it.each(['chromium', 'gecko', 'webkit'] as const)('is one answer with its length and type, in %s', async (engine) => {
    const { get } = open({ engine })
    const thumb = await get('thumb')
    expect([thumb.status, thumb.headers.get('content-type')]).toEqual([200, 'image/jpeg'])
    expect(await bodyOf(thumb)).toEqual(JPEG)
    expect((await get(segment)).headers.get('content-type')).toBe('video/iso.segment')
  })

  it('never runs as a page', async () => {
    await keep('original', utf8('<!doctype html><script>alert(1)</script>'))
    const response = await open().get('original')
    expect(response.headers.get('content-type')).toBe('application/octet-stream')
    expect(response.headers.get('content-disposition')).toBe('attachment')
    expect(response.headers.get('content-security-policy')).toContain('sandbox')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    await keep('original', original)
  })
})

describe.each(['chromium', 'gecko'] as const)('a part of an original, in %s', (engine) => {
  it.each([
    ['bytes=0-1', 0, 2],
    ['bytes=0-', 0, 2 * 2 ** 20],
    ['bytes=300000-300009', 300_000, 300_010],
    ['bytes=-5', original.length - 5, original.length],
    [`bytes=${original.length - 1}-`, original.length - 1, original.length],
  ])('answers %s with exactly those bytes, capped, and the total', async (range, start, end) => {
    const response = await open({ engine }).get('original', range)
    expect(response.status).toBe(206)
    expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/${original.length}`)
    expect(response.headers.get('content-length')).toBe(String(end - start))
    expect(await bodyOf(response)).toEqual(original.subarray(start, end))
  })
})

describe('an original', () => {
  it('answers past its end with 416 and the total', async () => {
    const response = await open().get('original', `bytes=${original.length}-`)
    expect([response.status, response.headers.get('content-range')]).toEqual([416, `bytes */${original.length}`])
  })

  it('streams to the end where a short part would be taken for the end', async () => {
    const response = await open({ engine: 'webkit' }).get('original', 'bytes=10-')
    expect(response.headers.get('content-range')).toBe(`bytes 10-${original.length - 1}/${original.length}`)
    expect(await bodyOf(response)).toEqual(original.subarray(10))
  })

  it('stops reading when the taker stops', async () => {
    const response = await open({ engine: 'webkit' }).get('original', 'bytes=0-')
    const reader = (response.body as ReadableStream<Bytes>).getReader()
    await reader.read()
    await reader.cancel()
    const before = reads
    await new Promise((resolve) => setImmediate(resolve))
    expect(reads).toBe(before)
  })

  it('takes a taker who leaves in the middle of a read for no failure', async () => {
    const { get, told } = open({ engine: 'webkit' })
    const reader = ((await get('original', 'bytes=0-')).body as ReadableStream<Bytes>).getReader()
    const held = Promise.withResolvers<void>()
    gate = held.promise
    const before = reads
    const drained = (async () => {
      while (!(await reader.read()).done);
    })()
    while (reads === before) await new Promise((resolve) => setImmediate(resolve))
    await reader.cancel()
    held.resolve()
    await drained
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(told).toEqual([])
  })

  it('is downloaded whole, as a file', async () => {
    const response = await open().get('original', undefined, '?download')
    const disposition = "attachment; filename*=UTF-8''vacances%20d%E2%80%99%C3%A9t%C3%A9%20%281%29.mp4"
    expect(response.headers.get('content-disposition')).toBe(disposition)
    expect(await bodyOf(response)).toEqual(original)
  })

  it('goes on with a download that broke off, to its end', async () => {
    const response = await open().get('original', 'bytes=7-', '?download')
    expect(response.headers.get('content-range')).toBe(`bytes 7-${original.length - 1}/${original.length}`)
    expect(await bodyOf(response)).toEqual(original.subarray(7))
  })

  it('asks for its header once', async () => {
    const { get } = open()
    reads = 0
    await get('original', 'bytes=0-1')
    await get('original', 'bytes=2-3')
    expect(reads).toBe(1)
  })
})

describe('a failure is an answer with its code', () => {
  it.each([
    ['locked', 503, 'vault/locked', () => open({ refusal: 'vault/locked' }).get('thumb')],
    ['unknown', 404, 'object/not-found', () => open().get('r/AAAAAAAAAAAAAAAAAAAAAA/nothing.m4s')],
    ['no name of an object', 404, 'format/invalid', () => open().get('../../etc/passwd')],
  ])('%s', async (_, status, code, get) => {
    const response = await get()
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([status, code])
  })

  it('tampered: nothing of it leaves, and the pages are told which object', async () => {
    await keep(segment, randomBytes(1000), (sealed) =>
      sealed.map((byte, i) => (i === HEADER_BYTES + 3 ? byte ^ 1 : byte)),
    )
    const { get, told } = open()
    const response = await get(segment)
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([502, 'object/tampered'])
    expect(told).toEqual([{ type: 'media-error', mediaId, objectName: segment, code: 'object/tampered' }])
  })

  it('tampered in the middle of a stream: the stream breaks and the pages are told', async () => {
    await keep('original', original, (sealed) => sealed.map((byte, i) => (i === sealed.length - 1 ? byte ^ 1 : byte)))
    const { get, told } = open({ engine: 'webkit' })
    await expect(bodyOf(await get('original', 'bytes=0-'))).rejects.toThrow()
    expect(told.map(({ code }) => code)).toEqual(['object/tampered'])
    await keep('original', original)
  })

  it('tampered at its beginning: whoever tries again gets what is there then', async () => {
    await keep('original', original, (sealed) => sealed.map((byte, i) => (i === HEADER_BYTES + 3 ? byte ^ 1 : byte)))
    const { get, told, caches } = open()
    expect((await get('original', 'bytes=0-9')).status).toBe(502)
    expect(told.map(({ code }) => code)).toEqual(['object/tampered'])
    await keep('original', original)
    expect(await bodyOf(await get('original', 'bytes=0-9'))).toEqual(original.subarray(0, 10))
    // Nor from what the browser has kept of the first answer.
    expect(caches).toEqual(['default', 'reload'])
  })

  it('a download that cannot begin shows no page of its own, and the pages are told', async () => {
    const { door, told } = open({ refusal: 'vault/locked' })
    const request = new Request(`http://localhost${mediaUrl(mediaId, 'original')}?download`)
    // As browsers make it: a program cannot.
    Object.defineProperty(request, 'mode', { value: 'navigate' })
    const response = await door.answer(request)
    expect([response.status, await response.text()]).toEqual([204, ''])
    expect(told.map(({ code }) => code)).toEqual(['vault/locked'])
  })

  it.each([
    ['auth/removed', 1],
    ['auth/required', 0],
  ] as const)('is no answer on %s, and erases the device %i times', async (refusal, times) => {
    const { get, removed } = open({ refusal })
    expect((await get('thumb')).status).toBe(401)
    expect(removed).toHaveBeenCalledTimes(times)
  })

  it('has what a player asks for next on its way, for one question; what is not there, or changed, is asked for anew', async () => {
    const [playlist, init] = [renditionName(SET, '720p/index.m3u8'), renditionName(SET, '720p/init.mp4')]
    const plain = randomBytes(900)
    await keep(playlist, utf8('#EXTM3U'))
    await keep(init, plain)
    const id = await objectId(contentKey, init)
    const { door, get } = open()
    const questions = () => asked.splice(0).filter((one) => one === id).length
    questions()
    await get(playlist)
    expect(questions()).toBe(1)
    expect(await bodyOf(await get(init))).toEqual(plain)
    expect(questions()).toBe(0)
    expect(await bodyOf(await get(init))).toEqual(plain)
    expect(questions()).toBe(1)

    await get(playlist)
    door.forget()
    await get(init)
    expect(questions()).toBe(2)

    await keep(init, plain, (sealed) => sealed.map((byte, i) => (i === HEADER_BYTES + 3 ? byte ^ 1 : byte)))
    await get(playlist)
    expect((await get(init)).status).toBe(502)
    await get(playlist)
    await keep(init, plain)
    expect(await bodyOf(await get(init))).toEqual(plain)

    store.delete(id)
    await get(playlist)
    await keep(init, plain)
    expect(await bodyOf(await get(init))).toEqual(plain)
  })

  it('has the first segment on its way for a player that begins there, of the first rendition it asks for', async () => {
    const names = ['master-1.m3u8', '360p/index.m3u8', '720p/index.m3u8', '720p/init.mp4', '360p/init.mp4']
    const [master = '', small = '', large = ''] = names.map((name) => renditionName(SET, name))
    for (const name of names) await keep(renditionName(SET, name), utf8('#EXTM3U'))
    const first = renditionName(SET, '360p/00001.m4s')
    const plain = randomBytes(5000)
    await keep(first, plain)
    const ids = [await objectId(contentKey, first), await objectId(contentKey, segment)]
    const { door, get } = open()
    const questions = () => asked.splice(0).filter((one) => ids.includes(one as never))
    questions()
    await get(master, undefined, '?from-start')
    expect(questions()).toEqual([])
    await get(small)
    expect(questions()).toEqual([ids[0]])
    expect(await bodyOf(await get(first))).toEqual(plain)
    await get(large)
    expect(questions()).toEqual([])

    // Whoever goes on where they were, and whoever has locked in between, begins nothing.
    await get(master)
    await get(small)
    await get(master, undefined, '?from-start')
    door.forget()
    await get(small)
    expect(questions()).toEqual([])
    await get(master, undefined, '?from-start')
    await get(master)
    await get(small)
    expect(questions()).toEqual([])
    await get(large, undefined, '?from-start')
    expect(questions()).toEqual([ids[1]])
  })

  it('forgets what it opened when keys change', async () => {
    const { door, get } = open()
    await get('original', 'bytes=0-1')
    door.forget()
    reads = 0
    await get('original', 'bytes=0-1')
    expect(reads).toBe(1)
  })
})
