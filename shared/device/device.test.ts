import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { newGroupId, newKey, newMediaId, newUserId, randomBytes } from '../crypto/random.ts'
import { wrapCardKey, wrapContentKey } from '../crypto/wraps.ts'
import { type Bytes, utf8 } from '../format/bytes.ts'
import type { GroupId, MediaId } from '../format/ids.ts'
import { MemoryCaches } from '../testing/cache-storage.ts'
import { codeOf } from '../testing/people.ts'
import type { MediaRecord } from '../wire/media.ts'
import { eraseDevice, openDevice } from './db.ts'
import { createKey, readKey, removeKey } from './device-key.ts'
import { forgetGroupKeys, readGroupKeys, requireEpochKeys, writeGroupKeys } from './group-keys.ts'
import {
  advanceCursor,
  cardKeyOf,
  contentKeyOf,
  listMediaRecords,
  readCursor,
  readMediaRecord,
  readSeen,
  removeMedia,
  takeMedia,
  writeCursor,
} from './media-store.ts'
import {
  createDeviceKey,
  openOnDevice,
  readSealed,
  removeDeviceKey,
  sealOnDevice,
  writeSealed,
} from './sealed-store.ts'

beforeEach(() => eraseDevice())
afterEach(() => vi.restoreAllMocks())

describe('device key', () => {
  it('is stored, and does not give itself away', async () => {
    const key = await createKey('device')
    expect(await readKey('device')).toStrictEqual(key)
    await expect(crypto.subtle.exportKey('raw', key)).rejects.toThrow()
  })

  it('lives in memory where the browser refuses to store keys', async () => {
    const db = await openDevice()
    vi.spyOn(db, 'put').mockRejectedValue(new DOMException('no keys here', 'DataCloneError'))
    const key = await createKey('lock')
    expect(await readKey('lock')).toBe(key)
    await removeKey('lock')
    expect(await readKey('lock')).toBeNull()
  })

  it('is lent to the other realms from there, as long as the device is unlocked', async () => {
    const db = await openDevice()
    const put = db.put.bind(db)
    vi.spyOn(db, 'put').mockImplementation((store, value, key) =>
      value instanceof CryptoKey
        ? Promise.reject(new DOMException('no keys here', 'DataCloneError'))
        : put(store, value, key),
    )
    await createKey('device')
    vi.resetModules()
    const other = await import('./device-key.ts')
    // Nothing is sealed under it: for the other realm this device is locked.
    expect(await other.readKey('device')).toBeNull()
    await writeSealed('a', utf8('secret'))
    const borrowed = await other.readKey('device')
    const iv = new Uint8Array(12)
    const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, borrowed as CryptoKey, utf8('b'))
    const own = (await readKey('device')) as CryptoKey
    expect(new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, own, sealed))).toEqual(utf8('b'))
    await expect(crypto.subtle.exportKey('raw', borrowed as CryptoKey)).rejects.toThrow()
    await removeKey('device')
    expect(await other.readKey('device')).toBeNull()
  })
})

describe('sealed store', () => {
  it('gives back what was kept, and nothing for a name that never was', async () => {
    await createKey('device')
    await writeSealed('a', utf8('secret'))
    expect(await readSealed('a')).toEqual(utf8('secret'))
    expect(await readSealed('b')).toBeNull()
  })

  it('keeps no plaintext', async () => {
    await createKey('device')
    await writeSealed('a', utf8('canary-in-the-store'))
    const row = (await (await openDevice()).get('sealed', 'a')) as Bytes
    expect(Buffer.from(row).includes('canary')).toBe(false)
  })

  it.each([
    ['there is no key', () => removeKey('device')],
    ['there is another key, after a lock', () => createKey('device')],
  ])('is locked when %s', async (_, change) => {
    await createKey('device')
    await writeSealed('a', utf8('secret'))
    await change()
    expect(await codeOf(() => readSealed('a'))).toBe('vault/locked')
  })

  it('refuses a value that was moved to another place', async () => {
    await createKey('device')
    const sealed = await sealOnDevice('here', utf8('secret'))
    expect(await codeOf(() => openOnDevice('there', sealed))).toBe('vault/locked')
  })
})

