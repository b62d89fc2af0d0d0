import { sealDocument, verifyAndOpenDocument } from '../../shared/crypto/document.ts'
import { uploadSalt } from '../../shared/crypto/object-key.ts'
import { openObject } from '../../shared/crypto/open-object.ts'
import { sealObject } from '../../shared/crypto/seal-object.ts'
import { sign } from '../../shared/crypto/signing.ts'
import { openDevice } from '../../shared/device/db.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import { THUMB } from '../../shared/format/object-name.ts'
import { type Card, card } from '../../shared/wire/card.ts'
import type { NewMedia } from '../../shared/wire/media.ts'
import { verifyMember } from '../groups/group.ts'
import type { Groups } from '../groups/groups.ts'
import { THUMB_PIECE, type UploadSecret } from './record.ts'

/** What an item has before its original: a description and, perhaps, a small picture. */
type Place = Pick<NewMedia, 'mediaId' | 'groupId'>

/** Signed on top of the log that this page knows. @throws {AppError} `group/needs-rotation`, the group's failure */
export async function sealCard(
  groups: Groups,
  { mediaId, groupId }: Place,
  cardKey: Bytes,
  body: Card,
): Promise<NewMedia['card']> {
  const actor = groups.context.actor()
  const { group } = groups.encryptTo(groupId)
  const sealed = await sealDocument({ label: 'kith/v1/card', id: mediaId, revision: 1 }, cardKey, {
    author: actor.id,
    groupHead: group.state.head,
    schema: card,
    body,
    sign: (label, bytes) => sign(actor.seed, label, bytes),
  })
  return { revision: 1, sealed }
}

/** @throws {AppError} `card/tampered` */
export async function openCard(groups: Groups, { cardKey, media }: UploadSecret): Promise<Card> {
  const { mediaId: id, groupId } = media
  const { revision, sealed } = media.card
  const { body } = await verifyAndOpenDocument({ label: 'kith/v1/card', id, revision }, cardKey, sealed, {
    schema: card,
    verifyAuthor: (...signed) => verifyMember(groups.get(groupId), ...signed),
  })
  return body
}

export function sealThumb({ mediaId }: Pick<Place, 'mediaId'>, contentKey: Bytes, plain: Bytes): Promise<Bytes> {
  return sealObject({ contentKey, mediaId, name: THUMB }, plain, uploadSalt())
}

/** As it lies sealed on the device until the upload ends; `null`: there is none. @throws {AppError} as `openObject`. */
export async function readThumb({ contentKey, media: { mediaId } }: UploadSecret): Promise<Bytes | null> {
  const sealed = await (await openDevice()).get('blobs', [mediaId, THUMB_PIECE])
  return sealed ? openObject({ contentKey, mediaId, name: THUMB }, sealed) : null
}
