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
import { equalBytes } from '../../shared/format/bytes.ts'
import { replayGroup } from '../../shared/logs/group-replay.ts'
import { type GroupState, isOpen } from '../../shared/logs/group-state.ts'
import type { SignedEntry } from '../../shared/logs/signed.ts'
import { appendGroupLog, openInvite } from '../../shared/wire/groups.ts'
import type { Api } from '../app/api.ts'
import { encodeItem, type GroupItem, groupItem, groupItemName } from '../vault/items.ts'
import type { Groups } from './groups.ts'
import { openGroupName } from './profile.ts'

const CONFLICT_TRIES = 4

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

/**
 * Joins as the person that is unlocked: first the group's key into the vault, then one entry into the log. In the
 * other order a program that ends in between would leave a member without a key.
 */
export async function join(groups: Groups, invite: OpenedInvite, identity: SignedEntry): Promise<void> {
  const { groupId } = invite.ticket
  const { vault } = groups.context
  if (groups.isMember(groupId)) return
  for (let attempt = 1, opened = invite; ; attempt++) {
    const { state, payload } = opened
    const item: GroupItem = {
      kind: 'circle',
      keys: [{ epoch: payload.epoch, key: payload.groupKey }],
      pin: { seq: state.seq, head: state.head },
      invites: [],
    }
    await vault.update(() => new Map([[groupItemName(groupId), encodeItem(groupItem, item)]]))
    try {
      await append(groups, opened, identity)
      return await groups.show(groupId)
    } catch (error) {
      // Somebody else changed the group at the same moment: the invite is read again, for its key may be another.
      if (isAppError(error, 'log/conflict') && attempt < CONFLICT_TRIES) {
        opened = await readInvite(groups.context.api, invite.ticket)
        continue
      }
      if (isRefusal(error)) await vault.update(() => new Map([[groupItemName(groupId), null]]))
      throw error
    }
  }
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

/** The server said no; without an answer the entry may have been taken, and the key has to stay. */
function isRefusal(error: unknown): boolean {
  return isAppError(error) && !error.code.startsWith('server/')
}
