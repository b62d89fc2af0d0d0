import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { GroupId } from '../../shared/format/ids.ts'
import type { GroupAction } from '../../shared/logs/group-entries.ts'
import { replayGroup } from '../../shared/logs/group-replay.ts'
import { hashOf } from '../../shared/logs/signed.ts'
import {
  appendGroupLog,
  findInvite,
  listGroups,
  openInvite,
  readGroupBoxes,
  readGroupLog,
  readGroupProfile,
  writeGroupProfile,
} from '../../shared/wire/groups.ts'
import { box, proveOpen, type TestInvite } from '../testing/signing.ts'
import { TestPerson } from '../testing/test-person.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'
import { TestWorker } from '../testing/test-worker.ts'

let server: TestServer
let anna: TestPerson
let groupId: GroupId
beforeEach(async () => {
  server = await startTestServer({ config: { signup: 'open' } })
  anna = await new TestPerson(server, 'anna').signUp()
  groupId = anna.personalGroup as GroupId
})
afterEach(() => server.close())

const failsWith = (code: string) => expect.objectContaining({ code })
const friend = (name: string) => new TestPerson(server, name).signUp()

/** Opens the invite as its link does and joins. */
async function enter(person: TestPerson, invite: TestInvite) {
  const { entries } = await person.client.call(openInvite, { body: proveOpen(invite) })
  await person.join(invite, replayGroup(invite.groupId, entries))
}

describe('joining', () => {
  it('needs nobody online, and gives the log and the own boxes', async () => {
    const berta = await friend('berta')
    await enter(berta, await anna.invite(groupId))
    expect((await berta.readGroup(groupId)).members.get(berta.userId)).toMatchObject({ role: 'member' })
    expect((await berta.client.call(listGroups)).groups).toHaveLength(2)
    expect((await berta.client.call(readGroupBoxes, { params: { groupId } })).boxes).toEqual([])
    expect(server.notices).toContainEqual({ kind: 'membership', memberId: berta.userId, groupId, isMember: true })
    expect(server.notices.at(-1)).toMatchObject({ name: 'group', payload: { groupId, seq: 3 } })
  })

  it('is refused with an invite that was used up, whose keys are gone then', async () => {
    const invite = await anna.invite(groupId, { code: 'amber-otter' })
    const [berta, carla] = [await friend('berta'), await friend('carla')]
    await enter(berta, invite)
    await expect(enter(carla, invite)).rejects.toEqual(failsWith('invite/used-up'))
    await expect(carla.join(invite, await anna.readGroup(groupId))).rejects.toEqual(failsWith('invite/used-up'))
    await expect(carla.client.call(findInvite, { body: { code: 'amber-otter' } })).rejects.toEqual(
      failsWith('invite/invalid'),
    )
    const [row] = await server.deps.db('invites')
    expect(row).toMatchObject({ sealed: Buffer.alloc(0), code: null, uses_left: 0 })
  })

  it('is refused with an invite that has expired by the clock of the server', async () => {
    const invite = await anna.invite(groupId, { ttlMs: 1000 })
    const state = await anna.readGroup(groupId)
    const berta = await friend('berta')
    const body = berta.appendBody(state, [berta.joinAction(invite)])
    server.clock.advance(1000)
    await expect(berta.client.call(openInvite, { body: proveOpen(invite) })).rejects.toEqual(
      failsWith('invite/expired'),
    )
    await expect(berta.client.call(appendGroupLog, { params: { groupId }, body })).rejects.toEqual(
      failsWith('invite/expired'),
    )
  })

  it('is refused to whoever does not hold the key of the invite', async () => {
    const invite = { ...(await anna.invite(groupId)), secretKey: anna.recoverySecretKey }
    const berta = await friend('berta')
    await expect(enter(berta, invite)).rejects.toEqual(failsWith('invite/invalid'))
    await expect(berta.join(invite, await anna.readGroup(groupId))).rejects.toEqual(failsWith('invite/invalid'))
  })

  it('is refused with an identity that is not the newest', async () => {
    const invite = await anna.invite(groupId)
    const berta = await friend('berta')
    berta.addStatement()
    await expect(enter(berta, invite)).rejects.toEqual(failsWith('identity/changed'))
  })

  it('finds an invite by its two words', async () => {
    const { inviteId } = await anna.invite(groupId, { code: 'amber-otter' })
    expect(await server.client().call(findInvite, { body: { code: ' Amber-Otter ' } })).toEqual({ groupId, inviteId })
    await expect(anna.invite(groupId, { code: 'amber-otter' })).rejects.toEqual(failsWith('invite/invalid'))
  })
})

