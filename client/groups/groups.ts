import * as z from 'zod/mini'
import { type GroupActor, signGroupEntries } from '../../shared/crypto/group-entry.ts'
import { epochKeys, openHistory } from '../../shared/crypto/group-key.ts'
import { writeGroupKeys } from '../../shared/device/group-keys.ts'
import { readSealed, writeSealed } from '../../shared/device/sealed-store.ts'
import { AppError, isAppError } from '../../shared/errors.ts'
import { type Bytes, fromUtf8, utf8 } from '../../shared/format/bytes.ts'
import { type GroupId, type MemberId, parseGroupId, type UserId, type WorkerId } from '../../shared/format/ids.ts'
import type { GroupAction } from '../../shared/logs/group-entries.ts'
import { replayGroup } from '../../shared/logs/group-replay.ts'
import { checkMayEncrypt, type GroupState, isOpen } from '../../shared/logs/group-state.ts'
import { replayIdentity } from '../../shared/logs/identity.ts'
import type { SignedEntry } from '../../shared/logs/signed.ts'
import { readIdentity } from '../../shared/wire/accounts.ts'
import {
  appendGroupLog,
  type GroupAppend,
  type GroupBox,
  type InviteKeys,
  listGroups,
  readGroupBoxes,
  readGroupLog,
  readGroupProfile,
  writeGroupProfile,
} from '../../shared/wire/groups.ts'
import { signedEntry } from '../../shared/wire/primitives.ts'
import type { Api } from '../app/api.ts'
import { Signal } from '../app/signal.ts'
import { encodeItem, type GroupItem, groupItem, groupItemName } from '../vault/items.ts'
import type { Secrets } from '../vault/secrets.ts'
import type { Vault } from '../vault/vault.ts'
import type { Crypto } from '../workers/crypto.ts'
import type { Group } from './group.ts'
import { prepareRotation } from './group-keys.ts'
import { openGroupName, sealGroupName } from './profile.ts'

const CONFLICT_TRIES = 4
const keptLog = z.array(signedEntry)

/** What an append needs besides its actions. */
export type Append = { actions: GroupAction[]; boxes?: GroupBox[]; invites?: InviteKeys[] }

/** What the groups service works with while unlocked. */
export type GroupsContext = {
  readonly api: Api
  readonly crypto: Crypto
  readonly vault: Vault
  readonly secrets: Secrets
  readonly actor: () => GroupActor
}

/** The groups of the person who is unlocked: logs replayed against their pins, keys opened and kept on the device. */
export class Groups {
  readonly all = new Signal<ReadonlyMap<GroupId, Group>>(new Map())
  /** The last failure of each group, by code: shown where the group is shown. */
  readonly failures = new Signal<ReadonlyMap<GroupId, AppError>>(new Map())
  readonly context: GroupsContext

  constructor(context: GroupsContext) {
    this.context = context
  }

  /** From what the device keeps; groups that were never fetched here are left out. */
  async openKept(): Promise<void> {
    for (const group of this.#known()) {
      const plain = await readSealed(`log/${group}`).catch(() => null)
      if (plain) await this.#take(group, z.decode(keptLog, JSON.parse(fromUtf8(plain))), null)
    }
  }

  /** Asks the server for each group's log. One bad group does not hide the others. */
  async refresh(): Promise<void> {
    const { groups } = await this.context.api.call(listGroups)
    const listed = new Set(groups.map(({ groupId }) => groupId))
    for (const group of this.#known()) {
      if (!listed.has(group)) {
        this.#fail(group, new AppError('group/not-member', 'the server says that you are not in this group any more'))
        continue
      }
      await this.refreshOne(group)
    }
  }

  /** @returns whether it went well; the failure is in `failures`. */
  async refreshOne(group: GroupId): Promise<boolean> {
    try {
      await this.#refresh(group)
      return true
    } catch (error) {
      if (!isAppError(error)) throw error
      this.#fail(group, error)
      return false
    }
  }

  get(group: GroupId): Group {
    const found = this.all.value.get(group)
    if (!found) throw new AppError('group/not-found', 'no such group on this device')
    return found
  }

  /** Keys to encrypt with now. @throws {AppError} `group/needs-rotation`, the group's failure. */
  encryptTo(groupId: GroupId): { group: Group; epoch: number; media: Bytes; meta: Bytes } {
    const failure = this.failures.value.get(groupId)
    if (failure && failure.code !== 'server/unreachable') throw failure
    const group = this.get(groupId)
    checkMayEncrypt(group.state)
    const { epoch } = group.state
    const keys = group.keys.get(epoch)
    if (!keys) throw new AppError('key/unavailable', `no key of epoch ${epoch}`)
    return { group, epoch, ...keys }
  }

