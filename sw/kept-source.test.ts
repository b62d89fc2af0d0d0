import 'fake-indexeddb/auto'
import { beforeEach, expect, it, vi } from 'vitest'
import { newMediaId, randomBytes } from '../shared/crypto/random.ts'
import { eraseDevice } from '../shared/device/db.ts'
import { changeKept, removeKept } from '../shared/device/kept.ts'
import { itemsWithPieces, PIECE_BYTES, Pieces, pieceBytes, removeObjects } from '../shared/device/kept-pieces.ts'
import { type Bytes, equalBytes } from '../shared/format/bytes.ts'
import { idFromBytes, type ObjectId } from '../shared/format/ids.ts'
import { MemoryCaches } from '../shared/testing/cache-storage.ts'
import { codeOf } from '../shared/testing/people.ts'
import { keptFirst } from './kept-source.ts'
import type { Source } from './source.ts'

const media = newMediaId()
const object = idFromBytes(randomBytes(16)) as ObjectId
const sealed: Bytes = Uint8Array.from({ length: PIECE_BYTES + 70_000 }, (_, i) => (i * 7) & 255)
const asked: string[] = []
const server: Source = {
  async read(from, to) {
    asked.push(`${from}-${to}`)
    return { bytes: sealed.slice(from, to), totalBytes: sealed.length }
  },
  async readAll() {
    asked.push('all')
    return sealed
  },
  async *stream() {
    asked.push('stream')
    yield sealed
  },
}

beforeEach(async () => {
  vi.stubGlobal('caches', new MemoryCaches())
  await eraseDevice()
  asked.length = 0
})

async function keep(sealedBytes: number | null): Promise<void> {
  const pieces = await Pieces.open(media)
  for (const index of [0, 1]) {
    const start = index * PIECE_BYTES
    const end = start + pieceBytes(sealed.length, index)
    await pieces.write(object, index, sealed.slice(start, end), sealed.length)
  }
  await changeKept(media, () => ({
    mediaId: media,
    groupId: null,
    state: 'kept',
    height: null,
    revision: 0,
    objects: [{ objectId: object, sealedBytes }],
    problem: null,
    createdAt: 0,
    watchedAt: 0,
    byRule: false,
  }))
}
async function drain(source: Source): Promise<Bytes> {
  const out = new Uint8Array(sealed.length)
  let at = 0
  for await (const part of source.stream()) {
    out.set(part, at)
    at += part.length
  }
  return out.slice(0, at)
}

it('reads what was kept without a word to the server', async () => {
  await keep(sealed.length)
  const source = keptFirst(media, () => server)(object)
  const [from, to] = [PIECE_BYTES - 100, PIECE_BYTES + 100]
  expect(await source.read(from, to)).toEqual({ bytes: sealed.slice(from, to), totalBytes: sealed.length })
  expect((await source.read(PIECE_BYTES, sealed.length + 999)).bytes).toEqual(sealed.slice(PIECE_BYTES))
  expect(equalBytes(await source.readAll(2 ** 30), sealed)).toBe(true)
  expect(equalBytes(await drain(source), sealed)).toBe(true)
  expect(asked).toEqual([])
})

it('asks the server for what is not all here', async () => {
  await keep(null)
  const source = keptFirst(media, () => server)(object)
  expect((await source.read(0, 10)).bytes).toEqual(sealed.slice(0, 10))
  expect(equalBytes(await drain(source), sealed)).toBe(true)
  expect(asked).toEqual(['0-10', 'stream'])
})

it('asks the server again when the browser threw a piece away', async () => {
  await keep(sealed.length)
  await removeObjects(media, () => false)
  const source = keptFirst(media, () => server)(object)
  expect((await source.read(5, 10)).bytes).toEqual(sealed.slice(5, 10))
  expect(equalBytes(await source.readAll(2 ** 30), sealed)).toBe(true)
  expect(asked).toEqual(['5-10', 'all'])
})

it.each([0, 1])('goes on from the server in the middle of a stream, from piece %i on, which is gone', async (gone) => {
  await keep(sealed.length)
  await (await caches.open(`kith/kept/${media}`)).delete(`/kept/${object}/${gone}`)
  expect(equalBytes(await drain(keptFirst(media, () => server)(object)), sealed)).toBe(true)
  const from = gone * PIECE_BYTES
  expect(asked[0]).toBe(`${from}-${from + PIECE_BYTES}`)
})

it('asks the server for what was taken off the device since, and leaves no trace of that', async () => {
  await keep(sealed.length)
  expect((await keptFirst(media, () => server)(object).read(5, 10)).bytes).toEqual(sealed.slice(5, 10))
  expect(asked).toEqual([])
  await removeKept(media)
  expect((await keptFirst(media, () => server)(object).read(5, 10)).bytes).toEqual(sealed.slice(5, 10))
  expect(asked).toEqual(['5-10'])
  expect(await itemsWithPieces()).toEqual([])
})

it('reads no more into memory than its kind may have', async () => {
  await keep(sealed.length)
  expect(await codeOf(() => keptFirst(media, () => server)(object).readAll(1000))).toBe('request/too-large')
})

it('asks the server where the browser keeps nothing at all', async () => {
  await keep(sealed.length)
  vi.stubGlobal('caches', {
    match: async () => {
      throw new DOMException('private window', 'SecurityError')
    },
    keys: async () => [],
  })
  expect((await keptFirst(media, () => server)(object).read(0, 4)).bytes).toEqual(sealed.slice(0, 4))
})
