import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { makeRotation, openGroupBox, sealGroupBox } from '../crypto/group-box.ts'
import { openHistory } from '../crypto/group-key.ts'
import { signJoin } from '../crypto/invite.ts'
import { newInviteId, newKey, newUserId } from '../crypto/random.ts'
import { publicKeyOf } from '../crypto/signing.ts'
import { parseWorkerId } from '../format/ids.ts'
import { codeOf, newPerson, newWorkerPerson, type Person, TestGroup, type WorkerPerson } from '../testing/people.ts'
import { replayGroup, replayGroupInSteps } from './group-replay.ts'
import { checkMayEncrypt } from './group-state.ts'

let ada: Person
let ben: Person
let cleo: Person
let eve: Person
let machine: WorkerPerson
beforeAll(async () => {
  ;[ada, ben, cleo, eve] = (await Promise.all(['ada', 'ben', 'cleo', 'eve'].map((name) => newPerson(name)))) as [
    Person,
    Person,
    Person,
    Person,
  ]
  machine = await newWorkerPerson()
})

async function circle(): Promise<TestGroup> {
  const group = await TestGroup.create(ada)
  await group.join(ben, await group.invite(ada))
  return group.join(cleo, await group.invite(ada, 'admin'))
}

const enrol = (group: TestGroup, by: Person, worker = machine) => group.enrol(by, worker)

describe('an honest group', () => {
  it('grows by invites, enrols a worker, removes, rotates; everybody opens their box', async () => {
    const group = await enrol(await circle(), cleo)
    group.act(cleo.actor, { type: 'remove', payload: { memberId: ben.userId } })
    expect(await codeOf(() => checkMayEncrypt(group.state))).toBe('group/needs-rotation')
    await group.rotate(cleo)
    const { state } = group
    expect([...state.members.values()].map(({ username, role }) => [username, role])).toEqual([
      ['ada', 'owner'],
      ['cleo', 'admin'],
    ])
    expect(state.epoch).toBe(2)
    expect(state.needsRotation).toBe(false)
    const box = group.boxes.find(({ epoch, memberId }) => epoch === 2 && memberId === ada.userId)
    const opened = await openGroupBox(state, box as NonNullable<typeof box>, ada.box)
    expect(opened).toEqual(group.keys[1])
    expect(await openHistory(state, 2, opened)).toEqual(
      new Map([
        [2, group.keys[1]],
        [1, group.keys[0]],
      ]),
    )
  })

  it('reads the same in one go and entry by entry', async () => {
    const group = await enrol(await circle(), ada)
    let state = replayGroup(group.groupId, group.entries.slice(0, 2))
    for (const entry of group.entries.slice(2)) state = replayGroup(group.groupId, [entry], { from: state })
    expect(state).toEqual(group.state)
  })

  it('takes somebody back who left', async () => {
    const group = await circle()
    group.act(ben.actor, { type: 'leave', payload: {} })
    await group.rotate(ada)
    await group.join(ben, await group.invite(ada))
    expect(group.state.members.get(ben.userId)?.joinedSeq).toBe(group.state.seq)
  })

  it('replays whatever its members did, in one go and piece by piece', async () => {
    const deed = fc.constantFrom('invite', 'join', 'leave', 'remove', 'role', 'rotate')
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { maxLength: 8 }), fc.nat(20), async (deeds, cut) => {
        const group = await TestGroup.create(ada)
        let present = new Set<Person>()
        let ticket = await group.invite(ada)
        for (const next of deeds) {
          const outside = [ben, cleo, eve].find((person) => !present.has(person))
          const [inside] = present
          if (next === 'invite') ticket = await group.invite(ada)
          if (next === 'rotate') await group.rotate(inside ?? ada)
          if (next === 'join' && outside) {
            await group.join(outside, ticket)
            present = new Set(present).add(outside)
            ticket = await group.invite(ada)
          }
          if (!inside) continue
          const memberId = inside.userId
          if (next === 'role') group.act(ada.actor, { type: 'role', payload: { memberId, role: 'admin' } })
          if (next === 'leave') group.act(inside.actor, { type: 'leave', payload: {} })
          if (next === 'remove') group.act(ada.actor, { type: 'remove', payload: { memberId } })
          if (next === 'leave' || next === 'remove') present.delete(inside)
        }
        const at = Math.min(cut + 1, group.entries.length)
        const from = replayGroup(group.groupId, group.entries.slice(0, at))
        expect(replayGroup(group.groupId, group.entries.slice(at), { from, pin: from })).toEqual(group.state)
        let pauses = 0
        const pause = async () => {
          pauses += 1
        }
        expect(await replayGroupInSteps(group.groupId, group.entries, { pin: from }, pause)).toEqual(group.state)
        expect(pauses).toBe(group.entries.length)
        expect([...group.state.members.keys()].sort()).toEqual([ada, ...present].map(({ userId }) => userId).sort())
      }),
      { numRuns: 6 },
    )
  })

  it('lets a worker in by an invite for workers', async () => {
    const group = await circle()
    const ticket = await group.invite(ada, 'worker')
    const inviteSig = await signJoin(ticket, machine.workerId, publicKeyOf(machine.seed))
    group.act(machine.actor, {
      type: 'join',
      payload: { inviteId: ticket.inviteId, inviteSig, identity: null, worker: machine.statement },
    })
    expect(group.state.workers.has(machine.workerId)).toBe(true)
    await group.rotate(ben)
    expect(group.boxes.some(({ memberId }) => memberId === machine.workerId)).toBe(true)
  })
})

