import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ConnectionId, GroupId } from '../../shared/format/ids.ts'
import { endConnection } from '../../shared/wire/connections.ts'
import { grantMedia, listGrants, revokeGrant } from '../../shared/wire/grants.ts'
import { claimJob } from '../../shared/wire/jobs.ts'
import {
  createMedia,
  deleteMedia,
  listMedia,
  listMediaChanges,
  objectPath,
  readMedia,
  restoreMedia,
  writeCard,
} from '../../shared/wire/media.ts'
import { block, unblock } from '../../shared/wire/people.ts'
import { destroyAccount } from '../accounts/destroy.ts'
import type { MembershipRow } from '../db/rows.ts'
import { createJobs } from '../jobs/jobs.ts'
import { createObjects } from '../media/objects.ts'
import { sweepMedia } from '../sweeper/sweep.ts'
import { befriend, seedTalker, type Talker } from '../testing/chat.ts'
import { newItem, newObjectId, putBytes, someBytes, uploadItem } from '../testing/media.ts'
import { seedGroup, seedWorker } from '../testing/seed.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'
import { createUploads } from '../uploads/uploads.ts'

let server: TestServer
let [anna, ben, eve] = [] as unknown as [Talker, Talker, Talker]
let worker: Awaited<ReturnType<typeof seedWorker>>
let groupId: GroupId
let connectionId: ConnectionId
let item: Awaited<ReturnType<typeof uploadItem>>
beforeEach(async () => {
  server = await startTestServer()
  anna = await seedTalker(server, 'anna')
  ben = await seedTalker(server, 'ben')
  eve = await seedTalker(server, 'eve')
  worker = await seedWorker(server)
  groupId = await seedGroup(server, [
    { id: anna.userId, role: 'owner' },
    { id: worker.workerId, role: 'worker' },
  ])
  connectionId = (await befriend(anna, ben)).connectionId
  item = await uploadItem(anna.client, groupId)
})
afterEach(() => server.close())

const code = (name: string) => expect.objectContaining({ code: name })
const where = () => ({ params: { mediaId: item.mediaId, connectionId } })
const grant = ({ client } = anna) => client.call(grantMedia, where())
const read = ({ client }: Talker) => client.call(readMedia, { params: { mediaId: item.mediaId } })
const status = async ({ client }: Talker, method = 'GET') =>
  (await client.fetch(objectPath(item.mediaId, item.originalId), { method })).status
const seesIt = async (person: Talker) => [
  await read(person).then(
    () => 200,
    () => 404,
  ),
  await status(person),
  await status(person, 'HEAD'),
]

