import { boxKeysFrom } from '../crypto/box.ts'
import { makeRotation, sealGroupBox } from '../crypto/group-box.ts'
import { type GroupActor, signGroupEntries } from '../crypto/group-entry.ts'
import { invitePublicKey, newInviteSecret, signJoin } from '../crypto/invite.ts'
import { newGroupId, newInviteId, newKey, newUserId, newWorkerId } from '../crypto/random.ts'
import { publicKeyOf, signStatement } from '../crypto/signing.ts'
import { AppError } from '../errors.ts'
import type { GroupId, UserId, WorkerId } from '../format/ids.ts'
import type { GroupAction, InviteRole } from '../logs/group-entries.ts'
import { replayGroup } from '../logs/group-replay.ts'
import type { GroupState } from '../logs/group-state.ts'
import { IDENTITY_LABEL, identityStatement, verifyStatement } from '../logs/identity.ts'
import { hashEntry, type SignedEntry, ZERO_HASH } from '../logs/signed.ts'
import { WORKER_LABEL, workerStatement } from '../logs/worker-statement.ts'

/** Honest people for tests: everything that they sign is real. */
export async function newPerson(username: string, userId: UserId = newUserId()) {
  const seed = newKey()
  const box = await boxKeysFrom(newKey())
  const unlock = await boxKeysFrom(newKey())
  const identityKey = publicKeyOf(seed)
  const identity = signStatement(seed, IDENTITY_LABEL, identityStatement, {
    v: 1,
    userId,
    username,
    seq: 0,
    prev: ZERO_HASH,
    identityKey,
    agreementKey: box.publicKey,
    unlockMethods: [
      { method: 'password', publicKey: unlock.publicKey },
      { method: 'recovery', publicKey: unlock.publicKey },
    ],
    createdAt: 1,
  })
  const actor: GroupActor = { id: userId, seed, head: verifyStatement(identity).head }
  return { userId, username, seed, identityKey, box, identity, actor }
}
export type Person = Awaited<ReturnType<typeof newPerson>>

export async function newWorkerPerson(workerId: WorkerId = newWorkerId()) {
  const seed = newKey()
  const identityKey = publicKeyOf(seed)
  const box = await boxKeysFrom(newKey())
  const statement = signStatement(seed, WORKER_LABEL, workerStatement, {
    v: 1,
    workerId,
    identityKey,
    agreementKey: box.publicKey,
    createdAt: 1,
  })
  const actor: GroupActor = { id: workerId, seed, head: hashEntry(statement) }
  return { workerId, seed, box, statement, actor }
}
export type WorkerPerson = Awaited<ReturnType<typeof newWorkerPerson>>

/** A group's log as honest members write it; `state` is what a reader makes of it. */
export class TestGroup {
  readonly groupId: GroupId = newGroupId()
  readonly entries: SignedEntry[] = []
  readonly keys: Uint8Array<ArrayBuffer>[] = []
  readonly boxes: Awaited<ReturnType<typeof makeRotation>>['boxes'][number][] = []

  static async create(owner: Person): Promise<TestGroup> {
    const group = new TestGroup()
    group.act(owner.actor, { type: 'create', payload: { identity: owner.identity } })
    await group.rotate(owner)
    return group
  }

  get state(): GroupState {
    return replayGroup(this.groupId, this.entries)
  }

  act(actor: GroupActor, ...actions: GroupAction[]): this {
    return this.actAt(1000 + this.entries.length, actor, ...actions)
  }

  actAt(nowMs: number, actor: GroupActor, ...actions: GroupAction[]): this {
    const end = this.entries.length === 0 ? null : this.state
    this.entries.push(...signGroupEntries(this.groupId, actor, end, actions, nowMs))
    return this
  }

  async rotate(by: Person): Promise<this> {
    const key = newKey()
    const made = await makeRotation(this.state, key, this.keys.at(-1) ?? null)
    const { epoch, commitment, prevBox } = made
    const boxes = made.boxes.map(({ memberId, hash }) => ({ memberId, hash }))
    const keptInvites = [...this.state.invites.keys()]
    this.act(by.actor, { type: 'rotate', payload: { epoch, commitment, boxes, prevBox, keptInvites } })
    this.keys.push(key)
    this.boxes.push(...made.boxes)
    return this
  }

  async invite(by: Person, role: InviteRole = 'member', maxUses = 5, expiresAt = 1e12) {
    const ticket = { groupId: this.groupId, inviteId: newInviteId(), secret: newInviteSecret() }
    const invitePub = await invitePublicKey(ticket.secret)
    this.act(by.actor, { type: 'invite', payload: { inviteId: ticket.inviteId, invitePub, role, expiresAt, maxUses } })
    return ticket
  }

  async join(person: Person, ticket: Awaited<ReturnType<TestGroup['invite']>>): Promise<this> {
    return this.act(person.actor, {
      type: 'join',
      payload: {
        inviteId: ticket.inviteId,
        inviteSig: await signJoin(ticket, person.userId, publicKeyOf(person.seed)),
        identity: person.identity,
        worker: null,
      },
    })
  }

  async enrol(by: Person, worker: WorkerPerson, mediaKey = newKey()): Promise<this> {
    const { epoch } = this.state
    const recipient = { memberId: worker.workerId, agreementKey: worker.box.publicKey }
    const { hash } = await sealGroupBox(this.groupId, epoch, recipient, mediaKey)
    const payload = { worker: worker.statement, boxes: [{ epoch, hash }] }
    return this.act(by.actor, { type: 'enrol-worker', payload })
  }
}

/** The code of the `AppError` that `run` throws. */
export async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run()
  } catch (error) {
    if (error instanceof AppError) return error.code
    throw error
  }
  return 'no error'
}
