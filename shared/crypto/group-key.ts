import { AppError } from '../errors.ts'
import { type Bytes, concat, equalBytes, u32, utf8 } from '../format/bytes.ts'
import { type GroupId, idBytes, type MemberId, type UserId, type WorkerId } from '../format/ids.ts'
import { boxHashOf, type GroupState } from '../logs/group-state.ts'
import { hashOf } from '../logs/signed.ts'
import type { GroupBox } from '../wire/groups.ts'
import { importAesKey, openAes, sealAes } from './aes-gcm.ts'
import { type BoxKeys, boxContext, openBox, sealTo } from './box.ts'
import { hkdf } from './hkdf.ts'

/** Keys of one epoch (docs/protocol.md §6). A worker has `media` alone. */
export type EpochKeys = { readonly media: Bytes; readonly meta: Bytes }

export async function epochKeys(groupKey: Bytes, group: GroupId, epoch: number): Promise<EpochKeys> {
  return {
    media: await subkey('kith/v1/group-media', groupKey, group, epoch),
    meta: await subkey('kith/v1/group-meta', groupKey, group, epoch),
  }
}

/** What the log says of a key without telling it. */
export function commitmentOf(groupKey: Bytes, group: GroupId, epoch: number): Bytes {
  return hashOf(utf8('kith/v1/group-key'), idBytes(group), u32(epoch), groupKey)
}

/** @throws {AppError} `group/wrong-commitment` when this is not the key that the rotation announced. */
export function checkCommitment(state: GroupState, epoch: number, groupKey: Bytes): void {
  const rotation = state.rotations.get(epoch)
  if (!rotation || !equalBytes(rotation.commitment, commitmentOf(groupKey, state.groupId, epoch))) {
    throw new AppError('group/wrong-commitment', `not the key of epoch ${epoch}`)
  }
}

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
  const people = [...state.members.values()].map((member) => give(member.userId as UserId, member.agreementKey, newKey))
  const workers = [...state.workers.values()].map((worker) =>
    give(worker.workerId as WorkerId, worker.agreementKey, media),
  )
  return {
    epoch,
    commitment: commitmentOf(newKey, groupId, epoch),
    boxes: await Promise.all([...people, ...workers]),
    prevBox: previousKey && (await sealPrevious(newKey, groupId, epoch, previousKey)),
  }
}

/**
 * All keys from `epoch` down to the first, each checked against its commitment: the history that a new member reads.
 * @throws {AppError} `group/wrong-commitment`, `box/tampered`
 */
export async function openHistory(
  state: GroupState,
  epoch: number,
  groupKey: Bytes,
): Promise<ReadonlyMap<number, Bytes>> {
  const keys = new Map<number, Bytes>()
  let key = groupKey
  for (let at = epoch; at >= 1; at--) {
    checkCommitment(state, at, key)
    keys.set(at, key)
    const prevBox = state.rotations.get(at)?.prevBox
    if (prevBox) key = await openPrevious(key, state.groupId, at, prevBox)
  }
  return keys
}

async function sealPrevious(groupKey: Bytes, group: GroupId, epoch: number, previous: Bytes): Promise<Bytes> {
  const key = await subkey('kith/v1/group-prev', groupKey, group, epoch)
  return sealAes(await importAesKey(key), previous, previousAad(group, epoch))
}

async function openPrevious(groupKey: Bytes, group: GroupId, epoch: number, sealed: Bytes): Promise<Bytes> {
  const key = await subkey('kith/v1/group-prev', groupKey, group, epoch)
  try {
    return await openAes(await importAesKey(key), sealed, previousAad(group, epoch))
  } catch (cause) {
    throw new AppError('box/tampered', 'the previous key does not open', { cause })
  }
}

const previousAad = (group: GroupId, epoch: number): Bytes => concat(idBytes(group), u32(epoch))

function boxPlace(group: GroupId, epoch: number, recipient: MemberId): Bytes {
  return boxContext('kith/v1/group-box', idBytes(group), u32(epoch), idBytes(recipient))
}

function subkey(label: string, groupKey: Bytes, group: GroupId, epoch: number): Promise<Bytes> {
  return hkdf(groupKey, '', concat(utf8(label), idBytes(group), u32(epoch)), 32)
}
