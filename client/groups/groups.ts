import { type GroupActor, signGroupEntries } from '../../shared/crypto/group-entry.ts'
import { hasGroupKeys, removeGroupKeys, writeGroupKeys } from '../../shared/device/group-keys.ts'
import { removeMedia } from '../../shared/device/media-store.ts'
import { AppError, isAppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import { type GroupId, type InviteId, parseGroupId, type UserId, type WorkerId } from '../../shared/format/ids.ts'
import type { GroupAction } from '../../shared/logs/group-entries.ts'
import { replayGroup } from '../../shared/logs/group-replay.ts'
import { checkMayEncrypt } from '../../shared/logs/group-state.ts'
import {
  appendGroupLog,
  type GroupAppend,
  type GroupBox,
  type InviteKeys,
  listGroups,
  readGroupLog,
  readGroupProfile,
  writeGroupProfile,
} from '../../shared/wire/groups.ts'
import type { Api } from '../app/api.ts'
import { isPassing, passAppError } from '../app/passing.ts'
import { Signal } from '../app/signal.ts'
import { encodeItem, type GroupItem, groupItem, groupItemName } from '../vault/items.ts'
import type { Secrets } from '../vault/secrets.ts'
import type { Vault } from '../vault/vault.ts'
import type { Crypto } from '../workers/crypto.ts'
import type { Group } from './group.ts'
import { keysToKeep } from './group-keys.ts'
import { isSameKept, type KeptGroup, readKeptGroup, removeKeptGroup, writeKeptGroup } from './kept.ts'
import { openGroup } from './open-group.ts'
import { sealGroupName } from './profile.ts'
import { isKeyOld, rotationOf } from './rotation.ts'
import { Turns } from './turns.ts'

const CONFLICT_TRIES = 4
const ROTATE_AFTER_MS = 1000

/** What an append needs besides its actions. */
export type Append = { actions: GroupAction[]; boxes?: GroupBox[]; invites?: InviteKeys[] }
type MakeAppend = (group: Group) => Append | null | Promise<Append | null>

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
  readonly #turns = new Turns<GroupId>()
  readonly #rotating = new Set<GroupId>()
  /** What each open group was opened from: the same once more changes nothing. */
  readonly #openedFrom = new Map<GroupId, { readonly kept: KeptGroup; readonly item: Bytes }>()

  constructor(context: GroupsContext) {
    this.context = context
  }

  /** From what the device keeps; groups that it cannot open alone (never fetched, newer pin or key) wait for `refresh`. */
  async openKept(): Promise<void> {
    for (const group of this.#known()) {
      const kept = await readKeptGroup(this.context.secrets.accountKey, group)
      if (kept?.isOut) this.#fail(group, notMember())
      else if (kept) await this.#take(group, kept, this.#item(group)).catch(passAppError)
    }
  }

  /** Asks the server for each group's log. One bad group does not hide the others. */
  async refresh(): Promise<void> {
    const { groups } = await this.context.api.call(listGroups)
    const listed = new Set(groups.map(({ groupId }) => groupId))
    for (const group of this.#known()) {
      if (!listed.has(group)) {
        await this.#turns.run(group, () => this.#close(group))
        continue
      }
      await this.refreshOne(group)
    }
  }

  /** @returns whether it went well; the failure is in `failures`. */
  async refreshOne(group: GroupId): Promise<boolean> {
    try {
      await this.show(group)
      return true
    } catch (error) {
      if (!isAppError(error)) throw error
      if (error.code === 'group/not-member') await this.#turns.run(group, () => this.#close(group))
      else this.#fail(group, error)
      return false
    }
  }

  get(group: GroupId): Group {
    const found = this.all.value.get(group)
    if (!found) throw new AppError('group/not-found', 'no such group on this device')
    return found
  }

  /** Whether the vault has the group, open here or not. */
  isKnown(groupId: GroupId): boolean {
    return this.context.vault.names().includes(groupItemName(groupId))
  }

  /** Whether every group that the vault has is open here, or is known not to open: what is meant for all of them can be said. */
  get isWhole(): boolean {
    return this.#known().every((group) => this.all.value.has(group) || this.failures.value.has(group))
  }

  /** Whether this account is in the group, as far as it knows. */
  isMember(groupId: GroupId): boolean {
    const isIn = this.all.value.get(groupId)?.state.members.has(this.context.secrets.userId) ?? false
    return isIn && this.failures.value.get(groupId)?.code !== 'group/not-member'
  }

  /** Keys to encrypt with now. @throws {AppError} `group/needs-rotation`, the group's failure. */
  encryptTo(groupId: GroupId): { group: Group; epoch: number; media: Bytes; meta: Bytes } {
    const failure = this.failures.value.get(groupId)
    if (failure && !isPassing(failure)) throw failure
    const group = this.get(groupId)
    checkMayEncrypt(group.state)
    const { epoch } = group.state
    const keys = group.keys.get(epoch)
    if (!keys) throw new AppError('key/unavailable', `no key of epoch ${epoch}`)
    return { group, epoch, ...keys }
  }

  /**
   * Signs and appends; after a lost race it fetches, and makes the actions anew from what the log says then.
   * @param make `null`: nothing is to be done any more.
   */
  append(groupId: GroupId, make: MakeAppend): Promise<void> {
    return this.#turns.run(groupId, () => this.#append(groupId, make))
  }

  remove(groupId: GroupId, memberId: UserId): Promise<void> {
    return this.#turns.run(groupId, async () => {
      await this.#append(groupId, ({ state }) =>
        state.members.has(memberId) ? { actions: [{ type: 'remove', payload: { memberId } }] } : null,
      )
      await this.#rotateIfNeeded(groupId)
    })
  }

  removeWorker(groupId: GroupId, workerId: WorkerId): Promise<void> {
    return this.#turns.run(groupId, async () => {
      await this.#append(groupId, ({ state }) =>
        state.workers.has(workerId) ? { actions: [{ type: 'remove-worker', payload: { workerId } }] } : null,
      )
      await this.#rotateIfNeeded(groupId)
    })
  }

  /** The key changes, and the invite does not open the new one. */
  endInvite(groupId: GroupId, inviteId: InviteId): Promise<void> {
    return this.append(groupId, (group) =>
      group.state.invites.has(inviteId) ? rotationOf(this.context, group, this.#item(groupId), inviteId) : null,
    )
  }

  async rename(groupId: GroupId, name: string): Promise<void> {
    const { group, meta } = this.encryptTo(groupId)
    const { profile } = await this.context.api.call(readGroupProfile, { params: { groupId } })
    const body = await sealGroupName(group.state, this.context.actor(), meta, (profile?.revision ?? 0) + 1, name)
    await this.context.api.call(writeGroupProfile, { params: { groupId }, body })
    await this.show(groupId)
  }

  /** Fetches a group that was just joined. @throws {AppError} why it cannot be shown. */
  show(groupId: GroupId): Promise<void> {
    return this.#turns.run(groupId, () => this.#refresh(groupId))
  }

  /** Forgets a group that this account is not in any more. */
  forget(groupId: GroupId): Promise<void> {
    return this.#turns.run(groupId, async () => {
      await this.context.vault.update(() => new Map([[groupItemName(groupId), null]]))
      await removeKeptGroup(groupId)
      await this.#takeOff(groupId)
      const failures = new Map(this.failures.value)
      if (failures.delete(groupId)) this.failures.value = failures
    })
  }

  /**
   * The server says that this account is out: what the group showed may be seen here no more. That is its word alone, as
   * it shows the log to members only. So nothing goes that an honest answer would not bring back, and the vault keeps
   * keys and pin (docs/decisions/out-of-a-group.md).
   */
  async #close(groupId: GroupId): Promise<void> {
    if (!this.isKnown(groupId)) return
    const { accountKey } = this.context.secrets
    const kept = await readKeptGroup(accountKey, groupId)
    if (kept && !kept.isOut) await writeKeptGroup(accountKey, groupId, { ...kept, isOut: true })
    await this.#takeOff(groupId)
    this.#fail(groupId, notMember())
  }

  /** Keys at hand and items go first: whoever watches `all` finds nothing of the group any more. */
  async #takeOff(groupId: GroupId): Promise<void> {
    await removeGroupKeys(groupId)
    await removeMedia(groupId)
    const all = new Map(this.all.value)
    if (all.delete(groupId)) this.all.value = all
  }

  async #refresh(groupId: GroupId, tries = CONFLICT_TRIES): Promise<void> {
    const { api, secrets } = this.context
    // What this page or another tab learns while an answer is under way cannot be in it: it is held against what was known before.
    const item = this.#item(groupId)
    const floor = revisionOf(await readKeptGroup(secrets.accountKey, groupId))
    // In this order: the log then holds every head that the name's author can have known.
    const { profile } = await api.call(readGroupProfile, { params: { groupId } })
    const { entries } = await api.call(readGroupLog, { params: { groupId }, query: { from: 0 } })
    const served = { entries, profile }
    if (revisionOf(served) < floor) throw new AppError('card/rollback', 'the server shows an older name of the group')
    const known = await readKeptGroup(secrets.accountKey, groupId)
    // Also as the device has it: another tab may have closed the group meanwhile.
    const isOnDevice = known !== null && !known.isOut && isSameKept(known, served) && (await hasGroupKeys(groupId))
    if (!isOnDevice || !this.#isOpenAs(groupId, served)) {
      const isOutrun = revisionOf(known) > revisionOf(served)
      if (isOutrun || !(await this.#take(groupId, served, item))) {
        if (tries === 1) throw new AppError('group/rollback', 'another device of this account has seen another log')
        return this.#refresh(groupId, tries - 1)
      }
      // Another tab may have taken a newer name, or closed the group, while this one replayed.
      const newest = await readKeptGroup(secrets.accountKey, groupId)
      const isOvertaken = revisionOf(newest) > revisionOf(served) || (newest?.isOut === true && known?.isOut !== true)
      if (isOvertaken && tries > 1) return this.#refresh(groupId, tries - 1)
      if (!isOvertaken) await writeKeptGroup(secrets.accountKey, groupId, served)
    }
    this.#rotateSoon(groupId)
  }

  #isOpenAs(groupId: GroupId, served: KeptGroup): boolean {
    const from = this.#openedFrom.get(groupId)
    if (!from || !this.all.value.has(groupId) || this.failures.value.has(groupId)) return false
    return isSameKept(from.kept, served) && equalBytes(from.item, encodeItem(groupItem, this.#item(groupId)))
  }

  async #append(groupId: GroupId, make: MakeAppend): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const group = this.get(groupId)
      const made = await make(group)
      if (!made) return
      const { actions, boxes = [], invites = [] } = made
      const entries = signGroupEntries(groupId, this.context.actor(), group.state, actions, Date.now())
      // What we would refuse from others we do not send.
      replayGroup(groupId, entries, { from: group.state })
      const body: GroupAppend = { ifHead: group.state.head, entries, boxes, invites }
      try {
        await this.context.api.call(appendGroupLog, { params: { groupId }, body })
        return await this.#refresh(groupId)
      } catch (error) {
        if (!isAppError(error, 'log/conflict') || attempt === CONFLICT_TRIES) throw error
        await this.#refresh(groupId)
      }
    }
  }

  #rotateIfNeeded(groupId: GroupId): Promise<void> {
    return this.#append(groupId, (group) => {
      const canRotate = this.#isRotationDue(group) && group.groupKeys.has(group.state.epoch)
      return canRotate ? rotationOf(this.context, group, this.#item(groupId)) : null
    })
  }

  /**
   * Whoever is online changes the key after somebody left; the others then find it done. Not all at once, and first
   * whoever removed them.
   */
  #rotateSoon(groupId: GroupId): void {
    if (!this.#isRotationDue(this.get(groupId)) || this.#rotating.has(groupId)) return
    this.#rotating.add(groupId)
    const waitMs = ROTATE_AFTER_MS * (1 + Math.random())
    setTimeout(() => {
      this.#rotating.delete(groupId)
      this.#turns
        .run(groupId, () => this.#rotateIfNeeded(groupId))
        .catch((error: unknown) => {
          passAppError(error)
          if (!isPassing(error)) this.#fail(groupId, error as AppError)
        })
    }, waitMs)
  }

  /** A scheduled rotation is for those who manage the circle: anybody else would end their invites. */
  #isRotationDue({ kind, state }: Group): boolean {
    const role = state.members.get(this.context.secrets.userId)?.role
    const manages = kind === 'circle' && (role === 'owner' || role === 'admin')
    return state.needsRotation || (manages && isKeyOld(state, Date.now()))
  }

  /**
   * @param item as the vault had it before `kept` was asked for.
   * @returns `false`: the vault has meanwhile learned of another end of the log, which the next answer has to be held against.
   */
  async #take(groupId: GroupId, kept: KeptGroup, item: GroupItem): Promise<boolean> {
    const group = await openGroup(this.context, groupId, item, kept)
    await this.#keep(group, item)
    const now = this.#item(groupId)
    if (now.pin.seq !== group.state.seq || !equalBytes(now.pin.head, group.state.head)) return false
    await writeGroupKeys(groupId, group.keys)
    this.#openedFrom.set(groupId, { kept, item: encodeItem(groupItem, now) })
    this.all.value = new Map(this.all.value).set(groupId, group)
    const failures = new Map(this.failures.value)
    if (failures.delete(groupId)) this.failures.value = failures
    return true
  }

  /** Pin and keys go into the vault when the log has grown. */
  async #keep({ groupId, state, groupKeys }: Group, item: GroupItem): Promise<void> {
    const isKnown = item.pin.seq === state.seq && item.keys.length === keysToKeep(state, item, groupKeys).length
    if (isKnown) return
    const name = groupItemName(groupId)
    await this.context.vault.update((vault) => {
      const known = vault.read(groupItem, name)
      const now = known ?? item
      // Another device may have seen more, or another log: a pin never goes back, nor aside.
      const isElsewhere = now.pin.seq === state.seq && !equalBytes(now.pin.head, state.head)
      if (now.pin.seq > state.seq || isElsewhere) return new Map()
      const pin = { seq: state.seq, head: state.head }
      const invites = now.invites.filter(({ inviteId }) => state.invites.has(inviteId))
      const next = encodeItem(groupItem, { ...now, pin, invites, keys: keysToKeep(state, now, groupKeys) })
      const isWritten = known !== null && equalBytes(encodeItem(groupItem, known), next)
      return isWritten ? new Map() : new Map([[name, next]])
    })
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
    // Forgotten while it was asked for.
    if (!this.isKnown(groupId)) return
    this.failures.value = new Map(this.failures.value).set(groupId, error)
  }
}

function notMember(): AppError {
  return new AppError('group/not-member', 'the server says that you are not in this group any more')
}

/** Of its name; 0: it has none, or nothing is kept of it. */
function revisionOf(kept: KeptGroup | null): number {
  return kept?.profile?.revision ?? 0
}
