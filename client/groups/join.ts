import { signGroupEntries } from '../../shared/crypto/group-entry.ts'
import { epochKeys, openHistory } from '../../shared/crypto/group-key.ts'
import {
  type InvitePayload,
  type InviteTicket,
  invitePublicKey,
  openInvitePayload,
  proveInvite,
  signJoin,
} from '../../shared/crypto/invite.ts'
import { AppError, isAppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import type { GroupId } from '../../shared/format/ids.ts'
import { replayGroup } from '../../shared/logs/group-replay.ts'
import { type GroupState, isOpen } from '../../shared/logs/group-state.ts'
import type { SignedEntry } from '../../shared/logs/signed.ts'
import { appendGroupLog, openInvite } from '../../shared/wire/groups.ts'
import type { Api } from '../app/api.ts'
import { isUnanswered, passAppError } from '../app/passing.ts'
import { encodeItem, type GroupItem, groupItem, groupItemName } from '../vault/items.ts'
import type { Vault } from '../vault/vault.ts'
import type { Groups } from './groups.ts'
import { openGroupName } from './profile.ts'

const CONFLICT_TRIES = 8
const PAUSE_MS = 250

/** What an invite shows to the one who holds it, before joining. */
export type OpenedInvite = {
  readonly ticket: InviteTicket
  readonly state: GroupState
  readonly payload: Extract<InvitePayload, { for: 'member' }>
  readonly name: string | null
}

/** @throws {AppError} `invite/invalid`, `invite/expired`, `invite/used-up`, and what a false log is refused with. */
export async function readInvite(api: Api, ticket: InviteTicket): Promise<OpenedInvite> {
  const { sealed, entries, profile } = await api.call(openInvite, { body: await proveInvite(ticket) })
  const payload = await openInvitePayload(ticket, sealed)
  if (payload.for !== 'member') throw new AppError('invite/invalid', 'this invite is for a worker')
  const state = replayGroup(ticket.groupId, entries, { pin: payload.pin })
  const invite = state.invites.get(ticket.inviteId)
  if (!invite || !equalBytes(invite.invitePub, await invitePublicKey(ticket.secret))) {
    throw new AppError('invite/invalid', 'the group’s log does not know this invite')
  }
  if (!isOpen(invite, Date.now())) {
    throw new AppError(invite.uses >= invite.maxUses ? 'invite/used-up' : 'invite/expired', 'the invite is over')
  }
  const history = await openHistory(state, payload.epoch, payload.groupKey)
  const metaKeys = await Promise.all(
    [...history].map(async ([epoch, key]) => (await epochKeys(key, ticket.groupId, epoch)).meta),
  )
  return { ticket, state, payload, name: profile && (await openGroupName(state, metaKeys, profile)) }
}

/** `unknown`: neither the vault nor the server says it now. */
export type Standing = 'in' | 'out' | 'unknown'

/**
 * Whether the person is in already, as vault and server know it now: by another tab or device, or by a try whose answer
 * was lost. Whoever is in has the group open here afterwards.
 */
export async function standingIn(groups: Groups, groupId: GroupId): Promise<Standing> {
  if (groups.isMember(groupId)) return 'in'
  try {
    await groups.context.vault.openServed()
    if (!groups.isKnown(groupId)) return 'unknown'
    await groups.show(groupId)
    return groups.isMember(groupId) ? 'in' : 'out'
  } catch (error) {
    passAppError(error)
    return isAppError(error, 'group/not-member') ? 'out' : 'unknown'
  }
}

/**
 * Joins as the person that is unlocked: first the group's key into the vault, then one entry into the log. In the
 * other order a program that ends in between would leave a member without a key. Whoever is in already joins nothing.
 * @param pause before the invite is read again; `attempt` counts from 1.
 * @throws {AppError} as `readInvite` and `Groups.show`; `log/conflict`, and what the server refuses the entry with
 */
export async function join(
  groups: Groups,
  invite: OpenedInvite,
  identity: SignedEntry,
  pause: (attempt: number) => Promise<void> = randomPause,
): Promise<void> {
  const { api, vault, secrets } = groups.context
  const { groupId } = invite.ticket
  if (groups.isMember(groupId)) return
  let ours: Bytes | null = null
  try {
    for (let attempt = 1, opened = invite; ; attempt++) {
      try {
        ours = await keepKey(vault, opened, ours)
        if (!opened.state.members.has(secrets.userId)) await append(groups, opened, identity)
        break
      } catch (error) {
        if (!isOutrun(error) || attempt === CONFLICT_TRIES) throw error
      }
      await pause(attempt)
      opened = await readInvite(api, invite.ticket)
    }
    await groups.show(groupId)
  } catch (error) {
    const standing = await standingIn(groups, groupId)
    if (standing === 'in') return
    // Without an answer the entry may have been taken, and the key has to stay.
    if (standing === 'out' && ours && !isUnanswered(error)) await giveBack(vault, groupId, ours)
    throw error
  }
}

/**
 * The invite's key, beside what the vault has of the group: older keys, invites made here, a pin that the log has to hold.
 * @param ours the item as an earlier try has put it. @returns the item, where nobody else has put anything; else `null`.
 * @throws {AppError} `group/rollback`, `group/fork`
 */
async function keepKey(
  vault: Vault,
  { ticket: { groupId }, state, payload }: OpenedInvite,
  ours: Bytes | null,
): Promise<Bytes | null> {
  const name = groupItemName(groupId)
  const pin = { seq: state.seq, head: state.head }
  const key = { epoch: payload.epoch, key: payload.groupKey }
  let put: Bytes | null = null
  await vault.update((now) => {
    const known = now.read(groupItem, name)
    if (known) replayGroup(groupId, [], { from: state, pin: known.pin })
    const { kind, keys, invites }: Omit<GroupItem, 'pin'> = known ?? { kind: 'circle', keys: [], invites: [] }
    const isThere = keys.some(({ epoch, key: kept }) => epoch === key.epoch && equalBytes(kept, key.key))
    const next = encodeItem(groupItem, { kind, keys: isThere ? keys : [...keys, key], pin, invites })
    const before = known && encodeItem(groupItem, known)
    put = !before || (ours && equalBytes(before, ours)) ? next : null
    return before && equalBytes(before, next) ? new Map() : new Map([[name, next]])
  })
  return put
}

/** Only as it was put here: another device may have gone on with it. */
async function giveBack(vault: Vault, groupId: GroupId, ours: Bytes): Promise<void> {
  const name = groupItemName(groupId)
  await vault.update((now) => {
    const item = now.read(groupItem, name)
    return item && equalBytes(encodeItem(groupItem, item), ours) ? new Map([[name, null]]) : new Map()
  })
}

async function append(groups: Groups, { ticket, state }: OpenedInvite, identity: SignedEntry): Promise<void> {
  const { api, secrets, actor } = groups.context
  const { groupId, inviteId } = ticket
  const inviteSig = await signJoin(ticket, secrets.userId, secrets.identityKey)
  const action = { type: 'join' as const, payload: { inviteId, inviteSig, identity, worker: null } }
  const entries = signGroupEntries(groupId, actor(), state, [action], Date.now())
  replayGroup(groupId, entries, { from: state })
  await api.call(appendGroupLog, {
    params: { groupId },
    body: { ifHead: state.head, entries, boxes: [], invites: [] },
  })
}

/** Somebody else, or another device, was faster: the invite is read again, for its key may be another. */
function isOutrun(error: unknown): boolean {
  return isAppError(error, 'log/conflict') || isAppError(error, 'group/rollback')
}

/** Of those who open one link at the same moment one alone is the next in the log: at random, so that they do not meet again. */
function randomPause(attempt: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.random() * PAUSE_MS * attempt))
}
