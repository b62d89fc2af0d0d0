import { wrapCardKey, wrapContentKey } from '../../shared/crypto/wraps.ts'
import { equalBytes } from '../../shared/format/bytes.ts'
import type { GroupId, MediaId } from '../../shared/format/ids.ts'
import type { NewMedia } from '../../shared/wire/media.ts'
import type { Group } from '../groups/group.ts'
import type { Groups } from '../groups/groups.ts'
import { changeUpload, openUpload, readUpload, sealUpload, type UploadSecret } from './record.ts'

/** Under the key that the group writes with now. @throws {AppError} `group/needs-rotation`, the group's failure */
export async function wrapKeys(
  groups: Groups,
  { groupId, mediaId }: Pick<NewMedia, 'groupId' | 'mediaId'>,
  { contentKey, cardKey }: Pick<UploadSecret, 'contentKey' | 'cardKey'>,
): Promise<Pick<NewMedia, 'epoch' | 'wrappedContent' | 'wrappedCard'>> {
  const { epoch, media, meta } = groups.encryptTo(groupId)
  const context = { mediaId, groupId, epoch }
  return {
    epoch,
    wrappedContent: await wrapContentKey(media, context, contentKey),
    wrappedCard: await wrapCardKey(meta, context, cardKey),
  }
}

/**
 * The same item keys under the group's newest key, for an upload that the server has not heard of.
 * @returns as what it is registered from now on; `null`: it stays as it is (gone, registered, or under the newest key).
 * @throws {AppError} `vault/locked`, `group/needs-rotation`, the group's failure
 */
export async function wrapAnew(groups: Groups, mediaId: MediaId): Promise<NewMedia | null> {
  const row = await readUpload(mediaId)
  if (!row) return null
  const secret = await openUpload(row)
  // Never back: another tab may know a newer key than this one.
  if (groups.encryptTo(row.groupId).epoch <= secret.media.epoch) return null
  const media = { ...secret.media, ...(await wrapKeys(groups, secret.media, secret)) }
  const sealed = await sealUpload(mediaId, { ...secret, media })
  const changed = await changeUpload(
    mediaId,
    { sealed, problem: null },
    // A later record holds more than the keys: the salt that something may have been sealed under.
    (now) => now.step === 'register' && equalBytes(now.sealed, row.sealed),
  )
  return changed && media
}

/** Waits for keys that come after one which the server refused. */
export class NewerKeys {
  /** For each group the epoch whose key was refused: its log was read since. */
  readonly #asked = new Map<GroupId, number>()

  /** Resolves once the group has a key to write with that is newer than `epoch`. */
  async after(epoch: number, groupId: GroupId, groups: Groups): Promise<void> {
    const isThere = (all: ReadonlyMap<GroupId, Group>) => {
      const state = all.get(groupId)?.state
      return state !== undefined && state.epoch > epoch && !state.needsRotation
    }
    // Once for each key: a server that refuses for ever is not asked for ever.
    if (!isThere(groups.all.value) && this.#asked.get(groupId) !== epoch) {
      this.#asked.set(groupId, epoch)
      if (!(await groups.refreshOne(groupId))) this.#asked.delete(groupId)
    }
    await groups.all.until(isThere)
  }
}
