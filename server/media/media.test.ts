import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { GroupId, MediaId } from '../../shared/format/ids.ts'
import {
  createMedia,
  deleteMedia,
  finishMedia,
  listMedia,
  listMediaChanges,
  readMedia,
  restoreMedia,
  writeCard,
} from '../../shared/wire/media.ts'
import type { GroupRow } from '../db/rows.ts'
import { newItem, newObjectId, someBytes, uploadItem } from '../testing/media.ts'
import { seedGroup, seedPerson } from '../testing/seed.ts'
import type { TestClient } from '../testing/test-client.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let server: TestServer
let anna: TestClient
let berta: TestClient
let stranger: TestClient
let groupId: GroupId
beforeEach(async () => {
  server = await startTestServer()
  const [a, b, s] = [await seedPerson(server), await seedPerson(server), await seedPerson(server)]
  ;[anna, berta, stranger] = [a.client, b.client, s.client]
  groupId = await seedGroup(server, [
    { id: a.userId, role: 'admin' },
    { id: b.userId, role: 'member' },
  ])
})
afterEach(() => server.close())

const failsWith = (code: string) => expect.objectContaining({ code })
const idsOf = (items: readonly { mediaId: MediaId }[]) => items.map(({ mediaId }) => mediaId)

describe('a new item', () => {
  it('comes back as it was sent, also when it is sent again', async () => {
    const item = newItem(groupId)
    const record = await anna.call(createMedia, { body: item })
    expect(record).toMatchObject({ ...item, state: 'uploading', workerDocument: null, job: null, changeSeq: 1 })
    expect(await anna.call(createMedia, { body: item })).toEqual(record)
    expect(server.notices).toContainEqual(
      expect.objectContaining({ name: 'media', payload: { groupId, mediaId: item.mediaId, changeSeq: 1 } }),
    )
  })

  it('is refused under an id of somebody else’s, in a foreign group, and under an old epoch', async () => {
    const item = newItem(groupId)
    await anna.call(createMedia, { body: item })
    const other = { ...newItem(groupId), mediaId: item.mediaId }
    await expect(berta.call(createMedia, { body: other })).rejects.toEqual(failsWith('object/conflict'))
    await expect(stranger.call(createMedia, { body: newItem(groupId) })).rejects.toEqual(failsWith('group/not-member'))
    await server.deps.db<GroupRow>('groups').where({ group_id: groupId }).update({ epoch: 2 })
    await expect(anna.call(createMedia, { body: newItem(groupId) })).rejects.toEqual(failsWith('group/needs-rotation'))
  })

  it('is only its author’s while it is on its way', async () => {
    await anna.call(createMedia, { body: newItem(groupId) })
    const list = (client: TestClient) => client.call(listMedia, { params: { groupId }, query: {} })
    expect((await list(anna)).items).toHaveLength(1)
    expect((await list(berta)).items).toHaveLength(0)
  })
})

describe('a finished item', () => {
  it('has one job, however often it is finished', async () => {
    const { mediaId, originalId, record } = await uploadItem(berta, groupId)
    expect(record).toMatchObject({ state: 'ready', job: { state: 'queued', mediaId } })
    const again = await berta.call(finishMedia, { params: { mediaId }, body: { originalId } })
    expect(again.job).toEqual(record.job)
    expect(await server.deps.db('jobs')).toHaveLength(1)
    const call = anna.call(finishMedia, { params: { mediaId }, body: { originalId } })
    await expect(call).rejects.toEqual(failsWith('group/forbidden'))
  })

  it('takes the next card of its author or an admin, and no other', async () => {
    const { mediaId } = await uploadItem(berta, groupId)
    const write = (client: TestClient, revision: number) =>
      client.call(writeCard, { params: { mediaId }, body: { revision, sealed: someBytes(90) } })
    expect((await write(berta, 2)).card.revision).toBe(2)
    expect((await write(anna, 3)).card.revision).toBe(3)
    await expect(write(berta, 3)).rejects.toEqual(failsWith('log/conflict'))
    await expect(write(stranger, 4)).rejects.toEqual(failsWith('media/not-found'))
    const own = await uploadItem(anna, groupId)
    const foreign = berta.call(writeCard, {
      params: { mediaId: own.mediaId },
      body: { revision: 2, sealed: someBytes(90) },
    })
    await expect(foreign).rejects.toEqual(failsWith('group/forbidden'))
  })

  it('is hidden at once when deleted, and comes back when restored', async () => {
    const { mediaId } = await uploadItem(anna, groupId)
    await expect(berta.call(deleteMedia, { params: { mediaId } })).rejects.toEqual(failsWith('group/forbidden'))
    await anna.call(deleteMedia, { params: { mediaId } })
    await anna.call(deleteMedia, { params: { mediaId } })
    await expect(berta.call(readMedia, { params: { mediaId } })).rejects.toEqual(failsWith('media/not-found'))
    expect((await berta.call(listMedia, { params: { groupId }, query: {} })).items).toEqual([])
    const { items } = await berta.call(listMediaChanges, { params: { groupId }, query: { since: 0 } })
    expect(items).toMatchObject([{ mediaId, state: 'deleted' }])
    expect(await anna.call(restoreMedia, { params: { mediaId } })).toMatchObject({ state: 'ready' })
    expect(await berta.call(readMedia, { params: { mediaId } })).toMatchObject({ state: 'ready' })
  })

  it('cannot be restored when the time for it is over', async () => {
    const { mediaId } = await uploadItem(anna, groupId)
    await anna.call(deleteMedia, { params: { mediaId } })
    server.clock.advance(3600_000)
    await expect(anna.call(restoreMedia, { params: { mediaId } })).rejects.toEqual(failsWith('media/not-found'))
  })
})

