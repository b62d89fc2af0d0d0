import { extract } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { AppError } from '../errors.ts'
import { type Bytes, concat, equalBytes, fromUtf8, utf8 } from '../format/bytes.ts'
import { type ConnectionId, idBytes, type UserId } from '../format/ids.ts'
import { pad, unpad } from '../format/pad.ts'
import { firstTranscript, nextTranscript, type PublicKeys } from '../logs/connection.ts'
import {
  ACCEPT_LABEL,
  acceptEntry,
  REQUEST_LABEL,
  ROTATE_LABEL,
  type RotateEntry,
  requestEntry,
  rotateEntry,
} from '../logs/connection-entries.ts'
import { decodeUnverified, hashEntry, hashOf, type SignedEntry } from '../logs/signed.ts'
import { x25519PublicKey, x25519Shared } from './agreement.ts'
import { type BoxKeys, boxContext, boxKeysFrom, openBox, sealTo } from './box.ts'
import { expandKey } from './message-steps.ts'
import { newKey } from './random.ts'
import { signStatement } from './signing.ts'
import { sodium } from './sodium.ts'

/** Secret halves of one side's newest keys: X25519, and the seed of X-Wing. */
export type SecretKeys = { readonly x: Bytes; readonly w: Bytes }
/**
 * What was written down before an entry went to the server: after a crash, or on another device, the very same entry is
 * sent again, and its keys are at hand when the log shows it. `shared`: what was encapsulated in it; null in a request.
 */
export type PendingEntry = { readonly keys: SecretKeys; readonly shared: Bytes | null; readonly entry: SignedEntry }
/** Where the key schedule stands: nothing in it opens an earlier epoch's root. */
export type KeySchedule = {
  readonly epoch: number
  readonly transcript: Bytes
  readonly root: Bytes
  readonly own: SecretKeys
}
/** `ms_e` */
export type EpochSecret = { readonly epoch: number; readonly messageSecret: Bytes }

export type Author = { readonly userId: UserId; readonly identitySeed: Bytes; readonly identityHead: Bytes }

const NOTE_LABEL = 'kith/v1/conn-note'
/** In steps of 256: the length of a note tells next to nothing. */
const noteBytes = (length: number): number => Math.ceil(length / 256) * 256

/** Asks somebody: `note` goes beside the entry, sealed to their agreement key, and its hash into it. */
export async function makeRequest(
  connectionId: ConnectionId,
  me: Author & { readonly identityKey: Bytes },
  to: { readonly userId: UserId; readonly identityKey: Bytes; readonly agreementKey: Bytes },
  { note, now, expiresAt }: { note: string | null; now: number; expiresAt: number },
): Promise<{ pending: PendingEntry; note: Bytes | null }> {
  const { secret, public: keys } = await newKeys()
  const sealed =
    note === null ? null : await sealTo(to.agreementKey, pad(utf8(note), noteBytes), noteContext(connectionId))
  const entry = signStatement(me.identitySeed, REQUEST_LABEL, requestEntry, {
    v: 1,
    suite: 2,
    connectionId,
    from: { userId: me.userId, identityKey: me.identityKey, identityHead: me.identityHead },
    to: { userId: to.userId, identityKey: to.identityKey },
    ...keys,
    note: sealed && hashOf(sealed),
    createdAt: now,
    expiresAt,
  })
  return { pending: { keys: secret, shared: null, entry }, note: sealed }
}

/** @throws {AppError} `box/tampered` when it is not the note that the request names, or not for these keys. */
export async function openNote(
  connectionId: ConnectionId,
  agreement: BoxKeys,
  sealed: Bytes,
  noteHash: Bytes | null,
): Promise<string> {
  if (!noteHash || !equalBytes(hashOf(sealed), noteHash))
    throw new AppError('box/tampered', 'another note than the request names')
  const plain = await openBox(agreement, sealed, noteContext(connectionId))
  try {
    return fromUtf8(unpad(plain))
  } catch (cause) {
    throw new AppError('box/tampered', 'a note that is no text', { cause })
  }
}

export async function makeAccept(
  request: SignedEntry,
  me: Author & { readonly identityKey: Bytes },
  peer: PublicKeys,
  now: number,
): Promise<PendingEntry> {
  const { secret, public: keys } = await newKeys()
  const { ct, shared } = await encapsulate(peer.w)
  const from = { userId: me.userId, identityKey: me.identityKey, identityHead: me.identityHead }
  const body = { v: 1, request: hashEntry(request), from, ...keys, ct, createdAt: now } as const
  return { keys: secret, shared, entry: signStatement(me.identitySeed, ACCEPT_LABEL, acceptEntry, body) }
}