type Attack = [attack: string, code: string, (group: TestGroup) => unknown]
const attacks: Attack[] = [
  ['a member invites', 'group/forbidden', (g) => g.invite(ben).then(() => g.state)],
  ['an admin makes admins', 'group/forbidden', (g) => g.invite(cleo, 'admin').then(() => g.state)],
  [
    'a member removes another',
    'group/forbidden',
    (g) => g.act(ben.actor, { type: 'remove', payload: { memberId: cleo.userId } }).state,
  ],
  [
    'an admin removes the owner',
    'group/forbidden',
    (g) => g.act(cleo.actor, { type: 'remove', payload: { memberId: ada.userId } }).state,
  ],
  [
    'an admin makes itself owner',
    'group/forbidden',
    (g) => g.act(cleo.actor, { type: 'role', payload: { memberId: cleo.userId, role: 'owner' } }).state,
  ],
  ['a stranger rotates', 'group/forbidden', (g) => g.rotate(eve).then(() => g.state)],
  [
    'a member acts after having been removed',
    'group/forbidden',
    async (g) => {
      g.act(ada.actor, { type: 'remove', payload: { memberId: ben.userId } })
      await g.rotate(ben)
      return g.state
    },
  ],
  [
    'the only owner leaves the others',
    'group/forbidden',
    (g) => g.act(ada.actor, { type: 'leave', payload: {} }).state,
  ],
  [
    'somebody signs in another’s name',
    'log/bad-signature',
    (g) =>
      g.act({ ...ada.actor, seed: eve.seed }, { type: 'role', payload: { memberId: ben.userId, role: 'admin' } }).state,
  ],
  [
    'a ghost is in the box list',
    'group/ghost-box',
    (g) => rotateWith(g, (boxes) => [...boxes, { memberId: eve.userId, hash: newKey() }]),
  ],
  [
    'somebody is listed twice',
    'group/ghost-box',
    (g) => rotateWith(g, (boxes) => [...boxes, boxes[0] as (typeof boxes)[number]]),
  ],
  ['a box is missing', 'group/missing-box', (g) => rotateWith(g, (boxes) => boxes.slice(1))],
  ['an epoch is skipped', 'group/forbidden', (g) => rotateWith(g, (boxes) => boxes, 7)],
  [
    'somebody joins without an invite',
    'invite/invalid',
    (g) => g.join(eve, { groupId: g.groupId, inviteId: newInviteId(), secret: newKey() }).then(() => g.state),
  ],
  [
    'somebody joins with another secret',
    'invite/invalid',
    async (g) => (await g.join(eve, { ...(await g.invite(ada)), secret: newKey() })).state,
  ],
  [
    'an invite is used once too often',
    'invite/used-up',
    async (g) => {
      const ticket = await g.invite(ada, 'member', 1)
      await g.join(eve, ticket)
      return (await g.join(await newPerson('fay'), ticket)).state
    },
  ],
  [
    'an invite is used after it expired',
    'invite/expired',
    async (g) => (await g.join(eve, await g.invite(ada, 'member', 5, 3))).state,
  ],
  [
    'an invite ended by a rotation is used',
    'invite/invalid',
    async (g) => {
      const ticket = await g.invite(ada)
      await rotateWith(g, (boxes) => boxes)
      return (await g.join(eve, ticket)).state
    },
  ],
  [
    'an expired invite is used under an older date',
    'invite/expired',
    async (g) => {
      const ticket = await g.invite(ada, 'member', 5, 2000)
      g.actAt(2000, ada.actor, { type: 'role', payload: { memberId: ben.userId, role: 'admin' } })
      return (await g.join(eve, ticket)).state
    },
  ],
  [
    'somebody comes as a member who left, with another key',
    'identity/changed',
    async (g) => {
      g.act(ben.actor, { type: 'leave', payload: {} })
      return (await g.join(await newPerson('ben', ben.userId), await g.invite(ada))).state
    },
  ],
  [
    'a worker comes under a member’s id',
    'identity/changed',
    async (g) => (await enrol(g, ada, await newWorkerPerson(parseWorkerId(ben.userId)))).state,
  ],
  ['a member comes in twice', 'group/forbidden', async (g) => (await g.join(ben, await g.invite(ada))).state],
  [
    'a person joins by a worker’s invite',
    'invite/invalid',
    async (g) => (await g.join(eve, await g.invite(ada, 'worker'))).state,
  ],
  ['a member enrols a worker', 'group/forbidden', async (g) => (await enrol(g, ben)).state],
  [
    'a worker is enrolled without the key',
    'group/missing-box',
    (g) => g.act(ada.actor, { type: 'enrol-worker', payload: { worker: machine.statement, boxes: [] } }).state,
  ],
  [
    'the group is created again',
    'group/forbidden',
    (g) => g.act(ada.actor, { type: 'create', payload: { identity: ada.identity } }).state,
  ],
]

