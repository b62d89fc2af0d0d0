import 'fake-indexeddb/auto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openGroupBox, sealGroupBox } from '../../shared/crypto/group-box.ts'
import { signGroupEntries } from '../../shared/crypto/group-entry.ts'
import { newKey, newMediaId } from '../../shared/crypto/random.ts'
import { readGroupKeys, removeGroupKeys } from '../../shared/device/group-keys.ts'
import { listMediaRecords, takeMedia } from '../../shared/device/media-store.ts'
import type { GroupId } from '../../shared/format/ids.ts'
import type { GroupAction } from '../../shared/logs/group-entries.ts'
import { isOpen } from '../../shared/logs/group-state.ts'
import { verifyWorkerStatement } from '../../shared/logs/worker-statement.ts'
import { codeOf, newPerson, newWorkerPerson, type WorkerPerson } from '../../shared/testing/people.ts'
import { appendGroupLog, readGroupLog, readGroupProfile } from '../../shared/wire/groups.ts'
import type { MediaRecord } from '../../shared/wire/media.ts'
import type { Route } from '../../shared/wire/route.ts'
import type { FakeServer } from '../testing/fake-server.ts'
import { type Client, GroupWorld } from '../testing/group-world.ts'
import { join } from './join.ts'
import { leave, mayLeave, setRole } from './membership.ts'
import { sealGroupName } from './profile.ts'
import { enrolWorker, type KnownWorker } from './workers.ts'

const KEY_LIFE_MS = 30 * 86_400_000

let world: GroupWorld
let server: FakeServer
let ann: Client
let circle: GroupId

beforeEach(async () => {
  world = await GroupWorld.create()
  ;({ server, ann, circle } = world)
})

afterEach(() => void vi.useRealTimers())