describe('a granted item', () => {
  it('can be fetched by the friend alone, with ranges, and read without what is sealed for the group', async () => {
    expect(await seesIt(ben)).toEqual([404, 404, 404])
    await grant()
    await grant()
    expect(await seesIt(ben)).toEqual([200, 200, 200])
    expect(await seesIt(eve)).toEqual([404, 404, 404])
    const part = await ben.client.fetch(objectPath(item.mediaId, item.originalId), { headers: { Range: 'bytes=5-9' } })
    expect(new Uint8Array(await part.arrayBuffer())).toEqual(item.body.slice(5, 10))
    const record = await read(ben)
    expect(record).toMatchObject({ mediaId: item.mediaId, state: 'ready', authorId: anna.userId })
    for (const bytes of [record.wrappedContent, record.wrappedCard, record.card.sealed]) {
      expect(bytes.every((byte) => byte === 0)).toBe(true)
    }
  })

  it('tells nothing of its author, its group and the other items', async () => {
    await server.deps.db<MembershipRow>('memberships').insert({
      group_id: groupId,
      member_id: eve.userId,
      kind: 'person',
      role: 'member',
    })
    // Eve, a member, passes on what Anna made.
    const other = await befriend(eve, await seedTalker(server, 'dora'))
    await eve.client.call(grantMedia, { params: { mediaId: item.mediaId, connectionId: other.connectionId } })
    expect(await read(other.b)).toMatchObject({ authorId: eve.userId })
    const params = { groupId }
    await expect(other.b.client.call(listMedia, { params, query: {} })).rejects.toEqual(code('group/not-member'))
    await expect(other.b.client.call(listMediaChanges, { params, query: { since: 0 } })).rejects.toEqual(
      code('group/not-member'),
    )
  })

  it('cannot be changed or passed on by the friend', async () => {
    await grant()
    const params = { mediaId: item.mediaId }
    const third = await befriend(ben, eve)
    const body = { revision: 2, sealed: someBytes(100) }
    for (const attempt of [
      ben.client.call(writeCard, { params, body }),
      ben.client.call(deleteMedia, { params }),
      ben.client.call(grantMedia, { params: { ...params, connectionId: third.connectionId } }),
    ]) {
      await expect(attempt).rejects.toEqual(code('media/not-found'))
    }
    expect((await putBytes(ben.client, item.mediaId, newObjectId(), someBytes(9))).status).toBe(404)
  })

  it('is gone at once when it is taken back', async () => {
    await grant()
    expect(await anna.client.call(listGrants, { params: { mediaId: item.mediaId } })).toEqual({
      connectionIds: [connectionId],
    })
    expect(await ben.client.call(listGrants, { params: { mediaId: item.mediaId } })).toEqual({ connectionIds: [] })
    await ben.client.call(revokeGrant, where())
    expect(await seesIt(ben)).toEqual([200, 200, 200])
    await anna.client.call(revokeGrant, where())
    await anna.client.call(revokeGrant, where())
    expect(await seesIt(ben)).toEqual([404, 404, 404])
  })

  it.each([
    ['the friendship ends', () => ben.client.call(endConnection, { params: { connectionId } })],
    ['the friend is blocked', () => anna.client.call(block, { params: { userId: ben.userId } })],
    ['the friend blocks', () => ben.client.call(block, { params: { userId: anna.userId } })],
    ['the item is deleted', () => anna.client.call(deleteMedia, { params: { mediaId: item.mediaId } })],
    ['whoever granted leaves the group', () => server.deps.db('memberships').where('member_id', anna.userId).delete()],
    ['whoever granted is gone', () => destroyAccount(server.deps, anna.userId)],
  ] as [string, () => Promise<unknown>][])('is gone at once when %s', async (_, change) => {
    await grant()
    await change()
    expect(await seesIt(ben)).toEqual([404, 404, 404])
  })

  it('does not come back when a block is lifted, and comes back with an undone deletion', async () => {
    await grant()
    await anna.client.call(block, { params: { userId: ben.userId } })
    await expect(grant()).rejects.toEqual(code('connection/refused'))
    await anna.client.call(unblock, { params: { userId: ben.userId } })
    expect(await seesIt(ben)).toEqual([404, 404, 404])
    await grant()
    await anna.client.call(deleteMedia, { params: { mediaId: item.mediaId } })
    await anna.client.call(restoreMedia, { params: { mediaId: item.mediaId } })
    expect(await seesIt(ben)).toEqual([200, 200, 200])
  })

  it('leaves no grant behind when it is erased', async () => {
    await grant()
    await anna.client.call(deleteMedia, { params: { mediaId: item.mediaId } })
    server.clock.advance(3600_000)
    const { deps } = server
    await sweepMedia(deps, createUploads(deps, createObjects(deps, createJobs(deps))))
    expect(await deps.db('media_grants')).toEqual([])
  })

  it('can be given to friends alone, by members alone', async () => {
    const foreign = await befriend(ben, eve)
    const params = { mediaId: item.mediaId, connectionId: foreign.connectionId }
    await expect(anna.client.call(grantMedia, { params })).rejects.toEqual(code('connection/refused'))
    await expect(eve.client.call(grantMedia, { params })).rejects.toEqual(code('media/not-found'))
  })
})

it('tells the friend what the group is told of that item, and nothing else', async () => {
  await grant()
  const told = () =>
    server.notices.flatMap((notice) =>
      notice.kind === 'event' &&
      (notice.name === 'media' || notice.name === 'job') &&
      typeof notice.to === 'object' &&
      'account' in notice.to
        ? [[notice.to.account === ben.userId, notice.name, notice.payload.mediaId === item.mediaId]]
        : [],
    )
  await anna.client.call(createMedia, { body: newItem(groupId) })
  const { job } = await worker.client.call(claimJob, { body: { waitMs: 0, gate: null } })
  expect(job?.mediaId).toBe(item.mediaId)
  await expect.poll(told).toContainEqual([true, 'job', true])
  expect(told().every(([isBen, , isItem]) => isBen && isItem)).toBe(true)
})
