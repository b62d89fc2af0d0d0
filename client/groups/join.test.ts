import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { AppError, type ErrorCode } from '../../shared/errors.ts'
import type { SignedEntry } from '../../shared/logs/signed.ts'
import { codeOf } from '../../shared/testing/people.ts'
import { appendGroupLog, openInvite } from '../../shared/wire/groups.ts'
import { type Client, GroupWorld } from '../testing/group-world.ts'
import type { MadeInvite } from './invites.ts'
import { join, type OpenedInvite, standingIn } from './join.ts'

let world: GroupWorld
beforeEach(async () => {
  world = await GroupWorld.create()
})
afterEach(() => void vi.restoreAllMocks())

const noPause: (attempt: number) => Promise<void> = async () => undefined

function joinBy({ groups, person }: Client, invite: OpenedInvite, pause = noPause): Promise<void> {
  return join(groups, invite, person.identity, pause)
}

/** How often the log says that somebody came in. */
function usesOf({ inviteId }: MadeInvite): number | undefined {
  return world.ann.groups.get(world.circle).state.invites.get(inviteId)?.uses
}

/** In by the log, with a key that opens, here and on a device that has nothing but the vault. */
async function expectIn(client: Client): Promise<void> {
  const { ann, circle } = world
  await ann.groups.show(circle)
  expect(ann.groups.get(circle).state.members.has(client.person.userId)).toBe(true)
  const { media } = ann.groups.encryptTo(circle)
  const other = await world.sameAccount(client)
  await other.groups.show(circle)
  for (const { groups } of [client, other]) expect(groups.encryptTo(circle).media).toEqual(media)
}

