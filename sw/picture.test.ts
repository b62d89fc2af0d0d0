import { beforeEach, expect, it, vi } from 'vitest'
import { newKey, newMediaId, randomBytes } from '../shared/crypto/random.ts'
import { sealObject } from '../shared/crypto/seal-object.ts'
import { PICTURES_CACHE } from '../shared/device/pictures.ts'
import { AppError } from '../shared/errors.ts'
import { type Bytes, concat } from '../shared/format/bytes.ts'
import { MemoryCaches } from '../shared/testing/cache-storage.ts'
import { codeOf } from '../shared/testing/people.ts'
import { openPicture } from './picture.ts'

const object = { contentKey: newKey(), mediaId: newMediaId(), name: 'thumb' }
const URL_HERE = '/pictures/item/object'
const plain = randomBytes(30_000)
let sealed: Bytes
let asked: number
let memory: MemoryCaches

/** Answers with `bytes`; without any the network is gone. */
const serverWith = (bytes: Bytes | null) => ({
  async readAll() {
    asked++
    if (!bytes) throw new AppError('server/unreachable')
    return bytes
  },
})
const open = async (bytes: Bytes | null) => concat(...(await openPicture(object, URL_HERE, serverWith(bytes))))
const lying = async () => (await memory.open(PICTURES_CACHE)).match(URL_HERE)
const damaged = () => sealed.map((byte, i) => (i === sealed.length - 40 ? byte ^ 1 : byte))

beforeEach(async () => {
  memory = new MemoryCaches()
  vi.stubGlobal('caches', memory)
  sealed = await sealObject(object, plain, randomBytes(16))
  asked = 0
})

it('is here without network once it was shown, as ciphertext', async () => {
  expect(await open(sealed)).toEqual(plain)
  await vi.waitFor(async () => expect(await lying()).toBeDefined())
  expect(new Uint8Array(await ((await lying()) as Response).arrayBuffer())).toEqual(sealed)
  expect(await open(null)).toEqual(plain)
  expect(asked).toBe(1)
})

it('that does not open is not kept', async () => {
  expect(await codeOf(() => open(damaged()))).toBe('object/tampered')
  expect(await lying()).toBeUndefined()
})

it('that was changed on the device is asked for anew', async () => {
  const cache = await memory.open(PICTURES_CACHE)
  await cache.put(URL_HERE, new Response(damaged()))
  expect(await open(sealed)).toEqual(plain)
  expect(asked).toBe(1)
})

it('is shown where the device has no room or no cache for it', async () => {
  memory.roomBytes = 0
  expect(await open(sealed)).toEqual(plain)
  vi.stubGlobal('caches', undefined)
  expect(await open(sealed)).toEqual(plain)
  const refuse = () => Promise.reject(new DOMException('private', 'SecurityError'))
  vi.stubGlobal('caches', { open: refuse, match: refuse })
  expect(await open(sealed)).toEqual(plain)
})
