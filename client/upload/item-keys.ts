import { newKey } from '../../shared/crypto/random.ts'
import { wrapCardKey, wrapContentKey } from '../../shared/crypto/wraps.ts'
import { openDevice, type UploadRow } from '../../shared/device/db.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import type { GroupId, MediaId } from '../../shared/format/ids.ts'
import type { Card } from '../../shared/wire/card.ts'
import type { NewMedia } from '../../shared/wire/media.ts'
import type { Group } from '../groups/group.ts'
import type { Groups } from '../groups/groups.ts'
import { openCard, readThumb, sealCard, sealThumb } from './first-parts.ts'
import { openUpload, readUpload, sealUpload, THUMB_PIECE, type UploadSecret, waitsForKeys } from './record.ts'

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
 * Under the group's newest key, for an upload that the server refused under an older one. Whoever was removed in between
 * has that key, and the server may have kept what it refused: so keys, description and small picture are made anew, and
 * nothing that is sent from now on opens with what was offered before. A file for a chat keeps its keys: the message tells
 * them, and nobody but this account was ever in its group.
 * @returns as what it is registered from now on; `null`: it stays as it is (gone, not refused, or under the newest key).
 * @throws {AppError} `vault/locked`, `group/needs-rotation`, the group's failure
 */
export async function sealAnew(groups: Groups, mediaId: MediaId): Promise<NewMedia | null> {
  const row = await readUpload(mediaId)
  if (!row || !waitsForKeys(row)) return null
  const before = await openUpload(row)
  // Never back: another tab may know a newer key than this one.
  if (groups.encryptTo(row.groupId).epoch <= before.media.epoch) {
    await handBack(row, {})
    return null
  }
  const body = await openCard(groups, before)
  const made = body.inChat ? before : await makeAnew(groups, before, body)
  const media = { ...made.media, ...(await wrapKeys(groups, before.media, made)) }
  const thumb = made === before ? null : await readThumb(before)
  const isMine = await handBack(row, {
    sealed: await sealUpload(mediaId, { ...made, media }),
    thumb: thumb && (await sealThumb(before.media, made.contentKey, thumb)),
  })
  return isMine ? media : null
}

async function makeAnew(groups: Groups, before: UploadSecret, body: Card): Promise<UploadSecret> {
  const keys = { contentKey: newKey(), cardKey: newKey() }
  const card = await sealCard(groups, before.media, keys.cardKey, body)
  return { ...before, ...keys, media: { ...before.media, card } }
}

/** To the upload worker; keys and what is sealed under them in one go. @returns `false`: another tab was faster, or it is gone. */
async function handBack(
  row: UploadRow,
  { sealed = row.sealed, thumb = null }: { sealed?: Bytes; thumb?: Bytes | null },
): Promise<boolean> {
  const { mediaId } = row
  const transaction = (await openDevice()).transaction(['uploads', 'blobs'], 'readwrite', { durability: 'strict' })
  const uploads = transaction.objectStore('uploads')
  const now = await uploads.get(mediaId)
  const isSame = now !== undefined && waitsForKeys(now) && equalBytes(now.sealed, row.sealed)
  await Promise.all([
    isSame && uploads.put({ ...now, sealed, problem: null }, mediaId),
    isSame && thumb && transaction.objectStore('blobs').put(thumb, [mediaId, THUMB_PIECE]),
    transaction.done,
  ])
  return isSame
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