describe('groups on a device', () => {
  it('share keys with who joins by an invite, and keep them for the Service Worker', async () => {
    const ben = await world.invited('ben')
    expect(ben.groups.encryptTo(circle).media).toEqual(ann.groups.encryptTo(circle).media)
    expect((await readGroupKeys(circle))?.get(1)?.media).toEqual(ann.groups.encryptTo(circle).media)
  })

  it('give whoever stays a new key when somebody is removed, and the history with it', async () => {
    const [ben, cid] = [await world.invited('ben'), await world.invited('cid')]
    const before = ann.groups.encryptTo(circle)
    await ann.groups.remove(circle, ben.person.userId)
    await cid.groups.show(circle)
    const after = cid.groups.encryptTo(circle)
    expect(after.epoch).toBe(2)
    expect(after.media).toEqual(ann.groups.encryptTo(circle).media)
    expect(after.media).not.toEqual(before.media)
    expect(cid.groups.get(circle).keys.get(1)?.media).toEqual(before.media)
  })

  it('refuse to encrypt between a removal and the new key', async () => {
    const [ben, cid] = [await world.invited('ben'), await world.invited('cid')]
    await ann.groups.append(circle, () => ({ actions: [{ type: 'remove', payload: { memberId: ben.person.userId } }] }))
    await cid.groups.show(circle)
    expect(await codeOf(() => cid.groups.encryptTo(circle))).toBe('group/needs-rotation')
  })

  it('change a key that is older than 30 days, by whoever manages the circle and by nobody else', async () => {
    const ben = await world.invited('ben')
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    const madeAt = ann.groups.get(circle).state.rotations.get(1)?.ts ?? 0
    /** Whether this client is about to change the key, so long after it was made. */
    const isAboutTo = async (client: Client, ageMs: number) => {
      vi.setSystemTime(madeAt + ageMs)
      await client.groups.show(circle)
      return vi.getTimerCount() > 0
    }
    expect(await isAboutTo(ann, KEY_LIFE_MS)).toBe(false)
    expect(await isAboutTo(ben, KEY_LIFE_MS + 1)).toBe(false)
    expect(await isAboutTo(ann, KEY_LIFE_MS + 1)).toBe(true)
    await vi.advanceTimersByTimeAsync(2000)
    await ann.groups.all.until((all) => all.get(circle)?.state.epoch === 2)
    expect(await isAboutTo(ann, KEY_LIFE_MS + 5000)).toBe(false)
    await ben.groups.show(circle)
    expect(ben.groups.encryptTo(circle).media).toEqual(ann.groups.encryptTo(circle).media)
    expect(ben.groups.encryptTo(circle).epoch).toBe(2)
  })

  it('keep the key that won when two members change it at once', async () => {
    const [ben, cid] = [await world.invited('ben'), await world.invited('cid')]
    await cid.groups.show(circle)
    // Ann's removal is in the log; Cid's client notices and is faster with the key.
    await ann.groups.append(circle, () => ({ actions: [{ type: 'remove', payload: { memberId: ben.person.userId } }] }))
    await cid.groups.show(circle)
    server.beforeAppend = () => cid.groups.removeWorker(circle, 'AAAAAAAAAAAAAAAAAAAAAA' as never)
    await ann.groups.removeWorker(circle, 'AAAAAAAAAAAAAAAAAAAAAA' as never)
    expect(ann.groups.get(circle).state.epoch).toBe(2)
    expect(ann.groups.encryptTo(circle).media).toEqual(cid.groups.encryptTo(circle).media)
    // Also on a device that knows only what the vault kept.
    const again = await world.sameAccount(ann)
    await again.groups.show(circle)
    expect(again.groups.encryptTo(circle).media).toEqual(cid.groups.encryptTo(circle).media)
  })

  it('change a role by an owner alone, and let everybody go but the last owner', async () => {
    const bob = await world.invited('bob')
    const me = bob.person.userId
    const own = ann.person.userId
    expect(await codeOf(() => setRole(bob.groups, circle, own, 'member'))).toBe('group/forbidden')
    expect(mayLeave(ann.groups.get(circle), own)).toBe(false)
    expect(await codeOf(() => leave(ann.groups, circle, own))).toBe('group/forbidden')
    await setRole(ann.groups, circle, me, 'owner')
    await bob.groups.show(circle)
    expect(bob.groups.get(circle).state.members.get(me)?.role).toBe('owner')
    expect(mayLeave(ann.groups.get(circle), own)).toBe(true)
    await leave(ann.groups, circle, own)
    expect(ann.groups.all.value.has(circle)).toBe(false)
    await bob.groups.show(circle)
    expect([...bob.groups.get(circle).state.members.keys()]).toEqual([me])
  })

  it('hear of their own leaving, and take it for no fault, however late the answer is', async () => {
    const bob = await world.invited('bob')
    let heard: Promise<boolean> | undefined
    server.afterAnswer = async (route) => {
      if (route !== (appendGroupLog as Route) || heard) return
      const { api } = bob.groups.context
      const call = api.call.bind(api)
      vi.spyOn(api, 'call').mockImplementation(async (...asked) => {
        await new Promise((resolve) => setTimeout(resolve, 20))
        return call(...asked)
      })
      heard = bob.groups.refreshOne(circle)
    }
    await leave(bob.groups, circle, bob.person.userId)
    expect(await heard).toBe(false)
    expect(bob.groups.failures.value.size).toBe(0)
    expect(bob.groups.all.value.has(circle)).toBe(false)
  })

  it('end an invite without ending the others', async () => {
    const [one, two] = [await world.link(), await world.link()]
    await ann.groups.endInvite(circle, one.inviteId)
    const { invites } = ann.groups.get(circle).state
    expect(
      [...invites.values()].filter((invite) => isOpen(invite, Date.now())).map(({ inviteId }) => inviteId),
    ).toEqual([two.inviteId])
    const ben = await world.newcomer('ben')
    await join(ben.groups, await world.opened(ben, two), ben.person.identity)
    expect(ben.groups.encryptTo(circle).media).toEqual(ann.groups.encryptTo(circle).media)
  })

  it('give a worker the media key of every epoch, and take it into the next', async () => {
    const ben = await world.invited('ben')
    await ann.groups.remove(circle, ben.person.userId)
    const { worker, known } = await newWorker()
    await enrolWorker(ann.groups, circle, known)
    const boxes = server.groups.get(circle)?.boxes.filter(({ memberId }) => memberId === worker.workerId) ?? []
    const { state, keys } = ann.groups.get(circle)
    expect(boxes.map(({ epoch }) => epoch).sort()).toEqual([1, 2])
    for (const box of boxes) expect(await openGroupBox(state, box, worker.box)).toEqual(keys.get(box.epoch)?.media)
  })

  it('take a worker once where two admins let it in at the same moment, and nobody is refused', async () => {
    const ben = await world.invited('ben', { role: 'admin' })
    const { worker, known } = await newWorker()
    server.beforeAppend = () => enrolWorker(ben.groups, circle, known)
    await enrolWorker(ann.groups, circle, known)
    const { state, keys } = ann.groups.get(circle)
    expect(state.workers.has(worker.workerId)).toBe(true)
    const boxes = server.groups.get(circle)?.boxes.filter(({ memberId }) => memberId === worker.workerId) ?? []
    expect(await Promise.all(boxes.map((box) => openGroupBox(state, box, worker.box)))).toEqual([keys.get(1)?.media])
  })

  it('close a group that the server says one is out of, also without network, and lose nothing by it', async () => {
    const { media } = ann.groups.encryptTo(circle)
    await takeMedia([recordOf(circle)])
    const stored = server.groups.get(circle)
    server.groups.delete(circle)
    await ann.groups.refresh()
    expect(ann.groups.all.value.has(circle)).toBe(false)
    expect(ann.groups.failures.value.get(circle)?.code).toBe('group/not-member')
    expect(await readGroupKeys(circle)).toBeNull()
    expect((await listMediaRecords(circle).next()).done).toBe(true)
    // After a start it is as closed as before.
    const again = await world.sameAccount(ann)
    await again.groups.openKept()
    expect(again.groups.all.value.has(circle)).toBe(false)
    expect(again.groups.failures.value.get(circle)?.code).toBe('group/not-member')
    expect(await readGroupKeys(circle)).toBeNull()
    // A server that had only claimed it, or an invite that lets them in again.
    if (stored) server.groups.set(circle, stored)
    await again.groups.refresh()
    expect(again.groups.encryptTo(circle).media).toEqual(media)
    expect(again.groups.failures.value.size).toBe(0)
  })

  it('are not opened anew by the same log and name; another signature on it is looked at', async () => {
    const all = ann.groups.all.value
    await ann.groups.refresh()
    expect(ann.groups.all.value).toBe(all)
    await ann.groups.rename(circle, 'Family')
    expect(ann.groups.get(circle).name).toBe('Family')

    const stored = server.groups.get(circle)
    if (!stored) throw new Error('the server has lost it')
    const [first, ...rest] = stored.entries
    if (!first) throw new Error('an empty log')
    const sig = first.sig.map((byte, at) => (at === 0 ? byte ^ 1 : byte))
    server.groups.set(circle, { ...stored, entries: [{ ...first, sig }, ...rest] })
    expect(await ann.groups.refreshOne(circle)).toBe(false)
    expect(ann.groups.failures.value.get(circle)?.code).toBe('log/bad-signature')
    server.groups.set(circle, stored)
    expect(await ann.groups.refreshOne(circle)).toBe(true)
    expect(ann.groups.failures.value.size).toBe(0)
  })

  it('are held against what the vault has learned meanwhile: a log that the server cuts is a rollback, and stays one', async () => {
    const other = await world.sameAccount(ann)
    await other.groups.show(circle)
    const shown = () => {
      const stored = server.groups.get(circle)
      if (!stored) throw new Error('the server has lost it')
      return { ...stored, entries: [...stored.entries] }
    }
    await world.link({}, other)
    const cut = shown()
    await world.link({}, other)
    server.groups.set(circle, cut)
    // It has more than this device knew; writing that down shows that another one knew more still.
    const before = ann.groups.all.value
    for (let round = 0; round < 3; round++) {
      expect(await ann.groups.refreshOne(circle)).toBe(false)
      expect(ann.groups.failures.value.get(circle)?.code).toBe('group/rollback')
    }
    expect(ann.groups.all.value).toBe(before)
  })

  /** Runs once, after the server has answered and before the page hears of it. */
  function whileAnswering(asked: Route, task: () => Promise<void>): void {
    server.afterAnswer = async (route) => {
      if (route !== asked) return
      server.afterAnswer = async () => undefined
      await task()
    }
  }

  it('ask again where the vault learned of more while the log was on its way, and accuse no honest server', async () => {
    const other = await world.sameAccount(ann)
    await other.groups.show(circle)
    whileAnswering(readGroupLog, async () => {
      await world.link({}, other)
      await ann.vault.openServed()
    })
    expect(await ann.groups.refreshOne(circle)).toBe(true)
    expect(ann.groups.get(circle).state.head).toEqual(other.groups.get(circle).state.head)
    expect(ann.groups.failures.value.size).toBe(0)
  })

  it('say that it is a rollback where the second answer is behind what the vault learned, too', async () => {
    const other = await world.sameAccount(ann)
    await other.groups.show(circle)
    whileAnswering(readGroupLog, async () => {
      const before = [...(server.groups.get(circle)?.entries ?? [])]
      await world.link({}, other)
      await ann.vault.openServed()
      server.groups.get(circle)?.entries.splice(before.length)
    })
    expect(await ann.groups.refreshOne(circle)).toBe(false)
    expect(ann.groups.failures.value.get(circle)?.code).toBe('group/rollback')
  })

  it.each([
    ['name', readGroupProfile],
    ['log', readGroupLog],
  ])('take the new name where another tab gave it while the %s was on its way', async (_, route) => {
    const tab = await world.sameAccount(ann)
    await tab.groups.openKept()
    await ann.groups.rename(circle, 'Family')
    whileAnswering(route, () => tab.groups.rename(circle, 'Friends'))
    expect(await ann.groups.refreshOne(circle)).toBe(true)
    expect(ann.groups.get(circle).name).toBe('Friends')
    const again = await world.sameAccount(ann)
    await again.groups.openKept()
    expect(again.groups.get(circle).name).toBe('Friends')
  })

  it('refuse the older name where the second answer has it, too', async () => {
    const tab = await world.sameAccount(ann)
    await tab.groups.openKept()
    whileAnswering(readGroupProfile, async () => {
      await tab.groups.rename(circle, 'Friends')
      const stored = server.groups.get(circle)
      if (stored) stored.profile = null
    })
    expect(await ann.groups.refreshOne(circle)).toBe(false)
    expect(ann.groups.failures.value.get(circle)?.code).toBe('card/rollback')
  })

  it('write nothing into the vault that another device has written already', async () => {
    const other = await world.sameAccount(ann)
    await world.invited('ben')
    const version = () => server.vaults.get(ann.person.userId)?.index?.version
    const before = version()
    await other.groups.show(circle)
    expect(other.groups.get(circle).state.head).toEqual(ann.groups.get(circle).state.head)
    expect(version()).toBe(before)
  })

  it('get their keys back on the device where they are missing, whatever has taken them', async () => {
    await removeGroupKeys(circle)
    await ann.groups.refresh()
    expect((await readGroupKeys(circle))?.get(1)?.media).toEqual(ann.groups.encryptTo(circle).media)
  })

  it('get their keys back on the device where another tab had closed them', async () => {
    const tab = await world.sameAccount(ann)
    await tab.groups.openKept()
    const stored = server.groups.get(circle)
    server.groups.delete(circle)
    await tab.groups.refresh()
    expect(await readGroupKeys(circle)).toBeNull()
    if (stored) server.groups.set(circle, stored)
    await ann.groups.refresh()
    expect((await readGroupKeys(circle))?.get(1)?.media).toEqual(ann.groups.encryptTo(circle).media)
  })

  it('refuse an older name also from a server that had claimed one was out', async () => {
    await ann.groups.rename(circle, 'Family')
    const stored = server.groups.get(circle)
    server.groups.delete(circle)
    await ann.groups.refresh()
    if (stored) server.groups.set(circle, { ...stored, profile: null })
    await ann.groups.refresh()
    expect(ann.groups.failures.value.get(circle)?.code).toBe('card/rollback')
    expect(ann.groups.all.value.has(circle)).toBe(false)
  })

  it('open from what the device keeps, without the server', async () => {
    const profile = await sealGroupName(
      ann.groups.get(circle).state,
      ann.person.actor,
      ann.groups.encryptTo(circle).meta,
      1,
      'Family',
    )
    const stored = server.groups.get(circle)
    if (stored) stored.profile = profile
    await ann.groups.show(circle)
    const again = await world.sameAccount(ann)
    server.groups.clear()
    await again.groups.openKept()
    expect(again.groups.get(circle).name).toBe('Family')
  })

  const attacks: [string, string, () => void][] = [
    ['the end of the log cut off', 'group/rollback', () => void server.groups.get(circle)?.entries.pop()],
    [
      'an older name',
      'card/rollback',
      () => {
        const stored = server.groups.get(circle)
        if (stored) stored.profile = null
      },
    ],
    ['an entry twice', 'log/wrong-prev', () => repeatLast()],
  ]
  it.each(attacks)('refuse %s, and go on with what they know', async (_, code, attack) => {
    await world.link()
    await ann.groups.rename(circle, 'Family')
    attack()
    expect(await ann.groups.refreshOne(circle)).toBe(false)
    expect(ann.groups.failures.value.get(circle)?.code).toBe(code)
    expect(await codeOf(() => ann.groups.encryptTo(circle))).toBe(code)
    expect(ann.groups.get(circle).name).toBe('Family')
  })

  it('refuse a box that the server made up', async () => {
    const [ben, cid] = [await world.invited('ben'), await world.invited('cid')]
    await ann.groups.remove(circle, ben.person.userId)
    const stored = server.groups.get(circle)
    const { publicKey: agreementKey } = cid.person.box
    const forged = await sealGroupBox(circle, 2, { memberId: cid.person.userId, agreementKey }, newKey())
    if (stored) stored.boxes = [{ memberId: forged.memberId, epoch: 2, sealed: forged.sealed }]
    expect(await cid.groups.refreshOne(circle)).toBe(false)
    expect(cid.groups.failures.value.get(circle)?.code).toBe('group/wrong-box')
  })

  it('refuse a log that the server made up around a real invite', async () => {
    const link = await world.link()
    const { rotations, invites } = ann.groups.get(circle).state
    const [inviteId, invite] = [...invites][0] ?? []
    const [rotation, stored] = [rotations.get(1), server.groups.get(circle)]
    if (!inviteId || !invite || !rotation || !stored) throw new Error('no invite')
    // All of it is public: the commitment to the real key, and the invite's key. Its owner is the server's own.
    const puppet = await newPerson('puppet')
    const { commitment, epoch } = rotation
    const { invitePub, role, expiresAt, maxUses } = invite
    const actions: GroupAction[] = [
      { type: 'create', payload: { identity: puppet.identity } },
      {
        type: 'rotate',
        payload: {
          epoch,
          commitment,
          boxes: [{ memberId: puppet.userId, hash: newKey() }],
          prevBox: null,
          keptInvites: [],
        },
      },
      { type: 'invite', payload: { inviteId, invitePub, role, expiresAt, maxUses } },
    ]
    stored.entries = signGroupEntries(circle, puppet.actor, null, actions, Date.now())
    const ben = await world.newcomer('ben')
    expect(await codeOf(() => world.opened(ben, link))).toBe('group/fork')
  })
})

function recordOf(groupId: GroupId): MediaRecord {
  return {
    mediaId: newMediaId(),
    groupId,
    epoch: 1,
    wrappedContent: newKey(),
    wrappedCard: newKey(),
    card: { revision: 1, sealed: newKey() },
    authorId: ann.person.userId,
    state: 'ready',
    workerDocument: null,
    job: null,
    createdAt: 1,
    changeSeq: 1,
  }
}

function repeatLast(): void {
  const entries = server.groups.get(circle)?.entries
  const last = entries?.at(-1)
  if (last) entries?.push(last)
}

async function newWorker(): Promise<{ worker: WorkerPerson; known: KnownWorker }> {
  const worker = await newWorkerPerson()
  const { head: _head, ...statement } = verifyWorkerStatement(worker.statement)
  return { worker, known: { statement, signed: worker.statement, fingerprint: '', online: true } }
}
