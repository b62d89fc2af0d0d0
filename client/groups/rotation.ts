import { epochKeys } from '../../shared/crypto/group-key.ts'
import { sealPayloadWith } from '../../shared/crypto/invite.ts'
import { AppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import type { InviteId, MemberId } from '../../shared/format/ids.ts'
import { type GroupState, isOpen } from '../../shared/logs/group-state.ts'
import { replayIdentity } from '../../shared/logs/identity.ts'
import { readIdentity } from '../../shared/wire/accounts.ts'
import type { InviteKeys } from '../../shared/wire/groups.ts'
import { encodeItem, type GroupItem, groupItem, groupItemName } from '../vault/items.ts'
import type { Group } from './group.ts'
import { prepareRotation } from './group-keys.ts'
import type { Append, GroupsContext } from './groups.ts'

/** docs/protocol.md §6: a scheduled rotation. */
const KEY_LIFE_MS = 30 * 86_400_000

/** Whether the key is so old that whoever manages the group changes it. */
export function isKeyOld(state: GroupState, nowMs: number): boolean {
  return nowMs - (state.rotations.get(state.epoch)?.ts ?? 0) > KEY_LIFE_MS
}

/**
 * A new epoch for exactly those who are in the group now. Open invites made here are sealed anew, all others end.
 * @param ending an invite that ends with it.
 */
export async function rotationOf(
  context: GroupsContext,
  group: Group,
  item: GroupItem,
  ending: InviteId | null = null,
): Promise<Append> {
  const { crypto, vault } = context
  const { groupId, state } = group
  const open = item.invites.filter(({ inviteId }) => {
    const invite = state.invites.get(inviteId)
    return invite !== undefined && inviteId !== ending && isOpen(invite, Date.now())
  })
  const previous = group.groupKeys.get(state.epoch) ?? null
  const kept = open.map(({ inviteId }) => inviteId)
  const { action, boxes, key, epoch } = await prepareRotation(
    crypto,
    state,
    previous,
    kept,
    await agreementKeys(context, state),
  )
  const invites = await resealInvites(group, open, { epoch, key })
  // Kept before it is announced: a key that others use must not be lost when this program ends here. Beside what is
  // there, for another rotation may win; the log says which of them counts.
  await vault.update((now) => {
    const current = now.read(groupItem, groupItemName(groupId)) ?? item
    const next = { ...current, keys: [...current.keys, { epoch, key }] }
    return new Map([[groupItemName(groupId), encodeItem(groupItem, next)]])
  })
  return { actions: [action], boxes, invites }
}

async function resealInvites(
  { groupId, state, keys }: Group,
  open: GroupItem['invites'],
  next: { epoch: number; key: Bytes },
): Promise<InviteKeys[]> {
  const { media } = await epochKeys(next.key, groupId, next.epoch)
  const pin = { seq: state.seq, head: state.head }
  const all = [...keys].map(([epoch, known]) => ({ epoch, key: known.media }))
  return Promise.all(
    open.map(async ({ inviteId, payloadKey, role, code }) => {
      const payload =
        role === 'worker'
          ? { for: 'worker' as const, pin, media: [...all, { epoch: next.epoch, key: media }] }
          : { for: 'member' as const, pin, epoch: next.epoch, groupKey: next.key }
      return { inviteId, sealed: await sealPayloadWith(payloadKey, { groupId, inviteId }, payload), code }
    }),
  )
}

/** Newest agreement keys of the members, each from their own identity log. @throws {AppError} `identity/changed` */
async function agreementKeys({ api }: GroupsContext, state: GroupState): Promise<ReadonlyMap<MemberId, Bytes>> {
  const found = new Map<MemberId, Bytes>()
  for (const member of state.members.values()) {
    const { entries } = await api.call(readIdentity, { params: { userId: member.userId } })
    const identity = replayIdentity(entries, undefined, member.userId)
    if (!equalBytes(identity.identityKey, member.identityKey)) {
      throw new AppError('identity/changed', 'a member’s identity is another one')
    }
    found.set(member.userId, identity.agreementKey)
  }
  return found
}
