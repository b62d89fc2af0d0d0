import type { GroupActor } from '../../shared/crypto/group-entry.ts'
import { signGroupEntries } from '../../shared/crypto/group-entry.ts'
import { commitmentOf } from '../../shared/crypto/group-key.ts'
import { newGroupId, newKey } from '../../shared/crypto/random.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import type { GroupId, InviteId, MemberId } from '../../shared/format/ids.ts'
import type { GroupAction } from '../../shared/logs/group-entries.ts'
import { replayGroup } from '../../shared/logs/group-replay.ts'
import type { GroupState } from '../../shared/logs/group-state.ts'
import type { SignedEntry } from '../../shared/logs/signed.ts'
import type { GroupBox, NewGroup } from '../../shared/wire/groups.ts'
import type { GroupItem } from '../vault/items.ts'
import type { Crypto } from '../workers/crypto.ts'

/** A rotation ready to be appended: the action, its boxes and the new key. */
export async function prepareRotation(
  crypto: Crypto,
  state: GroupState,
  previousKey: Bytes | null,
  keptInvites: InviteId[],
  agreementKeys?: ReadonlyMap<MemberId, Bytes>,
): Promise<{ action: GroupAction; boxes: GroupBox[]; key: Bytes; epoch: number }> {
  const key = newKey()
  const made = await crypto.makeRotation(state, key, previousKey, agreementKeys ?? new Map())
  const { epoch, commitment, prevBox } = made
  const hashes = made.boxes.map(({ memberId, hash }) => ({ memberId, hash }))
  return {
    action: { type: 'rotate', payload: { epoch, commitment, boxes: hashes, prevBox, keptInvites } },
    boxes: made.boxes.map(({ memberId, epoch: of, sealed }) => ({ memberId, epoch: of, sealed })),
    key,
    epoch,
  }
}

/** A new group of one: `create`, then the first `rotate`; and what the vault has to keep of it. */
export async function prepareGroup(
  crypto: Crypto,
  actor: GroupActor,
  identity: SignedEntry,
  kind: GroupItem['kind'],
  nowMs: number,
): Promise<{ group: NewGroup; groupId: GroupId; item: GroupItem; state: GroupState; key: Bytes }> {
  const groupId = newGroupId()
  const created = signGroupEntries(groupId, actor, null, [{ type: 'create', payload: { identity } }], nowMs)
  const before = replayGroup(groupId, created)
  const rotation = await prepareRotation(crypto, before, null, [])
  const rotated = signGroupEntries(groupId, actor, before, [rotation.action], nowMs)
  const state = replayGroup(groupId, rotated, { from: before })
  return {
    group: { groupId, entries: [...created, ...rotated], boxes: rotation.boxes, profile: null },
    groupId,
    state,
    key: rotation.key,
    item: {
      kind,
      keys: [{ epoch: 1, key: rotation.key }],
      pin: { seq: state.seq, head: state.head },
      invites: [],
    },
  }
}

/** The vault's key of the current epoch; not one of a rotation that lost. */
export function announcedKey(state: GroupState, { keys }: GroupItem): Bytes | undefined {
  const commitment = state.rotations.get(state.epoch)?.commitment
  const isAnnounced = (key: Bytes) =>
    commitment !== undefined && equalBytes(commitment, commitmentOf(key, state.groupId, state.epoch))
  return keys.find(({ epoch, key }) => epoch === state.epoch && isAnnounced(key))?.key
}

/** What the vault has to keep: the keys that the log confirms, and those that it may confirm yet. */
export function keysToKeep(
  state: GroupState,
  { keys }: GroupItem,
  confirmed: ReadonlyMap<number, Bytes>,
): GroupItem['keys'] {
  const later = keys.filter(({ epoch }) => epoch > state.epoch)
  return [...[...confirmed].map(([epoch, key]) => ({ epoch, key })).sort((a, b) => a.epoch - b.epoch), ...later]
}