describe('the second half of the device key', () => {
  let stored: MemoryCaches
  const half = async () => (await (await stored.open('kith/device')).match('/device-half'))?.arrayBuffer()
  beforeEach(() => {
    stored = new MemoryCaches()
    vi.stubGlobal('caches', stored)
  })
  afterEach(() => vi.unstubAllGlobals())

  it('is needed: the record in the database opens nothing without it', async () => {
    await createDeviceKey()
    await writeSealed('a', utf8('secret'))
    expect(await readSealed('a')).toEqual(utf8('secret'))
    await (await stored.open('kith/device')).delete('/device-half')
    expect(await codeOf(() => readSealed('a'))).toBe('vault/locked')
  })

  it('is not done without where it only cannot be read now', async () => {
    await createDeviceKey()
    await writeSealed('a', utf8('secret'))
    const reading = vi.spyOn(stored, 'match').mockRejectedValue(new DOMException('disk', 'UnknownError'))
    expect(await codeOf(() => writeSealed('b', utf8('for a thief')))).toBe('vault/locked')
    reading.mockRestore()
    expect(await readSealed('a')).toEqual(utf8('secret'))
  })

  it('goes with a lock, and with everything else on the device', async () => {
    for (const end of [removeDeviceKey, eraseDevice]) {
      await createDeviceKey()
      expect((await half())?.byteLength).toBe(12 + 32 + 16)
      await end()
      expect(await stored.keys()).toEqual([])
    }
  })

  it('of one unlocking says nothing of the one before', async () => {
    await createDeviceKey()
    const before = await sealOnDevice('a', utf8('secret'))
    const old = (await half()) as ArrayBuffer
    await createDeviceKey()
    await writeSealed('b', utf8('new'))
    expect(await codeOf(() => openOnDevice('a', before))).toBe('vault/locked')
    await (await stored.open('kith/device')).put('/device-half', new Response(old))
    expect(await codeOf(() => readSealed('b'))).toBe('vault/locked')
  })

  it.each([
    ['there is no Cache Storage', () => vi.stubGlobal('caches', undefined)],
    ['it has no room', () => Object.assign(stored, { roomBytes: 0 })],
  ])('is done without where %s', async (_, hinder) => {
    hinder()
    await createDeviceKey()
    await writeSealed('a', utf8('secret'))
    expect(await readSealed('a')).toEqual(utf8('secret'))
    await removeDeviceKey()
    expect(await readSealed('a')).toBeNull()
  })
})

