import 'fake-indexeddb/auto'
import { beforeEach, describe, expect, it } from 'vitest'
import { newGroupId, newKey, newMediaId } from '../../shared/crypto/random.ts'
import { eraseDevice, openDevice } from '../../shared/device/db.ts'
import type { MediaId } from '../../shared/format/ids.ts'
import { bucketOf, NEWEST, type Opened, OpenedStore } from './opened-store.ts'

const one = (mediaId: MediaId): Opened => ({
  mediaId,
  cardRevision: 2,
  documentRevision: 1,
  card: { title: 'Tomaten', fileName: 'tomaten.mp4', type: 'video/mp4', sizeBytes: 9, hasThumb: true },
  made: { v: 1, status: 'ready', kind: 'video', master: 'r/AAAAAAAAAAAAAAAAAAAAAA/master-1.m3u8' },
})

describe('what was opened before', () => {
  const group = newGroupId()
  const accountKey = newKey()
  beforeEach(eraseDevice)

  it('is there again under the same account key, and under no other', async () => {
    const store = await OpenedStore.from(accountKey)
    const all = Array.from({ length: 40 }, () => one(newMediaId()))
    const buckets = Map.groupBy(all, ({ mediaId }) => bucketOf(mediaId))
    for (const [number, some] of buckets) await store.write(group, number, some)
    expect([...(await store.read(group)).values()].sort(byId)).toEqual([...all].sort(byId))
    expect((await (await OpenedStore.from(accountKey)).read(group)).size).toBe(40)
    expect((await (await OpenedStore.from(newKey())).read(group)).size).toBe(0)
    expect((await store.read(newGroupId())).size).toBe(0)
  })

  it('has what the first screens show in one place, which is no bucket', async () => {
    const store = await OpenedStore.from(accountKey)
    const [first, other] = [one(newMediaId()), one(newMediaId())]
    expect(await store.readNewest(group)).toEqual([])
    await store.write(group, NEWEST, [first])
    await store.write(group, bucketOf(other.mediaId), [other])
    expect(await store.readNewest(group)).toEqual([first])
    expect([...(await store.read(group)).keys()]).toEqual([other.mediaId])
  })

  it('leaves no word of it on the disk', async () => {
    const store = await OpenedStore.from(accountKey)
    await store.write(group, 0, [one(newMediaId())])
    const [sealed] = await (await openDevice()).getAll('opened')
    expect(Buffer.from(sealed ?? []).includes('omaten')).toBe(false)
  })

  it('a bucket that was moved or changed counts as missing, and takes no other along', async () => {
    const store = await OpenedStore.from(accountKey)
    const [moved, changed, whole] = [one(newMediaId()), one(newMediaId()), one(newMediaId())]
    await store.write(group, 0, [moved])
    await store.write(group, 1, [changed])
    await store.write(group, 2, [whole])
    const db = await openDevice()
    await db.put('opened', (await db.get('opened', [group, 0])) as Uint8Array<ArrayBuffer>, [group, 3])
    await db.delete('opened', [group, 0])
    const bytes = (await db.get('opened', [group, 1])) as Uint8Array<ArrayBuffer>
    bytes[20] = (bytes[20] ?? 0) ^ 1
    await db.put('opened', bytes, [group, 1])
    expect([...(await store.read(group)).keys()]).toEqual([whole.mediaId])
  })
})

const byId = (a: Opened, b: Opened) => (a.mediaId < b.mediaId ? -1 : 1)
