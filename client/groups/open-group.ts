import { epochKeys, openHistory } from '../../shared/crypto/group-key.ts'
import { AppError } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { GroupId } from '../../shared/format/ids.ts'
import { replayGroupInSteps } from '../../shared/logs/group-replay.ts'
import type { GroupState } from '../../shared/logs/group-state.ts'
import { readGroupBoxes } from '../../shared/wire/groups.ts'
import { nextTask } from '../app/next-task.ts'
import type { GroupItem } from '../vault/items.ts'
import type { Group } from './group.ts'
import { announcedKey } from './group-keys.ts'
import type { GroupsContext } from './groups.ts'
import type { KeptGroup } from './kept.ts'
import { openGroupName } from './profile.ts'

/**
 * Verifies a group as served, or as kept, against the vault's pin, and opens its keys and name.
 * @throws {AppError} what `replayGroup`, `openGroupBox` and `openHistory` throw; `group/missing-box`, `card/tampered`
 */
export async function openGroup(
  context: GroupsContext,
  groupId: GroupId,
  item: GroupItem,
  { entries, profile }: KeptGroup,
): Promise<Group> {
  const state = await replayGroupInSteps(groupId, entries, { pin: item.pin }, nextTask)
  const groupKeys = await openHistory(state, state.epoch, await newestKey(context, state, item))
  const opened = [...groupKeys].map(async ([epoch, key]) => [epoch, await epochKeys(key, groupId, epoch)] as const)
  const keys = new Map(await Promise.all(opened))
  const newestFirst = [...keys].sort(([a], [b]) => b - a).map(([, { meta }]) => meta)
  const name = profile && (await openGroupName(state, newestFirst, profile))
  return { groupId, kind: item.kind, state, groupKeys, keys, name }
}

/** From the vault where it is known, else from this account's box. */
async function newestKey({ api, crypto, secrets }: GroupsContext, state: GroupState, item: GroupItem): Promise<Bytes> {
  const known = announcedKey(state, item)
  if (known) return known
  const { boxes } = await api.call(readGroupBoxes, { params: { groupId: state.groupId } })
  const box = boxes.find(({ epoch, memberId }) => epoch === state.epoch && memberId === secrets.userId)
  if (!box) throw new AppError('group/missing-box', 'the server shows no key of the newest epoch')
  return crypto.openGroupBox(state, box, secrets.agreement)
}