/** A rotation by Ada whose box list was changed. */
async function rotateWith(
  group: TestGroup,
  change: (boxes: { memberId: typeof ada.userId; hash: Uint8Array<ArrayBuffer> }[]) => unknown[],
  epoch?: number,
) {
  const made = await makeRotation(group.state, newKey(), group.keys.at(-1) ?? null)
  const honest = made.boxes.map(({ memberId, hash }) => ({ memberId: memberId as typeof ada.userId, hash }))
  const boxes = change(honest) as typeof honest
  const { commitment, prevBox } = made
  return group.act(ada.actor, {
    type: 'rotate',
    payload: { epoch: epoch ?? made.epoch, commitment, boxes, prevBox, keptInvites: [] },
  }).state
}

describe('a log is refused when', () => {
  it.each(attacks)('%s (%s)', async (_, code, attack) => {
    const group = await circle()
    expect(await codeOf(() => attack(group))).toBe(code)
  })

  it('two entries are swapped, one is left out or doubled (log/wrong-prev)', async () => {
    const group = await circle()
    // Entries by one actor keep their signatures valid wherever they stand.
    const e = group.entries
    const [a, b, c] = [e[0], e[1], e[2]] as [(typeof e)[0], (typeof e)[0], (typeof e)[0]]
    expect(await codeOf(() => replayGroup(group.groupId, [a, c, b]))).toBe('log/wrong-prev')
    expect(await codeOf(() => replayGroup(group.groupId, [a, c]))).toBe('log/wrong-prev')
    expect(await codeOf(() => replayGroup(group.groupId, [a, b, b]))).toBe('log/wrong-prev')
  })

  it('it is shorter than what was seen (group/rollback) or another one (group/fork)', async () => {
    const group = await circle()
    const { seq, head } = group.state
    const replay = (entries: typeof group.entries, pin = { seq, head }) =>
      codeOf(() => replayGroup(group.groupId, entries, { pin }))
    expect(await replay(group.entries)).toBe('no error')
    expect(await replay(group.entries.slice(0, -1))).toBe('group/rollback')
    expect(await replay([])).toBe('group/rollback')
    const other = new TestGroup()
    Object.assign(other, { groupId: group.groupId, entries: group.entries.slice(0, -1), keys: [...group.keys] })
    await other.rotate(ada)
    expect(await replay(other.entries)).toBe('group/fork')
    expect(await codeOf(() => replayGroup(group.groupId, [], { from: other.state, pin: { seq, head } }))).toBe(
      'group/fork',
    )
  })

  it('it is of another group (log/bad-entry)', async () => {
    const [one, other] = [await circle(), await circle()]
    expect(await codeOf(() => replayGroup(one.groupId, other.entries))).toBe('log/bad-entry')
  })

  it('any single bit of it was changed', async () => {
    const group = await circle()
    fc.assert(
      fc.property(fc.nat(group.entries.length - 1), fc.boolean(), fc.nat(), fc.nat(7), (index, inSig, at, bit) => {
        const entries = group.entries.map(({ bytes, sig }) => ({ bytes: bytes.slice(), sig: sig.slice() }))
        const target = (inSig ? entries[index]?.sig : entries[index]?.bytes) as Uint8Array
        target[at % target.length] = (target[at % target.length] as number) ^ (1 << bit)
        expect(() => replayGroup(group.groupId, entries)).toThrow()
      }),
      { numRuns: 60 },
    )
  })
})

describe('a key is refused when', () => {
  it('its box is not the logged one, or is for somebody else', async () => {
    const group = await circle()
    await group.rotate(ada)
    const box = group.boxes.find(
      ({ memberId, epoch }) => memberId === ben.userId && epoch === 2,
    ) as (typeof group.boxes)[number]
    const other = await sealGroupBox(
      group.groupId,
      2,
      { memberId: ben.userId, agreementKey: ben.box.publicKey },
      newKey(),
    )
    expect(await codeOf(() => openGroupBox(group.state, other, ben.box))).toBe('group/wrong-box')
    expect(await codeOf(() => openGroupBox(group.state, box, cleo.box))).toBe('box/tampered')
    expect(await codeOf(() => openGroupBox(group.state, { ...box, memberId: newUserId() }, ben.box))).toBe(
      'group/wrong-box',
    )
  })

  it('it is not the one committed to (group/wrong-commitment)', async () => {
    const group = await circle()
    expect(await codeOf(() => openHistory(group.state, 1, newKey()))).toBe('group/wrong-commitment')
  })
})
