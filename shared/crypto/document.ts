import * as z from 'zod/mini'
import { AppError } from '../errors.ts'
import { type Bytes, concat, fromUtf8, u32, utf8 } from '../format/bytes.ts'
import { type GroupId, type Id, idBytes, type MemberId } from '../format/ids.ts'
import { pad, unpad } from '../format/pad.ts'
import { padme } from '../format/padme.ts'
import { bytes, hash, memberId } from '../wire/primitives.ts'
import { importAesKey, openAes, sealAes } from './aes-gcm.ts'
import { sha256 } from './hash.ts'
import { hkdf } from './hkdf.ts'

const STEP_BYTES = 256

/** Sealed, signed documents of one form (docs/protocol.md §7), by their label. */
export type DocumentLabel = 'kith/v1/card' | 'kith/v1/worker-doc' | 'kith/v1/group-profile' | 'kith/v1/comment'

/** Which document: the id of what it describes, and its revision. */
export type DocumentName = { readonly label: DocumentLabel; readonly id: Id; readonly revision: number }

/** Signs `label ‖ 0x00 ‖ bytes` as the author (`signing.ts`). */
export type Sign = (label: string, bytes: Bytes) => Bytes
/** Whether `sig` over `label ‖ 0x00 ‖ bytes` is by `author`, and `author` may write this document. */
export type VerifyAuthor = (author: MemberId, label: string, bytes: Bytes, sig: Bytes) => boolean

const envelope = z.strictObject({
  author: memberId,
  /** Head of the group log that the author knew: members expose a fork to each other by it. */
  groupHead: hash,
  /** The exact JSON that was hashed and signed. */
  body: z.string(),
  sig: bytes(64),
})

export type OpenedDocument<T> = { readonly author: MemberId; readonly groupHead: Bytes; readonly body: T }

export async function sealDocument<Body extends z.ZodMiniType>(
  name: DocumentName,
  key: Bytes,
  content: { author: MemberId; groupHead: Bytes; schema: Body; body: z.output<Body>; sign: Sign },
): Promise<Bytes> {
  const body = JSON.stringify(z.encode(content.schema, content.body))
  const { author, groupHead } = content
  const sig = content.sign(name.label, await signedBytes(name, author, groupHead, body))
  const text = JSON.stringify(z.encode(envelope, { author, groupHead, body, sig }))
  return sealAes(await importAesKey(key), pad(utf8(text), documentBytes), aadOf(name))
}

/**
 * Opens, checks the author's signature and parses.
 * @throws {AppError} `card/tampered` on anything that its author did not write for this place.
 */
export async function verifyAndOpenDocument<Body extends z.ZodMiniType>(
  name: DocumentName,
  key: Bytes,
  sealed: Bytes,
  { schema, verifyAuthor }: { schema: Body; verifyAuthor: VerifyAuthor },
): Promise<OpenedDocument<z.output<Body>>> {
  try {
    const text = fromUtf8(unpad(await openAes(await importAesKey(key), sealed, aadOf(name))))
    const { author, groupHead, body, sig } = z.decode(envelope, JSON.parse(text))
    if (!verifyAuthor(author, name.label, await signedBytes(name, author, groupHead, body), sig))
      throw new Error('not signed by its author')
    return { author, groupHead, body: z.decode(schema, JSON.parse(body)) }
  } catch (cause) {
    throw new AppError('card/tampered', `${name.label}: not what its author wrote`, { cause })
  }
}

/** @throws {AppError} `card/rollback` when the server shows an older revision than one seen before. */
export function checkRevision(known: number, shown: number): void {
  if (shown < known) throw new AppError('card/rollback', `revision ${shown} after ${known}`)
}

/** Key of what the worker adds to an item; the worker holds the content key, not the card key. */
export const workerDocumentKey = (contentKey: Bytes): Promise<Bytes> => hkdf(contentKey, '', 'kith/v1/worker-doc', 32)

/** Key of a circle's own name. */
export const groupProfileKey = (metaKey: Bytes, group: GroupId): Promise<Bytes> =>
  hkdf(metaKey, idBytes(group), 'kith/v1/group-profile', 32)

/** `id ‖ u32 revision ‖ author ‖ groupHead ‖ H(body)`; `Sign` puts the label and its separator in front. */
async function signedBytes(
  { id, revision }: DocumentName,
  author: MemberId,
  groupHead: Bytes,
  body: string,
): Promise<Bytes> {
  return concat(idBytes(id), u32(revision), idBytes(author), groupHead, await sha256(utf8(body)))
}

/** Steps of 256 bytes, above 1 KiB Padmé's: the size of a card tells next to nothing of its title. */
function documentBytes(length: number): number {
  return Math.ceil(Math.max(length, padme(length)) / STEP_BYTES) * STEP_BYTES
}

function aadOf({ label, id, revision }: DocumentName): Bytes {
  return concat(utf8(label), idBytes(id), u32(revision))
}