describe('group keys and items', () => {
  const keys = new Map([[3, { media: newKey(), meta: newKey() }]])

  it('keeps the keys of each epoch', async () => {
    await createKey('device')
    const group = newGroupId()
    await writeGroupKeys(group, keys)
    expect(await readGroupKeys(group)).toEqual(keys)
    expect(await codeOf(() => requireEpochKeys(group, 4))).toBe('key/unavailable')
    expect(await codeOf(() => requireEpochKeys(newGroupId(), 3))).toBe('key/unavailable')
    // Locking takes the device key, and what lay under it.
    await removeKey('device')
    await (await openDevice()).clear('sealed')
    expect(await codeOf(() => requireEpochKeys(group, 3))).toBe('vault/locked')
  })

  it('opens a group’s keys once, as long as their row is the same', async () => {
    await createKey('device')
    const group = newGroupId()
    await writeGroupKeys(group, keys)
    const opening = vi.spyOn(crypto.subtle, 'decrypt')
    for (let time = 0; time < 3; time++) expect(await readGroupKeys(group)).toEqual(keys)
    expect(opening).toHaveBeenCalledTimes(1)
    const next = new Map([...keys, [4, { media: newKey(), meta: newKey() }]])
    await writeGroupKeys(group, next)
    expect(await readGroupKeys(group)).toEqual(next)
    forgetGroupKeys()
    expect(await readGroupKeys(group)).toEqual(next)
    expect(opening).toHaveBeenCalledTimes(3)
    // A lock that got no further than this, or a key that lives in a page's memory alone.
    await removeKey('device')
    vi.useFakeTimers()
    const refused = codeOf(() => readGroupKeys(group))
    await vi.runAllTimersAsync()
    expect(await refused).toBe('vault/locked')
    vi.useRealTimers()
    // Nor does another group's row stand for it.
    expect(await readGroupKeys(newGroupId())).toBeNull()
  })

  it('unwraps an item’s keys by its group’s keys', async () => {
    await createKey('device')
    const [group, media] = [newGroupId(), newMediaId()]
    await writeGroupKeys(group, keys)
    const context = { groupId: group, mediaId: media, epoch: 3 }
    const [content, card] = [newKey(), newKey()]
    const { media: mediaKey, meta } = keys.get(3) ?? { media: newKey(), meta: newKey() }
    const record = {
      ...recordOf(group, media, 1),
      wrappedContent: await wrapContentKey(mediaKey, context, content),
      wrappedCard: await wrapCardKey(meta, context, card),
    }
    expect(await contentKeyOf(record)).toEqual(content)
    expect(await cardKeyOf(record)).toEqual(card)
    // The server hands out one item's wrap under another's name.
    expect(await codeOf(() => contentKeyOf({ ...record, mediaId: newMediaId() }))).toBe('key/unavailable')
  })

  it('lists a group page by page and forgets what was deleted, then all of it', async () => {
    const group = newGroupId()
    const times = async (of = group) => {
      const found: number[] = []
      for await (const page of listMediaRecords(of, 2)) {
        expect(page.length).toBeLessThanOrEqual(2)
        found.push(...page.map(({ createdAt }) => createdAt))
      }
      return found
    }
    const other = newGroupId()
    const records = [1, 3, 2].map((createdAt) => recordOf(group, newMediaId(), createdAt))
    await takeMedia([...records, recordOf(other, newMediaId(), 9)])
    expect(await times()).toEqual([1, 2, 3])
    await takeMedia([{ ...(records[1] as MediaRecord), state: 'deleted' }])
    expect(await times()).toEqual([1, 2])
    await writeCursor(group, { changeSeq: 4, groupSeq: 0 })
    await removeMedia(group)
    expect(await times()).toEqual([])
    expect(await readCursor(group)).toBeNull()
    expect(await times(other)).toEqual([9])
  })

  it('does not remember how far a group was known that was closed meanwhile', async () => {
    const group = newGroupId()
    await writeCursor(group, { changeSeq: 4, groupSeq: 0 })
    expect(await advanceCursor(group, { changeSeq: 5, groupSeq: 1 })).toBe(true)
    expect(await readCursor(group)).toEqual({ changeSeq: 5, groupSeq: 1 })
    await removeMedia(group)
    expect(await advanceCursor(group, { changeSeq: 6, groupSeq: 1 })).toBe(false)
    expect(await readCursor(group)).toBeNull()
  })

  it('remembers how far the changes of a group are known', async () => {
    const group = newGroupId()
    expect(await readCursor(group)).toBeNull()
    await writeCursor(group, { changeSeq: 7, groupSeq: 3 })
    expect(await readCursor(group)).toEqual({ changeSeq: 7, groupSeq: 3 })
  })

  describe('a server that goes back', () => {
    const group = newGroupId()
    const media = newMediaId()
    const shown = (card: number, document = 0, change: Partial<MediaRecord> = {}): MediaRecord => ({
      ...recordOf(group, media, 1),
      card: { revision: card, sealed: randomBytes(64) },
      workerDocument: document === 0 ? null : { revision: document, sealed: randomBytes(64), workerId: newUserId() },
      ...change,
    })

    it('shows an older card, or an older document', async () => {
      await takeMedia([shown(3, 2)])
      expect(await codeOf(() => takeMedia([shown(2, 2)]))).toBe('card/rollback')
      expect(await codeOf(() => takeMedia([shown(3, 1)]))).toBe('card/rollback')
      await takeMedia([shown(3, 2), shown(4, 2)])
    })

    it('shows an older card by way of a deletion', async () => {
      await takeMedia([shown(3)])
      await takeMedia([shown(3, 0, { state: 'deleted' })])
      expect(await readMediaRecord(media)).toBeNull()
      expect(await codeOf(() => takeMedia([shown(2)]))).toBe('card/rollback')
      expect(await codeOf(() => takeMedia([shown(2, 0, { state: 'deleted' })]))).toBe('card/rollback')
      await takeMedia([shown(3)])
    })

    it('moves an item to another group', async () => {
      await takeMedia([shown(1)])
      expect(await codeOf(() => takeMedia([shown(2, 0, { groupId: newGroupId() })]))).toBe('card/tampered')
    })

    it('keeps nothing of an answer with one lie in it', async () => {
      const honest = recordOf(group, newMediaId(), 5)
      await takeMedia([shown(3)])
      expect(await codeOf(() => takeMedia([honest, shown(2)]))).toBe('card/rollback')
      expect(await readMediaRecord(honest.mediaId)).toBeNull()
    })

    it('cannot say that a revision was there before everything had been seen', async () => {
      await takeMedia([shown(1)])
      await writeCursor(group, { changeSeq: 1, groupSeq: 8 })
      await takeMedia([shown(1, 1)])
      expect(await readSeen(media)).toMatchObject({
        card: { revision: 1, notBefore: -1 },
        document: { revision: 1, notBefore: 8 },
      })
    })
  })
})

function recordOf(groupId: GroupId, mediaId: MediaId, createdAt: number): MediaRecord {
  return {
    mediaId,
    groupId,
    epoch: 3,
    wrappedContent: randomBytes(60),
    wrappedCard: randomBytes(60),
    card: { revision: 1, sealed: randomBytes(64) },
    authorId: newUserId(),
    state: 'ready',
    workerDocument: null,
    job: null,
    createdAt,
    changeSeq: 1,
  }
}
