import { AppError } from '../errors.ts'
import { type Bytes, equalBytes, u32 } from '../format/bytes.ts'
import { type GroupId, idBytes, type MemberId } from '../format/ids.ts'
import { boxHashOf, type GroupState } from '../logs/group-state.ts'
import { hashOf } from '../logs/signed.ts'
import type { GroupBox } from '../wire/groups.ts'
import { type BoxKeys, boxContext, openBox, sealTo } from './box.ts'
import { commitmentOf, epochKeys, sealPrevious } from './group-key.ts'

/** One member's box of one epoch: the group key, for a worker the media key. */
export async function sealGroupBox(
  group: GroupId,
  epoch: number,
  recipient: { memberId: MemberId; agreementKey: Bytes },
  key: Bytes,
): Promise<GroupBox & { hash: Bytes }> {
  const sealed = await sealTo(recipient.agreementKey, key, boxPlace(group, epoch, recipient.memberId))
  return { memberId: recipient.memberId, epoch, sealed, hash: hashOf(sealed) }
}

/**
 * Opens one's own box after checking that the log lists it.
 * @throws {AppError} `group/wrong-box` (not the one that was logged), `box/tampered`.
 */
export async function openGroupBox(state: GroupState, box: GroupBox, keys: BoxKeys): Promise<Bytes> {
  const listed = boxHashOf(state, box.epoch, box.memberId)
  if (!listed || !equalBytes(listed, hashOf(box.sealed))) {
    throw new AppError('group/wrong-box', 'the server shows a box that nobody logged')
  }
  return openBox(keys, box.sealed, boxPlace(state.groupId, box.epoch, box.memberId))
}

/** What `rotate` says of the keys, and the boxes that go with it. */
export type MadeRotation = {
  readonly epoch: number
  readonly commitment: Bytes
  readonly boxes: readonly (GroupBox & { hash: Bytes })[]
  readonly prevBox: Bytes | null
}

/**
 * Makes the next epoch for exactly the members and workers of `state`.
 * @param agreementKeys newer agreement keys than the group log's, from identity logs.
 */
export async function makeRotation(
  state: GroupState,
  newKey: Bytes,
  previousKey: Bytes | null,
  agreementKeys: ReadonlyMap<MemberId, Bytes> = new Map(),
): Promise<MadeRotation> {
  const { groupId } = state
  const epoch = state.epoch + 1
  const { media } = await epochKeys(newKey, groupId, epoch)
  const give = (memberId: MemberId, known: Bytes, key: Bytes) =>
    sealGroupBox(groupId, epoch, { memberId, agreementKey: agreementKeys.get(memberId) ?? known }, key)
  const people = [...state.members.values()].map((member) => give(member.userId, member.agreementKey, newKey))
  const workers = [...state.workers.values()].map((worker) => give(worker.workerId, worker.agreementKey, media))
  return {
    epoch,
    commitment: commitmentOf(newKey, groupId, epoch),
    boxes: await Promise.all([...people, ...workers]),
    prevBox: previousKey && (await sealPrevious(newKey, groupId, epoch, previousKey)),
  }
}

function boxPlace(group: GroupId, epoch: number, recipient: MemberId): Bytes {
  return boxContext('kith/v1/group-box', idBytes(group), u32(epoch), idBytes(recipient))
}
