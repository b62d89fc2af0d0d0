import { wordlist } from '@scure/bip39/wordlists/english.js'
import {
  type InvitePayload,
  type InviteTicket,
  inviteFragment,
  invitePayloadKey,
  invitePublicKey,
  newInviteSecret,
  sealInvitePayload,
} from '../../shared/crypto/invite.ts'
import { newInviteId, randomBytes } from '../../shared/crypto/random.ts'
import { AppError } from '../../shared/errors.ts'
import type { GroupId, InviteId } from '../../shared/format/ids.ts'
import type { InviteRole } from '../../shared/logs/group-entries.ts'
import { findInvite } from '../../shared/wire/groups.ts'
import type { Api } from '../app/api.ts'
import { encodeItem, groupItem, groupItemName } from '../vault/items.ts'
import type { Crypto } from '../workers/crypto.ts'
import type { Groups } from './groups.ts'

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

async function publish(groups: Groups, ticket: InviteTicket, wanted: NewInvite, code: string | null): Promise<void> {
  const { groupId, inviteId } = ticket
  const invitePub = await invitePublicKey(ticket.secret)
  const expiresAt = Date.now() + wanted.days * DAY_MS
  await groups.append(groupId, async (group) => {
    const groupKey = group.groupKeys.get(group.state.epoch)
    if (!groupKey) throw new AppError('key/unavailable', 'no key to give')
    const media = [...group.keys].map(([epoch, keys]) => ({ epoch, key: keys.media }))
    const { seq, head, epoch } = group.state
    const pin = { seq, head }
    const payload: InvitePayload =
      wanted.role === 'worker' ? { for: 'worker', pin, media } : { for: 'member', pin, epoch, groupKey }
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