describe('whoever joins', () => {
  it.each([5, 1])('on two devices at the same moment is in on both, by a link for %i', async (maxUses) => {
    const link = await world.link({ maxUses })
    const phone = await world.newcomer('ben')
    const laptop = await world.sameAccount(phone)
    const [onPhone, onLaptop] = [await world.opened(phone, link), await world.opened(laptop, link)]
    world.server.beforeAppend = () => joinBy(laptop, onLaptop)
    await joinBy(phone, onPhone)
    expect(phone.groups.isMember(world.circle)).toBe(true)
    expect(laptop.groups.isMember(world.circle)).toBe(true)
    await expectIn(phone)
    expect(usesOf(link)).toBe(1)
  })

  it.each<ErrorCode>(['server/unreachable', 'internal', 'group/forbidden'])(
    'keeps the key where the entry was taken and the answer is %s',
    async (code) => {
      const link = await world.link({ maxUses: 1 })
      const ben = await world.newcomer('ben')
      const invite = await world.opened(ben, link)
      world.server.afterAnswer = async (route) => {
        if (route === appendGroupLog) throw new AppError(code)
      }
      await joinBy(ben, invite)
      await expectIn(ben)
    },
  )

  it.each<ErrorCode>(['server/unreachable', 'internal'])(
    'keeps the key after %s also while the log is without them: the entry may be taken late',
    async (code) => {
      const ben = await world.newcomer('ben')
      const invite = await world.opened(ben, await world.link())
      world.server.beforeAppend = async () => {
        throw new AppError(code)
      }
      expect(await codeOf(() => joinBy(ben, invite))).toBe(code)
      expect(await standingIn(ben.groups, world.circle)).toBe('out')
      expect(await world.itemOf(ben)).not.toBeNull()
    },
  )

  it('presses Join again after the network went with the answer: is in, by a link that is used up', async () => {
    const link = await world.link({ maxUses: 1 })
    const ben = await world.newcomer('ben')
    const invite = await world.opened(ben, link)
    world.server.afterAnswer = async (route) => {
      if (route !== appendGroupLog) return
      world.server.afterAnswer = unreachable
      await unreachable()
    }
    expect(await codeOf(() => joinBy(ben, invite))).toBe('server/unreachable')
    expect(await codeOf(() => joinBy(ben, invite))).toBe('server/unreachable')
    world.server.afterAnswer = answered
    await joinBy(ben, invite)
    await expectIn(ben)
    expect(usesOf(link)).toBe(1)
    // So it is after a reload, where the invite itself would say that it was used.
    const reloaded = await world.sameAccount(ben)
    expect(await codeOf(() => world.opened(reloaded, link))).toBe('invite/used-up')
    expect(await standingIn(reloaded.groups, world.circle)).toBe('in')
  })

  it('was in before, on a new device that has not caught up: keeps keys and invites of the vault', async () => {
    const ben = await world.invited('ben', { role: 'admin' })
    const made = await world.link({}, ben)
    const before = await world.itemOf(ben)
    const [phone, link] = [await world.sameAccount(ben), await world.link()]
    await joinBy(phone, await world.opened(phone, link))
    expect((await world.itemOf(ben))?.invites).toEqual(before?.invites)
    expect(before?.invites.map(({ inviteId }) => inviteId)).toEqual([made.inviteId])
    await expectIn(phone)
    expect(usesOf(link)).toBe(0)
  })

  it('is in and had lost the key: gets it back by an invite, and joins no second time', async () => {
    const ben = await world.invited('ben')
    const phone = await world.sameAccount(ben)
    await ben.groups.forget(world.circle)
    const link = await world.link()
    await joinBy(phone, await world.opened(phone, link))
    await expectIn(phone)
    expect(usesOf(link)).toBe(0)
  })

  it('was removed and is invited anew: has the old keys and the new one', async () => {
    const { ann, circle } = world
    const ben = await world.invited('ben')
    await ann.groups.remove(circle, ben.person.userId)
    await ben.groups.refresh()
    const before = await world.itemOf(ben)
    await joinBy(ben, await world.opened(ben, await world.link()))
    await expectIn(ben)
    const keys = (await world.itemOf(ben))?.keys
    expect(keys?.map(({ epoch }) => epoch)).toEqual([1, 2])
    expect(keys?.slice(0, 1)).toEqual(before?.keys)
  })

  it('was removed, and is shown the circle as it was before: refuses it, and the pin stays', async () => {
    const { ann, circle, server } = world
    const link = await world.link()
    const [entries, invites] = [[...entriesOf()], new Map(server.groups.get(circle)?.invites)]
    const ben = await world.invited('ben')
    await ann.groups.remove(circle, ben.person.userId)
    const before = await world.itemOf(ben)
    server.groups.set(circle, { entries, boxes: [], profile: null, invites })
    const phone = await world.sameAccount(ben)
    const invite = await world.opened(phone, link)
    expect(await codeOf(() => joinBy(phone, invite))).toBe('group/rollback')
    expect(entriesOf()).toHaveLength(entries.length)
    expect(await world.itemOf(ben)).toEqual(before)
  })

  it('is refused for good: nothing of the circle stays in the vault', async () => {
    const link = await world.link({ maxUses: 1 })
    const [ben, cid] = [await world.newcomer('ben'), await world.newcomer('cid')]
    const [forBen, forCid] = [await world.opened(ben, link), await world.opened(cid, link)]
    let meanwhile: unknown
    world.server.beforeAppend = async () => {
      meanwhile = await world.itemOf(ben)
      await joinBy(cid, forCid)
    }
    expect(await codeOf(() => joinBy(ben, forBen))).toBe('invite/used-up')
    expect(meanwhile).not.toBeNull()
    expect(await world.itemOf(ben)).toBeNull()
    await expectIn(cid)
  })

  it('was removed and is refused when invited anew: keeps what they could read', async () => {
    const { ann, circle, server } = world
    const [ben, cid] = [await world.invited('ben'), await world.newcomer('cid')]
    await ann.groups.remove(circle, ben.person.userId)
    await ben.groups.refresh()
    const link = await world.link({ maxUses: 1 })
    const [forBen, forCid] = [await world.opened(ben, link), await world.opened(cid, link)]
    server.beforeAppend = () => joinBy(cid, forCid)
    expect(await codeOf(() => joinBy(ben, forBen))).toBe('invite/used-up')
    expect((await world.itemOf(ben))?.keys.map(({ epoch }) => epoch)).toEqual([1, 2])
  })

  it('is refused, and cannot ask whether they are in for all that: the key stays', async () => {
    const link = await world.link({ maxUses: 1 })
    const [ben, cid] = [await world.newcomer('ben'), await world.newcomer('cid')]
    const [forBen, forCid] = [await world.opened(ben, link), await world.opened(cid, link)]
    world.server.beforeAppend = () => joinBy(cid, forCid)
    const goOffline = async () => {
      world.server.afterAnswer = async (route) => {
        if (route !== openInvite) throw new AppError('server/unreachable')
      }
    }
    expect(await codeOf(() => joinBy(ben, forBen, goOffline))).toBe('invite/used-up')
    world.server.afterAnswer = answered
    expect(await world.itemOf(ben)).not.toBeNull()
  })

  it('is refused where another device has gone on with the key: it stays', async () => {
    const { server } = world
    const link = await world.link({ maxUses: 1 })
    const [phone, cid] = [await world.newcomer('ben'), await world.newcomer('cid')]
    const laptop = await world.sameAccount(phone)
    const onPhone = await world.opened(phone, link)
    let gone: unknown
    server.beforeAppend = async () => {
      await world.link()
      const onLaptop = await world.opened(laptop, link)
      server.beforeAppend = unreachable
      expect(await codeOf(() => joinBy(laptop, onLaptop))).toBe('server/unreachable')
      gone = await world.itemOf(phone)
    }
    const someoneElse = async () => joinBy(cid, await world.opened(cid, link))
    expect(await codeOf(() => joinBy(phone, onPhone, someoneElse))).toBe('invite/used-up')
    expect(gone).not.toBeNull()
    expect(await world.itemOf(phone)).toEqual(gone)
  })

  it('meets another change on the way, and is in after a pause of its own', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const ben = await world.newcomer('ben')
    const invite = await world.opened(ben, await world.link())
    world.server.beforeAppend = async () => void (await world.link())
    await join(ben.groups, invite, ben.person.identity)
    await expectIn(ben)
  })

  it.each([
    [7, 'no error'],
    [8, 'log/conflict'],
  ])('meets somebody faster %i times, and waits before each other try: %s', async (times, code) => {
    const { server } = world
    const link = await world.link()
    const ben = await world.newcomer('ben')
    const invite = await world.opened(ben, link)
    let lost = 0
    const beFaster = async () => {
      await world.link()
      if (++lost < times) server.beforeAppend = beFaster
    }
    server.beforeAppend = beFaster
    const pauses: number[] = []
    expect(await codeOf(() => joinBy(ben, invite, async (attempt) => void pauses.push(attempt)))).toBe(code)
    expect(lost).toBe(times)
    expect(pauses).toEqual([1, 2, 3, 4, 5, 6, 7])
    if (code === 'no error') await expectIn(ben)
    else expect(await world.itemOf(ben)).toBeNull()
  })
})

function entriesOf(): readonly SignedEntry[] {
  return world.server.groups.get(world.circle)?.entries ?? []
}

async function answered(): Promise<void> {}

async function unreachable(): Promise<void> {
  throw new AppError('server/unreachable')
}
