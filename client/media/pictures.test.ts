import 'fake-indexeddb/auto'
import { beforeEach, expect, it, vi } from 'vitest'
import { newMediaId, randomBytes } from '../../shared/crypto/random.ts'
import { eraseDevice, openDevice } from '../../shared/device/db.ts'
import { PICTURES_CACHE, pictureUrl } from '../../shared/device/pictures.ts'
import { idFromBytes, type MediaId, type ObjectId } from '../../shared/format/ids.ts'
import { MemoryCaches } from '../../shared/testing/cache-storage.ts'
import { forgetPictures, sweepPictures } from './pictures.ts'

const SIZE = 1000
let memory: MemoryCaches

beforeEach(async () => {
  memory = new MemoryCaches()
  vi.stubGlobal('caches', memory)
  await eraseDevice()
})

/** Pictures of items that this device knows, in the order they were shown. */
async function show(count: number): Promise<MediaId[]> {
  const items = Array.from({ length: count }, newMediaId)
  for (const media of items) {
    // Known by a message that carries it.
    await (await openDevice()).put('granted', randomBytes(1), media)
    await put(media)
  }
  return items
}
async function put(media: MediaId): Promise<void> {
  const headers = { 'content-length': String(SIZE) }
  const url = pictureUrl(media, idFromBytes(randomBytes(16)) as ObjectId)
  await (await memory.open(PICTURES_CACHE)).put(url, new Response(randomBytes(SIZE), { headers }))
}
async function lying(): Promise<(string | undefined)[]> {
  const all = await (await memory.open(PICTURES_CACHE)).keys()
  return all.map(({ url }) => new URL(url).pathname.split('/')[2])
}

it('go with their item', async () => {
  const [first, second] = (await show(2)) as [MediaId, MediaId]
  await put(first)
  await forgetPictures(first)
  expect(await lying()).toEqual([second])
})

it('of items that left this device in another way are swept', async () => {
  const [first] = await show(1)
  await put(newMediaId())
  await sweepPictures()
  expect(await lying()).toEqual([first])
})

it('take no more room than they may: the oldest go', async () => {
  const items = await show(5)
  await sweepPictures(3 * SIZE)
  expect(await lying()).toEqual(items.slice(2))
})

it('go with everything else when the device is erased', async () => {
  await show(2)
  await eraseDevice()
  expect(await memory.keys()).toEqual([])
})
