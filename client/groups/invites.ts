import { wordlist } from '@scure/bip39/wordlists/english.js'
import { signGroupEntries } from '../../shared/crypto/group-entry.ts'
import { epochKeys, openHistory } from '../../shared/crypto/group-key.ts'
import {
  type InvitePayload,
  type InviteTicket,
  inviteFragment,
  invitePayloadKey,
  invitePublicKey,
  newInviteSecret,
  openInvitePayload,
  proveInvite,
  sealInvitePayload,
  signJoin,
} from '../../shared/crypto/invite.ts'
import { newInviteId, randomBytes } from '../../shared/crypto/random.ts'
import { publicKeyOf } from '../../shared/crypto/signing.ts'
import { AppError } from '../../shared/errors.ts'
import { equalBytes } from '../../shared/format/bytes.ts'
import type { GroupId, InviteId, UserId } from '../../shared/format/ids.ts'
import type { InviteRole } from '../../shared/logs/group-entries.ts'
import { replayGroup } from '../../shared/logs/group-replay.ts'
import { type GroupState, isOpen } from '../../shared/logs/group-state.ts'
import type { SignedEntry } from '../../shared/logs/signed.ts'
import { appendGroupLog, findInvite, openInvite } from '../../shared/wire/groups.ts'
import type { Api } from '../app/api.ts'
import { encodeItem, groupItem, groupItemName } from '../vault/items.ts'
import type { Crypto } from '../workers/crypto.ts'
import type { Groups } from './groups.ts'
import { openGroupName } from './profile.ts'

const CODE_WORDS = 2
const SECRET_WORDS = 6
const DAY_MS = 86_400_000

export type NewInvite = { readonly role: InviteRole; readonly days: number; readonly maxUses: number }
/** The same invite in two forms; either lets one in. */
export type MadeInvite = {
  readonly inviteId: InviteId
  readonly url: string | null
  readonly passphrase: string | null
}

/** Makes an invite by link. The secret is in the fragment alone, which browsers do not send. */
export async function inviteByLink(
  groups: Groups,
  groupId: GroupId,
  wanted: NewInvite,
  origin: string,
): Promise<MadeInvite> {
  const ticket = { groupId, inviteId: newInviteId(), secret: newInviteSecret() }
  await publish(groups, ticket, wanted, null)
  return { inviteId: ticket.inviteId, url: `${origin}/join#${inviteFragment(ticket)}`, passphrase: null }
}

/** Makes an invite by eight words: two find it, six are its secret (66 bits, stretched by Argon2id). */
export async function inviteByPassphrase(
  groups: Groups,
  crypto: Crypto,
  groupId: GroupId,
  wanted: NewInvite,
): Promise<MadeInvite> {
  const inviteId = newInviteId()
  const words = randomWords(CODE_WORDS + SECRET_WORDS)
  const secret = await crypto.passphraseSecret(words.slice(CODE_WORDS).join(' '), inviteId)
  await publish(groups, { groupId, inviteId, secret }, wanted, words.slice(0, CODE_WORDS).join('-'))
  return { inviteId, url: null, passphrase: words.join(' ') }
}

/** The invite that eight words belong to. @throws {AppError} `invite/invalid` */
export async function ticketFromPassphrase(api: Api, crypto: Crypto, passphrase: string): Promise<InviteTicket> {
  const words = passphrase
    .trim()
    .toLowerCase()
    .split(/[\s-]+/)
  if (words.length !== CODE_WORDS + SECRET_WORDS) throw new AppError('invite/invalid', 'an invite has eight words')
  const { groupId, inviteId } = await api.call(findInvite, { body: { code: words.slice(0, CODE_WORDS).join('-') } })
  const secret = await crypto.passphraseSecret(words.slice(CODE_WORDS).join(' '), inviteId)
  return { groupId, inviteId, secret }
}

/** What an invite shows to the one who holds it, before joining. */
export type OpenedInvite = {
  readonly ticket: InviteTicket
  readonly state: GroupState
  readonly payload: Extract<InvitePayload, { for: 'member' }>
  readonly name: string | null
}