describe('the log', () => {
  it('lets one of two appends at once win', async () => {
    const state = await anna.readGroup(groupId)
    const results = await Promise.allSettled(
      [1, 2].map(() => {
        const { action, boxes } = anna.rotation(state)
        return anna.append(state, [action], { boxes })
      }),
    )
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({ reason: failsWith('log/conflict') })
    expect((await anna.readGroup(groupId)).epoch).toBe(2)
  })

  it('is closed to strangers, whether the group exists or not', async () => {
    const eve = await friend('eve')
    const state = await anna.readGroup(groupId)
    const { action, boxes } = eve.rotation(state)
    await expect(eve.append(state, [action], { boxes })).rejects.toEqual(failsWith('group/not-member'))
    for (const id of [groupId, eve.userId as never]) {
      const read = eve.client.call(readGroupLog, { params: { groupId: id }, query: { from: 0 } })
      await expect(read).rejects.toEqual(failsWith('group/not-member'))
    }
  })

  it('refuses what the role does not allow', async () => {
    const berta = await friend('berta')
    await enter(berta, await anna.invite(groupId))
    await expect(berta.invite(groupId)).rejects.toEqual(failsWith('group/forbidden'))
    const state = await berta.readGroup(groupId)
    const remove = { type: 'remove', payload: { memberId: anna.userId } } as const
    await expect(berta.append(state, [remove])).rejects.toEqual(failsWith('group/forbidden'))
  })

  it('refuses an entry that another member signed', async () => {
    const berta = await friend('berta')
    await enter(berta, await anna.invite(groupId))
    const state = await anna.readGroup(groupId)
    const { action, boxes } = anna.rotation(state)
    const body = anna.appendBody(state, [action], { boxes })
    const send = berta.client.call(appendGroupLog, { params: { groupId }, body })
    await expect(send).rejects.toEqual(failsWith('group/forbidden'))
  })

  it('shuts out whoever was removed, at once', async () => {
    const berta = await friend('berta')
    await enter(berta, await anna.invite(groupId))
    let state = await anna.readGroup(groupId)
    const first = anna.rotation(state)
    await anna.append(state, [first.action], { boxes: first.boxes })
    expect((await berta.client.call(readGroupBoxes, { params: { groupId } })).boxes).toHaveLength(1)
    state = await anna.readGroup(groupId)
    await anna.append(state, [{ type: 'remove', payload: { memberId: berta.userId } }])
    await expect(berta.readGroup(groupId)).rejects.toEqual(failsWith('group/not-member'))
    expect(await server.deps.db('group_boxes').where({ member_id: berta.userId, group_id: groupId })).toEqual([])
    expect(server.notices).toContainEqual({ kind: 'membership', memberId: berta.userId, groupId, isMember: false })
  })
})

describe('boxes', () => {
  it.each(['ghost', 'missing'] as const)('refuses a rotation with a %s box', async (kind) => {
    const state = await anna.readGroup(groupId)
    const eve = new TestPerson(server, 'eve').userId
    const { action, boxes } = anna.rotation(state, kind === 'ghost' ? { ghost: eve } : { without: anna.userId })
    await expect(anna.append(state, [action], { boxes })).rejects.toEqual(failsWith(`group/${kind}-box`))
  })

  it.each([
    ['other bytes', 'group/wrong-box'],
    ['none', 'group/missing-box'],
    ['one more', 'group/ghost-box'],
  ])('refuses a rotation that sends %s than the log lists', async (what, code) => {
    const state = await anna.readGroup(groupId)
    const { action, boxes } = anna.rotation(state)
    const [own] = boxes
    if (!own) throw new Error('no box')
    const sent = {
      'other bytes': [{ ...own, sealed: box() }],
      none: [],
      'one more': [own, { ...own, epoch: 9 }],
    }[what]
    await expect(anna.append(state, [action], { boxes: sent ?? [] })).rejects.toEqual(failsWith(code))
    expect((await anna.readGroup(groupId)).epoch).toBe(1)
  })
})

