import * as z from 'zod/mini'
import { AppError, FormatError } from '../errors.ts'
import { fromBase64Url, toBase64Url } from '../format/base64url.ts'
import { type Bytes, concat, fromUtf8, u8, utf8 } from '../format/bytes.ts'
import {
  type GroupId,
  type InviteId,
  idBytes,
  idFromBytes,
  type MemberId,
  parseGroupId,
  parseInviteId,
  type UserId,
} from '../format/ids.ts'
import { inviteJoinBytes, inviteProofBytes } from '../logs/group-entering.ts'
import { INVITE_JOIN_LABEL, INVITE_OPEN_LABEL, INVITE_SIGNUP_LABEL } from '../logs/group-entries.ts'
import { bytes, hash, natural } from '../wire/primitives.ts'
import { importAesKey, openAes, sealAes } from './aes-gcm.ts'
import { hkdf } from './hkdf.ts'
import { randomBytes } from './random.ts'
import { publicKeyOf, sign } from './signing.ts'

const LINK_VERSION = 1
const SECRET_BYTES = 32

/** An invite in the hands of one who may join by it. */
export type InviteTicket = { readonly groupId: GroupId; readonly inviteId: InviteId; readonly secret: Bytes }
export const newInviteSecret = (): Bytes => randomBytes(SECRET_BYTES)

/** The fragment of an invite link, `/join#<fragment>`; browsers never send it. */
export function inviteFragment({ groupId, inviteId, secret }: InviteTicket): string {
  return toBase64Url(concat(u8(LINK_VERSION), idBytes(groupId), idBytes(inviteId), secret))
}

/** @throws {FormatError} */
export function parseInviteFragment(fragment: string): InviteTicket {
  const raw = fromBase64Url(fragment.replace(/^#/, ''))
  if (raw.length !== 33 + SECRET_BYTES || raw[0] !== LINK_VERSION) throw new FormatError('invite link')
  return {
    groupId: parseGroupId(idFromBytes(raw.subarray(1, 17))),
    inviteId: parseInviteId(idFromBytes(raw.subarray(17, 33))),
    secret: raw.slice(33),
  }
}

/** Public half of the invite's signing key, as the log carries it. */
export async function invitePublicKey(secret: Bytes): Promise<Bytes> {
  return publicKeyOf(await signingSeed(secret))
}

/** Signed by the invite for the person or worker that joins: the entry's `inviteSig`. */
export async function signJoin(ticket: InviteTicket, member: MemberId, identityKey: Bytes): Promise<Bytes> {
  const message = inviteJoinBytes(ticket.groupId, ticket.inviteId, member, identityKey)
  return sign(await signingSeed(ticket.secret), INVITE_JOIN_LABEL, message)
}

/** Shows the server that one holds the invite: to read it. */
export async function proveInvite({ groupId, inviteId, secret }: InviteTicket) {
  const sig = sign(await signingSeed(secret), INVITE_OPEN_LABEL, inviteProofBytes(groupId, inviteId))
  return { groupId, inviteId, sig }
}

/** Shows the server that one holds the invite: to make an account, this one. */
export async function proveInviteForSignup({ groupId, inviteId, secret }: InviteTicket, user: UserId | MemberId) {
  const sig = sign(await signingSeed(secret), INVITE_SIGNUP_LABEL, inviteProofBytes(groupId, inviteId, user))
  return { groupId, inviteId, sig }
}

/**
 * The log as the one who invites saw it: the server knows neither this nor the key it is sealed under, so that it cannot
 * lead who joins into a log of its own making, where the group's keys would be given to members that it invented.
 */
const pin = z.strictObject({ seq: natural, head: hash })

/** What an invite gives: a person gets the group key of the current epoch, a worker the media keys it may use. */
const invitePayload = z.discriminatedUnion('for', [
  z.strictObject({ for: z.literal('member'), pin, epoch: natural, groupKey: bytes(32) }),
  z.strictObject({
    for: z.literal('worker'),
    pin,
    media: z.array(z.strictObject({ epoch: natural, key: bytes(32) })).check(z.maxLength(1024)),
  }),
])
export type InvitePayload = z.output<typeof invitePayload>

export async function sealInvitePayload(ticket: InviteTicket, payload: InvitePayload): Promise<Bytes> {
  return sealPayloadWith(await invitePayloadKey(ticket.secret), ticket, payload)
}

/** The key that rotation seals open invites with; kept by the one who invited, in the vault. */
export const invitePayloadKey = (secret: Bytes): Promise<Bytes> => hkdf(secret, '', 'kith/v1/invite-payload', 32)

export async function sealPayloadWith(
  payloadKey: Bytes,
  place: Pick<InviteTicket, 'groupId' | 'inviteId'>,
  payload: InvitePayload,
): Promise<Bytes> {
  return sealAes(await importAesKey(payloadKey), utf8(JSON.stringify(z.encode(invitePayload, payload))), aadOf(place))
}

/** @throws {AppError} `invite/invalid` */
export async function openInvitePayload(ticket: InviteTicket, sealed: Bytes): Promise<InvitePayload> {
  try {
    const key = await importAesKey(await invitePayloadKey(ticket.secret))
    return z.decode(invitePayload, JSON.parse(fromUtf8(await openAes(key, sealed, aadOf(ticket)))))
  } catch (cause) {
    throw new AppError('invite/invalid', 'the invite does not open', { cause })
  }
}

function aadOf({ groupId, inviteId }: Pick<InviteTicket, 'groupId' | 'inviteId'>): Bytes {
  return concat(idBytes(groupId), idBytes(inviteId))
}

function signingSeed(secret: Bytes): Promise<Bytes> {
  return hkdf(secret, '', 'kith/v1/invite-key', 32)
}
