import { afterEach, describe, expect, it, vi } from 'vitest'
import { newMediaId, randomBytes } from '../../shared/crypto/random.ts'
import type { KeptRow } from '../../shared/device/db.ts'
import { Pieces } from '../../shared/device/kept-pieces.ts'
import { idFromBytes, type MediaId, type ObjectId } from '../../shared/format/ids.ts'
import { MemoryCaches } from '../../shared/testing/cache-storage.ts'
import { hasRoomFor, keptBytes, readRoom, readTaken, toMakeRoom } from './room.ts'

afterEach(() => vi.unstubAllGlobals())

function row(watchedAt: number, bytes: number): KeptRow {
  const objectId = idFromBytes(randomBytes(16)) as ObjectId
  return {
    mediaId: newMediaId(),
    groupId: null,
    state: 'kept',
    height: null,
    revision: 1,
    objects: [
      { objectId, sealedBytes: bytes },
      { objectId, sealedBytes: null },
    ],
    problem: null,
    createdAt: 0,
    watchedAt,
    byRule: false,
  }
}
const old = row(1, 100)
const newer = row(3, 100)
const middle = row(2, 100)
const empty = row(0, 0)

const taken = new Map([old, newer, middle, empty].map((each) => [each.mediaId, keptBytes(each)]))
const nobody: ReadonlySet<MediaId> = new Set()

it('counts what is here', () => expect(keptBytes(old)).toBe(100))

it('counts also the pieces of what is not whole yet', async () => {
  vi.stubGlobal('caches', new MemoryCaches())
  const paused: KeptRow = { ...empty, state: 'paused' }
  const pieces = await Pieces.open(paused.mediaId)
  const object = paused.objects[0]?.objectId as ObjectId
  await pieces.write(object, 0, randomBytes(500), 1000)
  await pieces.write(object, 1, randomBytes(300), 1000)
  expect(await readTaken([old, paused])).toEqual(
    new Map([
      [old.mediaId, 100],
      [paused.mediaId, 800],
    ]),
  )
  const here = await readTaken([old, paused])
  expect(toMakeRoom([old, paused], here, 700, nobody)).toEqual([paused])
})

it('makes room by what was watched longest ago, and by no more than it takes', () => {
  expect(toMakeRoom([newer, old, middle, empty], taken, 150, nobody)).toEqual([old, middle])
  expect(toMakeRoom([newer, old, middle], taken, 0, nobody)).toEqual([])
})

it('never takes what is being watched', () => {
  expect(toMakeRoom([newer, old, middle], taken, 300, new Set([old.mediaId]))).toEqual([middle, newer])
})

describe('how much room there is', () => {
  const SPARE_BYTES = 50 * 2 ** 20
  const tells = (estimate: () => Promise<StorageEstimate>) => vi.stubGlobal('navigator', { storage: { estimate } })

  it('is what the browser grants, less what is used', async () => {
    tells(async () => ({ quota: 1000, usage: 300 }))
    expect(await readRoom()).toEqual({ usedBytes: 300, freeBytes: 700 })
    tells(async () => ({ quota: 300, usage: 1000 }))
    expect(await readRoom()).toEqual({ usedBytes: 1000, freeBytes: 0 })
  })

  it('is enough with something to spare, and not with a byte less', async () => {
    tells(async () => ({ quota: SPARE_BYTES + 1000, usage: 0 }))
    expect(await hasRoomFor(1000)).toBe(true)
    expect(await hasRoomFor(1001)).toBe(false)
    tells(async () => ({ quota: 0, usage: 0 }))
    expect(await hasRoomFor(0)).toBe(true)
    expect(await hasRoomFor(1)).toBe(false)
  })

  it.each([
    ['no interface', {}],
    ['no figures', { storage: { estimate: async () => ({}) } }],
    ['a refusal', { storage: { estimate: () => Promise.reject(new TypeError('not here')) } }],
  ])('is not known where there is %s: then it is tried', async (_what, navigator) => {
    vi.stubGlobal('navigator', navigator)
    expect(await readRoom()).toBeNull()
    expect(await hasRoomFor(2 ** 50)).toBe(true)
  })
})
