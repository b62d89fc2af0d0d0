import * as z from 'zod/mini'
import { bytes, groupId, hash, inviteId, memberId, natural, signedEntry } from './primitives.ts'
import { queryNumber, route } from './route.ts'

/** A group key (for a worker: the media key) sealed to one member for one epoch (docs/protocol.md §6). */
export const groupBox = z.strictObject({ memberId, epoch: natural, sealed: bytes(1168, 2048) })
/** What an invite's payload key seals; the server hands it to whoever proves the invite key. */
export const inviteKeys = z.strictObject({
  inviteId,
  sealed: bytes(40, 65_536),
  /** Two words by which a passphrase finds its invite; not secret. */
  code: z.nullable(z.string().check(z.regex(/^[a-z]{3,8}-[a-z]{3,8}$/))),
})
export const groupProfile = z.strictObject({ revision: natural, sealed: bytes(40, 16_384) })
export const newGroup = z.strictObject({
  groupId,
  /** `create`, then `rotate` to epoch 1. */
  entries: z.array(signedEntry).check(z.length(2)),
  boxes: z.array(groupBox).check(z.length(1)),
  profile: z.nullable(groupProfile),
})
/** Appended as one; refused with `log/conflict` unless `ifHead` is the stored head. */
export const groupAppend = z.strictObject({
  ifHead: hash,
  entries: z.array(signedEntry).check(z.minLength(1), z.maxLength(8)),
  boxes: z.array(groupBox).check(z.maxLength(1024)),
  invites: z.array(inviteKeys).check(z.maxLength(64)),
})
/** Proof of holding the invite key: label `kith/v1/invite-open` over groupId ‖ inviteId. */
export const inviteProof = z.strictObject({ groupId, inviteId, sig: bytes(64) })
export type GroupBox = z.output<typeof groupBox>
export type InviteKeys = z.output<typeof inviteKeys>
export type NewGroup = z.output<typeof newGroup>
export type GroupAppend = z.output<typeof groupAppend>
export type GroupProfile = z.output<typeof groupProfile>

const inGroup = z.strictObject({ groupId })
const logPage = z.strictObject({ entries: z.array(signedEntry) })

/** The groups of the session's person, resp. worker. */
export const listGroups = route('GET', '/api/groups', {
  reply: z.strictObject({ groups: z.array(z.strictObject({ groupId, seq: natural, head: hash })) }),
})
export const createGroup = route('POST', '/api/groups', { body: newGroup })
/** Entries from `from` (a seq) on; all of them, in order. */
export const readGroupLog = route('GET', '/api/groups/:groupId/log', {
  params: inGroup,
  query: z.strictObject({ from: queryNumber }),
  reply: logPage,
})
/** Members append what their role allows; a person who is not a member may append `join`. */
export const appendGroupLog = route('POST', '/api/groups/:groupId/log', { params: inGroup, body: groupAppend })
/** The caller's own boxes, all epochs. */
export const readGroupBoxes = route('GET', '/api/groups/:groupId/boxes', {
  params: inGroup,
  reply: z.strictObject({ boxes: z.array(groupBox) }),
})
export const readGroupProfile = route('GET', '/api/groups/:groupId/profile', {
  params: inGroup,
  reply: z.strictObject({ profile: z.nullable(groupProfile) }),
})
/** Refused with `log/conflict` unless `revision` is the stored one + 1. */
export const writeGroupProfile = route('PUT', '/api/groups/:groupId/profile', { params: inGroup, body: groupProfile })
/** No session needed: the proof is the right. */
export const openInvite = route('POST', '/api/invites/open', {
  body: inviteProof,
  reply: z.strictObject({
    sealed: bytes(40, 65_536),
    entries: z.array(signedEntry),
    profile: z.nullable(groupProfile),
  }),
})
/** Finds a passphrase's invite by its two words. Rate limited; unknown is `invite/invalid`. */
export const findInvite = route('POST', '/api/invites/find', {
  body: z.strictObject({ code: z.string().check(z.maxLength(32)) }),
  reply: z.strictObject({ groupId, inviteId }),
})
