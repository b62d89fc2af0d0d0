import { AppError } from '../errors.ts'
import { type Bytes, concat, equalBytes, u32, utf8 } from '../format/bytes.ts'
import { type GroupId, idBytes } from '../format/ids.ts'
import type { GroupState } from '../logs/group-state.ts'
import { hashOf } from '../logs/signed.ts'
import { importAesKey, openAes, sealAes } from './aes-gcm.ts'
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

/** The previous key under the new one: `prevBox`. */
export async function sealPrevious(groupKey: Bytes, group: GroupId, epoch: number, previous: Bytes): Promise<Bytes> {
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

function subkey(label: string, groupKey: Bytes, group: GroupId, epoch: number): Promise<Bytes> {
  return hkdf(groupKey, '', concat(utf8(label), idBytes(group), u32(epoch)), 32)
}
