import {
  groupProfileKey,
  sealDocument,
  type VerifyAuthor,
  verifyAndOpenDocument,
} from '../../shared/crypto/document.ts'
import type { GroupActor } from '../../shared/crypto/group-entry.ts'
import { sign } from '../../shared/crypto/signing.ts'
import { AppError } from '../../shared/errors.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import { checkAuthorship } from '../../shared/logs/group-authorship.ts'
import { authorKey, type GroupState } from '../../shared/logs/group-state.ts'
import { verifySignature } from '../../shared/logs/signed.ts'
import { groupProfileBody } from '../../shared/wire/card.ts'
import type { GroupProfile } from '../../shared/wire/groups.ts'

const LABEL = 'kith/v1/group-profile'

/** A circle's name, sealed for its members. @param metaKey of the current epoch. */
export async function sealGroupName(
  state: GroupState,
  actor: GroupActor,
  metaKey: Bytes,
  revision: number,
  name: string,
): Promise<GroupProfile> {
  const sealed = await sealDocument(
    { label: LABEL, id: state.groupId, revision },
    await groupProfileKey(metaKey, state.groupId),
    {
      author: actor.id,
      groupHead: state.head,
      schema: groupProfileBody,
      body: { name },
      sign: (label, bytes) => sign(actor.seed, label, bytes),
    },
  )
  return { revision, sealed }
}

/**
 * The name, under whichever epoch it was sealed.
 * @param metaKeys newest first. @throws {AppError} `card/tampered`, `group/fork`
 */
export async function openGroupName(
  state: GroupState,
  metaKeys: readonly Bytes[],
  profile: GroupProfile,
): Promise<string> {
  const name = { label: LABEL, id: state.groupId, revision: profile.revision } as const
  const verifyAuthor: VerifyAuthor = (author, label, bytes, sig) => {
    const key = authorKey(state, author)
    return key !== undefined && verifySignature(label, bytes, sig, key)
  }
  let failure: unknown = new AppError('card/tampered', 'no key opens the name')
  for (const metaKey of metaKeys) {
    try {
      const key = await groupProfileKey(metaKey, state.groupId)
      const opened = await verifyAndOpenDocument(name, key, profile.sealed, { schema: groupProfileBody, verifyAuthor })
      checkAuthorship(state, { ...opened, notBefore: -1 })
      return opened.body.name
    } catch (error) {
      failure = error
    }
  }
  throw failure
}
