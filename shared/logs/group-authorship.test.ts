import { beforeEach, describe, expect, it } from 'vitest'
import { randomBytes } from '../crypto/random.ts'
import type { Bytes } from '../format/bytes.ts'
import type { UserId } from '../format/ids.ts'
import { codeOf, newPerson, newWorkerPerson, type Person, TestGroup, type WorkerPerson } from '../testing/people.ts'
import { checkAuthorship } from './group-authorship.ts'
import { replayGroup } from './group-replay.ts'

let group: TestGroup
let ada: Person
let ben: Person
let worker: WorkerPerson
/** Heads of the log by seq. */
const headAt = (seq: number): Bytes => replayGroup(group.groupId, group.entries.slice(0, seq + 1)).head
const check = (author: UserId | WorkerPerson['workerId'], groupHead: Bytes, notBefore = -1) =>
  codeOf(async () => checkAuthorship(group.state, { author, groupHead, notBefore }))

beforeEach(async () => {
  ada = await newPerson('ada')
  ben = await newPerson('ben')
  worker = await newWorkerPerson()
  group = await TestGroup.create(ada)
  await group.join(ben, await group.invite(ada))
  await group.enrol(ada, worker)
})

describe('a document', () => {
  it('by somebody who is in, at any head since they came', async () => {
    for (let seq = 3; seq <= group.state.seq; seq++) expect(await check(ben.userId, headAt(seq))).toBe('no error')
    expect(await check(ada.userId, headAt(0), group.state.seq)).toBe('no error')
    expect(await check(worker.workerId, group.state.head)).toBe('no error')
  })

  it('that names a head which this log never had shows a fork', async () => {
    expect(await check(ben.userId, randomBytes(32))).toBe('group/fork')
  })

  it('that was written before its author came is refused', async () => {
    expect(await check(ben.userId, headAt(1))).toBe('card/tampered')
    expect(await check(worker.workerId, headAt(2))).toBe('card/tampered')
  })

  it('by somebody who never was in is refused', async () => {
    expect(await check((await newPerson('eve')).userId, group.state.head)).toBe('card/tampered')
  })
})

describe('somebody who was removed, with the server’s help,', () => {
  let before: Bytes
  let left: number
  beforeEach(async () => {
    before = group.state.head
    group.act(ada.actor, { type: 'remove', payload: { memberId: ben.userId } })
    left = group.state.seq
    await group.rotate(ada)
  })

  it('still has written what they wrote', async () => expect(await check(ben.userId, before)).toBe('no error'))

  it('cannot write at a head from after they left, nor at the one that removed them', async () => {
    expect(await check(ben.userId, headAt(left))).toBe('card/tampered')
    expect(await check(ben.userId, group.state.head)).toBe('card/tampered')
  })

  it('cannot date back what comes up after everybody had seen everything', async () => {
    expect(await check(ben.userId, before, left)).toBe('card/tampered')
    expect(await check(ben.userId, before, left - 1)).toBe('no error')
  })

  it('may write again once they are back, and not for the time between', async () => {
    const between = group.state.head
    await group.join(ben, await group.invite(ada))
    expect(await check(ben.userId, group.state.head, group.state.seq)).toBe('no error')
    expect(await check(ben.userId, before, left)).toBe('no error')
    expect(await check(ben.userId, between)).toBe('card/tampered')
  })

  it('no more does a worker that was removed', async () => {
    group.act(ada.actor, { type: 'remove-worker', payload: { workerId: worker.workerId } })
    expect(await check(worker.workerId, before)).toBe('no error')
    expect(await check(worker.workerId, group.state.head)).toBe('card/tampered')
    expect(await check(worker.workerId, before, group.state.seq)).toBe('card/tampered')
  })
})