  /** Signs and appends; after a lost race it fetches, and makes the actions anew from what the log says then. */
  async append(groupId: GroupId, make: (group: Group) => Append | Promise<Append>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const group = this.get(groupId)
      const { actions, boxes = [], invites = [] } = await make(group)
      const entries = signGroupEntries(groupId, this.context.actor(), group.state, actions, Date.now())
      // What we would refuse from others we do not send.
      replayGroup(groupId, entries, { from: group.state })
      const body: GroupAppend = { ifHead: group.state.head, entries, boxes, invites }
      try {
        await this.context.api.call(appendGroupLog, { params: { groupId }, body })
        break
      } catch (error) {
        if (!isAppError(error, 'log/conflict') || attempt === CONFLICT_TRIES) throw error
        await this.#refresh(groupId)
      }
    }
    await this.#refresh(groupId)
  }

  /** A new epoch for exactly those who are in the group now; open invites made here are sealed anew. */
  async rotate(groupId: GroupId): Promise<void> {
    const { crypto, vault } = this.context
    const agreementKeys = await this.#agreementKeys(this.get(groupId))
    await this.append(groupId, async (group) => {
      const item = this.#item(groupId)
      const open = item.invites.filter(({ inviteId }) => {
        const invite = group.state.invites.get(inviteId)
        return invite !== undefined && isOpen(invite, Date.now())
      })
      const previous = group.groupKeys.get(group.state.epoch) ?? null
      const kept = open.map(({ inviteId }) => inviteId)
      const rotation = await prepareRotation(crypto, group.state, previous, kept, agreementKeys)
      const { sealPayloadWith } = await import('../../shared/crypto/invite.ts')
      const next = await epochKeys(rotation.key, groupId, rotation.epoch)
      const media = [...group.keys].map(([epoch, keys]) => ({ epoch, key: keys.media }))
      const invites = await Promise.all(
        open.map(async ({ inviteId, payloadKey, role, code }): Promise<InviteKeys> => {
          const payload =
            role === 'worker'
              ? { for: 'worker' as const, media: [...media, { epoch: rotation.epoch, key: next.media }] }
              : { for: 'member' as const, epoch: rotation.epoch, groupKey: rotation.key }
          return { inviteId, sealed: await sealPayloadWith(payloadKey, { groupId, inviteId }, payload), code }
        }),
      )
      // Kept before it is announced: a key that others use must not be lost when this program ends here.
      await vault.update((now) => {
        const current = now.read(groupItem, groupItemName(groupId)) ?? item
        const others = current.keys.filter(({ epoch }) => epoch !== rotation.epoch)
        const keys = [...others, { epoch: rotation.epoch, key: rotation.key }]
        return new Map([[groupItemName(groupId), encodeItem(groupItem, { ...current, keys })]])
      })
      return { actions: [rotation.action], boxes: rotation.boxes, invites }
    })
  }

  async remove(groupId: GroupId, memberId: UserId): Promise<void> {
    await this.append(groupId, () => ({ actions: [{ type: 'remove', payload: { memberId } }] }))
    await this.rotate(groupId)
  }

  async removeWorker(groupId: GroupId, workerId: WorkerId): Promise<void> {
    await this.append(groupId, () => ({ actions: [{ type: 'remove-worker', payload: { workerId } }] }))
    await this.rotate(groupId)
  }

  async rename(groupId: GroupId, name: string): Promise<void> {
    const { group, meta } = this.encryptTo(groupId)
    const { profile } = await this.context.api.call(readGroupProfile, { params: { groupId } })
    const body = await sealGroupName(group.state, this.context.actor(), meta, (profile?.revision ?? 0) + 1, name)
    await this.context.api.call(writeGroupProfile, { params: { groupId }, body })
    await this.#refresh(groupId)
  }

  /** Adds a group to the vault: after making one, or joining. */
  async add(groupId: GroupId, item: GroupItem): Promise<void> {
    await this.context.vault.update(() => new Map([[groupItemName(groupId), encodeItem(groupItem, item)]]))
    await this.#refresh(groupId)
  }

  async #refresh(groupId: GroupId): Promise<void> {
    const { api } = this.context
    const { entries } = await api.call(readGroupLog, { params: { groupId }, query: { from: 0 } })
    const { profile } = await api.call(readGroupProfile, { params: { groupId } })
    await this.#take(groupId, entries, profile)
    await writeSealed(`log/${groupId}`, utf8(JSON.stringify(z.encode(keptLog, entries))))
    const group = this.get(groupId)
    // Whoever is online first changes the key after somebody left; others then find it done.
    if (group.state.needsRotation && group.groupKeys.has(group.state.epoch)) await this.rotate(groupId)
  }

  async #take(
    groupId: GroupId,
    entries: readonly SignedEntry[],
    profile: Parameters<typeof openGroupName>[2] | null,
  ): Promise<void> {
    const item = this.#item(groupId)
    const state = replayGroup(groupId, entries, { pin: item.pin })
    const groupKeys = await this.#groupKeys(state, item)
    const keys = new Map(
      await Promise.all(
        [...groupKeys].map(async ([epoch, key]) => [epoch, await epochKeys(key, groupId, epoch)] as const),
      ),
    )
    await this.#keep(groupId, state, groupKeys)
    await writeGroupKeys(groupId, keys)
    const newestFirst = [...keys].sort(([a], [b]) => b - a).map(([, { meta }]) => meta)
    const before = this.all.value.get(groupId)?.name ?? (await this.#keptName(groupId))
    const name = profile ? await openGroupName(state, newestFirst, profile) : before
    if (name !== null && name !== before) await writeSealed(`name/${groupId}`, utf8(name))
    this.all.value = new Map(this.all.value).set(groupId, { groupId, kind: item.kind, state, groupKeys, keys, name })
    const failures = new Map(this.failures.value)
    if (failures.delete(groupId)) this.failures.value = failures
  }

  /** Every epoch's key: from the vault where it is known, else from this account's box; all checked against the log. */
  async #groupKeys(state: GroupState, item: GroupItem): Promise<ReadonlyMap<number, Bytes>> {
    const { api, crypto, secrets } = this.context
    const known = new Map(item.keys.map(({ epoch, key }) => [epoch, key]))
    let newest = known.get(state.epoch)
    if (!newest) {
      const { boxes } = await api.call(readGroupBoxes, { params: { groupId: state.groupId } })
      const box = boxes.find(({ epoch, memberId }) => epoch === state.epoch && memberId === secrets.userId)
      if (!box) throw new AppError('group/missing-box', 'the server shows no key of the newest epoch')
      newest = await crypto.openGroupBox(state, box, secrets.agreement)
    }
    return openHistory(state, state.epoch, newest)
  }

  async #keep(groupId: GroupId, state: GroupState, groupKeys: ReadonlyMap<number, Bytes>): Promise<void> {
    const item = this.#item(groupId)
    const isKnown = item.pin.seq === state.seq && item.keys.length >= groupKeys.size
    if (isKnown) return
    await this.context.vault.update((vault) => {
      const now = vault.read(groupItem, groupItemName(groupId)) ?? item
      // Another device may have seen more: a pin never goes back.
      const pin = now.pin.seq > state.seq ? now.pin : { seq: state.seq, head: state.head }
      const keys = new Map([...now.keys.map(({ epoch, key }) => [epoch, key] as const), ...groupKeys])
      const invites = now.invites.filter(({ inviteId }) => state.invites.has(inviteId) || pin.seq > state.seq)
      const next: GroupItem = { ...now, pin, invites, keys: [...keys].map(([epoch, key]) => ({ epoch, key })) }
      return new Map([[groupItemName(groupId), encodeItem(groupItem, next)]])
    })
  }

  async #keptName(groupId: GroupId): Promise<string | null> {
    const plain = await readSealed(`name/${groupId}`).catch(() => null)
    return plain && fromUtf8(plain)
  }

  /** Newest agreement keys of the members, each from their own identity log. */
  async #agreementKeys(group: Group): Promise<ReadonlyMap<MemberId, Bytes>> {
    const found = new Map<MemberId, Bytes>()
    for (const member of group.state.members.values()) {
      const { entries } = await this.context.api.call(readIdentity, { params: { userId: member.userId } })
      const identity = replayIdentity(entries, undefined, member.userId)
      const isSame = identity.identityKey.every((byte, i) => byte === member.identityKey[i])
      if (!isSame) throw new AppError('identity/changed', 'a member’s identity is another one')
      found.set(member.userId, identity.agreementKey)
    }
    return found
  }

  #item(groupId: GroupId): GroupItem {
    const item = this.context.vault.read(groupItem, groupItemName(groupId))
    if (!item) throw new AppError('group/not-found', 'the vault has no such group')
    return item
  }

  #known(): GroupId[] {
    return this.context.vault
      .names()
      .filter((name) => name.startsWith('groups/'))
      .map((name) => parseGroupId(name.slice('groups/'.length)))
  }

  #fail(groupId: GroupId, error: AppError): void {
    this.failures.value = new Map(this.failures.value).set(groupId, error)
  }
}