describe('a list', () => {
  it('goes from newest to oldest in pages, each item once, also of one moment', async () => {
    const made: MediaId[] = []
    for (let i = 0; i < 7; i++) {
      made.push((await uploadItem(anna, groupId)).mediaId)
      if (i % 3 === 0) server.clock.advance(10)
    }
    const seen: MediaId[] = []
    let before: string | undefined
    do {
      const page = await berta.call(listMedia, {
        params: { groupId },
        query: { limit: 2, ...(before === undefined ? {} : { before }) },
      })
      seen.push(...idsOf(page.items))
      before = page.next ?? undefined
    } while (before !== undefined)
    expect(seen).toHaveLength(7)
    expect(new Set(seen)).toEqual(new Set(made))
    expect(new Set(seen.slice(0, 3))).toEqual(new Set(made.slice(4)))
    expect(seen.at(-1)).toBe(made[0])
  })

  it('of the largest cards comes in small answers, each item once', async () => {
    const made: MediaId[] = []
    for (let i = 0; i < 40; i++) {
      const item = { ...newItem(groupId), card: { revision: 1, sealed: someBytes(131_072) } }
      made.push((await anna.call(createMedia, { body: item })).mediaId)
    }
    const params = { groupId }
    const first = await anna.call(listMedia, { params, query: { limit: 200 } })
    expect(first.items).toHaveLength(32)
    const rest = await anna.call(listMedia, { params, query: { limit: 200, before: first.next ?? '' } })
    expect(rest.next).toBeNull()
    expect(new Set(idsOf([...first.items, ...rest.items]))).toEqual(new Set(made))
    const changes = await anna.call(listMediaChanges, { params, query: { since: 0 } })
    expect([changes.items.length, changes.more]).toEqual([32, true])
    const since = changes.items.at(-1)?.changeSeq ?? 0
    const later = await anna.call(listMediaChanges, { params, query: { since } })
    expect([later.items.length, later.more]).toEqual([8, false])
  })

  it('goes on from a change, with what changed since, once', async () => {
    const first = await uploadItem(anna, groupId)
    const second = await uploadItem(anna, groupId)
    const { changeSeq } = await berta.call(listMedia, { params: { groupId }, query: {} })
    const { mediaId } = first
    await anna.call(writeCard, { params: { mediaId }, body: { revision: 2, sealed: someBytes(50) } })
    const changes = await berta.call(listMediaChanges, { params: { groupId }, query: { since: changeSeq } })
    expect(idsOf(changes.items)).toEqual([mediaId])
    expect(changes.more).toBe(false)
    const all = await berta.call(listMediaChanges, { params: { groupId }, query: { since: 0 } })
    expect(idsOf(all.items)).toEqual([second.mediaId, mediaId])
  })

  it('is for members', async () => {
    await expect(stranger.call(listMedia, { params: { groupId }, query: {} })).rejects.toEqual(
      failsWith('group/not-member'),
    )
  })
})

it('says that there is no room, and takes nothing', async () => {
  const small = await startTestServer({ config: { storageMaxBytes: 1500 } })
  try {
    const { userId, client } = await seedPerson(small)
    const group = await seedGroup(small, [{ id: userId, role: 'owner' }])
    await uploadItem(client, group, someBytes(1000))
    const item = newItem(group)
    await client.call(createMedia, { body: item })
    const init = { method: 'PUT', body: someBytes(600) }
    const answer = await client.fetch(`/api/media/${item.mediaId}/objects/${newObjectId()}`, init)
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([507, 'storage/full'])
    expect(await small.deps.db('objects')).toHaveLength(1)
  } finally {
    await small.close()
  }
})
