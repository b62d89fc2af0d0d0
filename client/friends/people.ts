import { AppError } from '../../shared/errors.ts'
import { fromBase64Url, toBase64Url } from '../../shared/format/base64url.ts'
import { type Bytes, concat, equalBytes } from '../../shared/format/bytes.ts'
import { ID_BYTES, idBytes, idFromBytes, parseUserId, type UserId } from '../../shared/format/ids.ts'
import { type Identity, type IdentityPin, replayIdentity } from '../../shared/logs/identity.ts'
import { hashOf } from '../../shared/logs/signed.ts'
import { readIdentity } from '../../shared/wire/accounts.ts'
import type { Api } from '../app/api.ts'

/** Somebody's newest identity, verified against what was seen of it. @throws {AppError} `identity/changed`, `identity/rollback`, `log/…` */
export async function learnIdentity(api: Pick<Api, 'call'>, user: UserId, pin?: IdentityPin): Promise<Identity> {
  const { entries } = await api.call(readIdentity, { params: { userId: user } })
  return replayIdentity(entries, pin, user)
}

/** What a personal link carries: who, and a fingerprint of the key, so that the first contact takes no trust in the server. */
export type PersonLink = { readonly userId: UserId; readonly keyHash: Bytes }

/** The fragment of `/add#…`: `userId(16) ‖ SHA-256(identityKey)(32)`. */
export function personFragment(user: UserId, identityKey: Bytes): string {
  return toBase64Url(concat(idBytes(user), hashOf(identityKey)))
}

/** @throws {AppError} `format/invalid` */
export function parsePersonFragment(text: string): PersonLink {
  const bytes = decoded(text)
  if (bytes.length !== ID_BYTES + 32) throw new AppError('format/invalid', 'not a personal link')
  return { userId: parseUserId(idFromBytes(bytes.slice(0, ID_BYTES))), keyHash: bytes.slice(ID_BYTES) }
}

/** A personal link as it was scanned or pasted, of this server or as a bare fragment. @throws {AppError} `format/invalid` */
export function parsePersonLink(text: string, origin: string): PersonLink {
  const trimmed = text.trim()
  if (/^[\w-]{64}$/.test(trimmed)) return parsePersonFragment(trimmed)
  const url = URL.parse(trimmed)
  if (url?.origin !== origin || url.pathname !== '/add')
    throw new AppError('format/invalid', 'not a link of this server')
  return parsePersonFragment(url.hash.slice(1))
}

/** @throws {AppError} `identity/changed` when the server shows another key than the link says. */
export function checkKeyHash(identityKey: Bytes, keyHash: Bytes): void {
  if (!equalBytes(hashOf(identityKey), keyHash))
    throw new AppError('identity/changed', 'another key than the link says')
}

function decoded(text: string): Bytes {
  try {
    return fromBase64Url(text)
  } catch (cause) {
    throw new AppError('format/invalid', 'not a personal link', { cause })
  }
}