/** @throws {AppError} `invite/invalid`, `invite/expired`, `invite/used-up`, and what a false log is refused with. */
export async function readInvite(api: Api, ticket: InviteTicket): Promise<OpenedInvite> {
  const { sealed, entries, profile } = await api.call(openInvite, { body: await proveInvite(ticket) })
  const state = replayGroup(ticket.groupId, entries)
  const invite = state.invites.get(ticket.inviteId)
  if (!invite || !equalBytes(invite.invitePub, await invitePublicKey(ticket.secret))) {
    throw new AppError('invite/invalid', 'the group’s log does not know this invite')
  }
  if (!isOpen(invite, Date.now())) {
    throw new AppError(invite.uses >= invite.maxUses ? 'invite/used-up' : 'invite/expired', 'the invite is over')
  }
  const payload = await openInvitePayload(ticket, sealed)
  if (payload.for !== 'member') throw new AppError('invite/invalid', 'this invite is for a worker')
  const history = await openHistory(state, payload.epoch, payload.groupKey)
  const metaKeys = await Promise.all(
    [...history].map(async ([epoch, key]) => (await epochKeys(key, ticket.groupId, epoch)).meta),
  )
  return { ticket, state, payload, name: profile && (await openGroupName(state, metaKeys, profile)) }
}

/** Joins: one entry in the log, then the group's key in the vault. */
export async function join(groups: Groups, invite: OpenedInvite, identity: SignedEntry, userId: UserId): Promise<void> {
  const { ticket, state, payload } = invite
  const { api, secrets, actor } = groups.context
  const inviteSig = await signJoin(ticket, userId, publicKeyOf(secrets.identitySeed))
  const action = {
    type: 'join' as const,
    payload: { inviteId: ticket.inviteId, inviteSig, identity, worker: null },
  }
  const entries = signGroupEntries(ticket.groupId, actor(), state, [action], Date.now())
  const joined = replayGroup(ticket.groupId, entries, { from: state })
  const body = { ifHead: state.head, entries, boxes: [], invites: [] }
  await api.call(appendGroupLog, { params: { groupId: ticket.groupId }, body })
  await groups.add(ticket.groupId, {
    kind: 'circle',
    keys: [{ epoch: payload.epoch, key: payload.groupKey }],
    pin: { seq: joined.seq, head: joined.head },
    invites: [],
  })
}

async function publish(groups: Groups, ticket: InviteTicket, wanted: NewInvite, code: string | null): Promise<void> {
  const { groupId, inviteId } = ticket
  const invitePub = await invitePublicKey(ticket.secret)
  const expiresAt = Date.now() + wanted.days * DAY_MS
  await groups.append(groupId, async (group) => {
    const groupKey = group.groupKeys.get(group.state.epoch)
    if (!groupKey) throw new AppError('key/unavailable', 'no key to give')
    const media = [...group.keys].map(([epoch, keys]) => ({ epoch, key: keys.media }))
    const payload: InvitePayload =
      wanted.role === 'worker' ? { for: 'worker', media } : { for: 'member', epoch: group.state.epoch, groupKey }
    return {
      actions: [
        { type: 'invite', payload: { inviteId, invitePub, role: wanted.role, expiresAt, maxUses: wanted.maxUses } },
      ],
      invites: [{ inviteId, sealed: await sealInvitePayload(ticket, payload), code }],
    }
  })
  const payloadKey = await invitePayloadKey(ticket.secret)
  await groups.context.vault.update((vault) => {
    const item = vault.read(groupItem, groupItemName(groupId))
    if (!item) return new Map()
    const invites = [...item.invites, { inviteId, payloadKey, role: wanted.role, code }]
    return new Map([[groupItemName(groupId), encodeItem(groupItem, { ...item, invites })]])
  })
}

/** Uniform: 2048 words divide 16 bits evenly. */
function randomWords(count: number): string[] {
  const bits = new Uint16Array(randomBytes(count * 2).buffer)
  return [...bits].map((value) => wordlist[value % wordlist.length] as string)
}