export async function makeRotate(
  me: Pick<Author, 'userId' | 'identitySeed'>,
  peer: PublicKeys,
  body: Pick<RotateEntry, 'epoch' | 'prev' | 'reason' | 'closes' | 'createdAt'>,
): Promise<PendingEntry> {
  const { secret, public: keys } = await newKeys()
  const { ct, shared } = await encapsulate(peer.w)
  const entry = signStatement(me.identitySeed, ROTATE_LABEL, rotateEntry, {
    v: 1,
    author: me.userId,
    ...body,
    ...keys,
    ct,
  })
  return { keys: secret, shared, entry }
}

/**
 * Epoch 0, from the verified first two entries.
 * @param pending one's own request, resp. accept, as it was written down.
 * @throws {AppError} `connection/swapped-key` when the log's entry is not the one that was written down;
 *   `key/unavailable` on keys that cannot be agreed with; `box/tampered` where what was encapsulated does not open.
 */
export async function startSchedule(
  request: SignedEntry,
  accept: SignedEntry,
  pending: PendingEntry,
): Promise<{ schedule: KeySchedule; secret: EpochSecret }> {
  const asked = decodeUnverified(requestEntry, request.bytes)
  const answered = decodeUnverified(acceptEntry, accept.bytes)
  const mine = hashEntry(pending.entry)
  const isRequester = equalBytes(mine, hashEntry(request))
  if (!isRequester && !equalBytes(mine, hashEntry(accept)))
    throw new AppError('connection/swapped-key', 'the log shows other keys than this account made')
  const dh = x25519Shared(pending.keys.x, isRequester ? answered.x : asked.x)
  const shared = pending.shared ?? (await decapsulate(pending.keys.w, answered.ct))
  const transcript = firstTranscript(request, accept)
  return derive(0, transcript, transcript, concat(dh, shared), pending.keys)
}

/**
 * The next epoch, from a verified `rotate`. What it returns replaces `before`, which has to be forgotten.
 * @param peer the other side's newest public keys before this entry. @param pending `null` where the other side rotated.
 * @throws as `startSchedule`
 */
export async function nextSchedule(
  before: KeySchedule,
  rotate: SignedEntry,
  peer: PublicKeys,
  pending: PendingEntry | null,
): Promise<{ schedule: KeySchedule; secret: EpochSecret }> {
  const { epoch, x, ct } = decodeUnverified(rotateEntry, rotate.bytes)
  if (epoch !== before.epoch + 1) throw new AppError('log/wrong-prev', 'epochs follow each other')
  if (pending && (!pending.shared || !equalBytes(hashEntry(pending.entry), hashEntry(rotate))))
    throw new AppError('connection/swapped-key', 'the log shows other keys than this account made')
  const own = pending?.keys ?? before.own
  const dh = pending ? x25519Shared(own.x, peer.x) : x25519Shared(own.x, x)
  const shared = pending?.shared ?? (await decapsulate(own.w, ct))
  const transcript = nextTranscript(before.transcript, rotate)
  return derive(epoch, transcript, before.root, concat(dh, shared), own)
}

/** docs/protocol.md §5: `k = Extract(salt, ikm)`, then the root of the next epoch and the secret of this one's messages. */
function derive(
  epoch: number,
  transcript: Bytes,
  salt: Bytes,
  ikm: Bytes,
  own: SecretKeys,
): { schedule: KeySchedule; secret: EpochSecret } {
  const key: Bytes = new Uint8Array(extract(sha256, ikm, salt))
  const root = expandKey(key, concat(utf8('kith/v1/conn-root'), transcript), 32)
  const messageSecret = expandKey(key, concat(utf8('kith/v1/conn-msgs'), transcript), 32)
  return { schedule: { epoch, transcript, root, own }, secret: { epoch, messageSecret } }
}

async function newKeys(): Promise<{ secret: SecretKeys; public: PublicKeys }> {
  const secret = { x: newKey(), w: newKey() }
  return { secret, public: { x: x25519PublicKey(secret.x), w: (await boxKeysFrom(secret.w)).publicKey } }
}

async function encapsulate(publicKey: Bytes): Promise<{ ct: Bytes; shared: Bytes }> {
  try {
    const { ciphertext, sharedSecret } = (await sodium()).crypto_kem_xwing_enc(publicKey)
    return { ct: new Uint8Array(ciphertext), shared: new Uint8Array(sharedSecret) }
  } catch (cause) {
    throw new AppError('key/unavailable', 'not a key that can be sealed to', { cause })
  }
}

async function decapsulate(seed: Bytes, ct: Bytes): Promise<Bytes> {
  const { secretKey } = await boxKeysFrom(seed)
  try {
    return new Uint8Array((await sodium()).crypto_kem_xwing_dec(ct, secretKey))
  } catch (cause) {
    // Signed, but by a friend who wants their log to end in an error without a name.
    throw new AppError('box/tampered', 'what was encapsulated does not open', { cause })
  }
}

const noteContext = (connectionId: ConnectionId): Bytes => boxContext(NOTE_LABEL, idBytes(connectionId))