describe('invites and rotation', () => {
  it('keeps what is sealed anew and ends the others', async () => {
    const kept = await anna.invite(groupId)
    const ended = await anna.invite(groupId)
    const state = await anna.readGroup(groupId)
    const { action, boxes } = anna.rotation(state, { keptInvites: [kept.inviteId] })
    await expect(anna.append(state, [action], { boxes })).rejects.toEqual(failsWith('request/invalid'))
    const sealed = box(200)
    await anna.append(state, [action], { boxes, invites: [{ inviteId: kept.inviteId, sealed, code: null }] })
    expect((await anna.client.call(openInvite, { body: proveOpen(kept) })).sealed).toEqual(sealed)
    await expect(anna.client.call(openInvite, { body: proveOpen(ended) })).rejects.toEqual(failsWith('invite/invalid'))
  })
})

describe('workers in a group', () => {
  it('are enrolled by an admin, read their boxes, and are out when removed', async () => {
    const worker = await (await new TestWorker(server).register()).signIn()
    let state = await anna.readGroup(groupId)
    const sealed = box()
    const enrol: GroupAction = {
      type: 'enrol-worker',
      payload: { worker: worker.statement, boxes: [{ epoch: 1, hash: hashOf(sealed) }] },
    }
    await anna.append(state, [enrol], { boxes: [{ memberId: worker.workerId, epoch: 1, sealed }] })
    const boxes = await worker.client.call(readGroupBoxes, { params: { groupId } })
    expect(boxes.boxes).toEqual([{ memberId: worker.workerId, epoch: 1, sealed }])
    state = await anna.readGroup(groupId)
    await anna.append(state, [{ type: 'remove-worker', payload: { workerId: worker.workerId } }])
    const read = worker.client.call(readGroupLog, { params: { groupId }, query: { from: 0 } })
    await expect(read).rejects.toEqual(failsWith('group/not-member'))
  })

  it('join by an invite for workers, and by no other', async () => {
    const invite = await anna.invite(groupId, { role: 'worker' })
    const forPeople = await anna.invite(groupId)
    const worker = await (await new TestWorker(server).register()).signIn()
    const state = await anna.readGroup(groupId)
    const join = (by: TestInvite) =>
      worker.client.call(appendGroupLog, {
        params: { groupId },
        body: {
          ifHead: state.head,
          entries: [worker.entry(groupId, state, worker.joinAction(by))],
          boxes: [],
          invites: [],
        },
      })
    await expect(join(forPeople)).rejects.toEqual(failsWith('invite/invalid'))
    await join(invite)
    expect((await worker.client.call(listGroups)).groups).toHaveLength(1)
  })
})

it('keeps the sealed name of a group, by revision and for admins', async () => {
  const berta = await friend('berta')
  await enter(berta, await anna.invite(groupId))
  const params = { groupId }
  const body = { revision: 2, sealed: box(64) }
  await expect(berta.client.call(writeGroupProfile, { params, body })).rejects.toEqual(failsWith('group/forbidden'))
  await anna.client.call(writeGroupProfile, { params, body })
  await expect(anna.client.call(writeGroupProfile, { params, body })).rejects.toEqual(failsWith('log/conflict'))
  expect(await berta.client.call(readGroupProfile, { params })).toEqual({ profile: body })
})

it.each([
  ['500 entries', 62, 2],
  ['4 MiB of entries', 8, 65_536],
])('takes %s a day from one person: a log is read whole, and verified on every device', async (_, times, bytes) => {
  const strict = await startTestServer({ config: { signup: 'open', rateScale: 1 } })
  try {
    const person = await new TestPerson(strict, 'anna').signUp()
    const { head } = await person.readGroup(person.personalGroup as GroupId)
    const append = () =>
      person.client.call(appendGroupLog, {
        params: { groupId: person.personalGroup as GroupId },
        body: {
          ifHead: head,
          entries: Array.from({ length: 8 }, () => ({ bytes: box(bytes), sig: box(64) })),
          boxes: [],
          invites: [],
        },
      })
    for (let i = 0; i < times; i++) await expect(append()).rejects.toEqual(failsWith('log/bad-entry'))
    await expect(append()).rejects.toEqual(failsWith('auth/rate-limited'))
  } finally {
    await strict.close()
  }
})
