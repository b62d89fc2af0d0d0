import { wordlist } from '@scure/bip39/wordlists/english.js'
import { signGroupEntries } from '../shared/crypto/group-entry.ts'
import {
  type InviteTicket,
  openInvitePayload,
  parseInviteFragment,
  proveInvite,
  signJoin,
} from '../shared/crypto/invite.ts'
import { passphraseSecret } from '../shared/crypto/password.ts'
import { AppError, isAppError } from '../shared/errors.ts'
import { replayGroup } from '../shared/logs/group-replay.ts'
import { hashEntry } from '../shared/logs/signed.ts'
import { appendGroupLog, findInvite, openInvite } from '../shared/wire/groups.ts'
import { registerWorker } from '../shared/wire/workers.ts'
import { Api } from './api.ts'
import { type Identity, keepInvited, openIdentity } from './identity.ts'

const WORDS = 8
const CODE_WORDS = 2
const CONFLICT_TRIES = 8

/** Which server and which invite the command line names. @throws {AppError} `invite/invalid` in words for people */
export function parseInvite(
  text: string,
  server: string | null,
): { server: string; link: string | null; words: string[] | null } {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) {
    const url = new URL(text)
    return { server: server ?? url.origin, link: url.hash, words: null }
  }
  const words = text
    .trim()
    .toLowerCase()
    .split(/[\s-]+/)
  if (words.length !== WORDS || !words.every((word) => wordlist.includes(word))) {
    throw new AppError('invite/invalid', 'Give the invite link, or its eight words in quotes.')
  }
  if (server === null) throw new AppError('invite/invalid', 'With the eight words also give --server https://…')
  return { server, link: null, words }
}

/** Joins a group as a worker by an invite for workers. @returns the server, to start working for it. @throws {AppError} `invite/…`, `log/conflict` */
export async function joinByInvite(folder: string, text: string, server: string | null): Promise<string> {
  const invite = parseInvite(text, server)
  const identity = await openIdentity(folder)
  const api = new Api(invite.server, identity)
  const ticket = await ticketOf(api, invite)
  for (let attempt = 1; ; attempt++) {
    try {
      await join(folder, api, identity, ticket)
      return invite.server
    } catch (error) {
      // Somebody else changed the group at the same moment: the invite is read again, for its keys may be others.
      if (!isAppError(error, 'log/conflict')) throw error
      if (attempt === CONFLICT_TRIES) {
        throw new AppError('log/conflict', 'Others change this circle at the same moment. Try again.', { cause: error })
      }
    }
  }
}

async function join(folder: string, api: Api, identity: Identity, ticket: InviteTicket): Promise<void> {
  const { sealed, entries } = await api.callAnonymously(openInvite, await proveInvite(ticket))
  const payload = await openInvitePayload(ticket, sealed)
  if (payload.for !== 'worker') throw new AppError('invite/invalid', 'This invite is for a person.')
  const state = replayGroup(ticket.groupId, entries, { pin: payload.pin })
  if (state.invites.get(ticket.inviteId)?.role !== 'worker') {
    throw new AppError('invite/invalid', 'This invite is for a person. Ask for one for a worker.')
  }
  // Kept before it joins: once the log says so, the keys must not be lost.
  await keepInvited(folder, { groupId: ticket.groupId, media: payload.media })
  await api.callAnonymously(registerWorker, {
    statement: identity.statement,
    token: null,
    invite: await proveInvite(ticket),
  })
  if (!state.workers.has(identity.workerId)) await append(api, identity, ticket, state)
}

async function append(
  api: Api,
  identity: Identity,
  ticket: InviteTicket,
  state: ReturnType<typeof replayGroup>,
): Promise<void> {
  const { workerId, seed, statement, publicKey } = identity
  const inviteSig = await signJoin(ticket, workerId, publicKey)
  const action = {
    type: 'join' as const,
    payload: { inviteId: ticket.inviteId, inviteSig, identity: null, worker: statement },
  }
  const actor = { id: workerId, seed, head: hashEntry(statement) }
  const entries = signGroupEntries(ticket.groupId, actor, state, [action], Date.now())
  const body = { ifHead: state.head, entries, boxes: [], invites: [] }
  await api.call(appendGroupLog, { params: { groupId: ticket.groupId }, body })
}

async function ticketOf(api: Api, invite: ReturnType<typeof parseInvite>): Promise<InviteTicket> {
  if (invite.link !== null) return parseInviteFragment(invite.link)
  const words = invite.words ?? []
  const { groupId, inviteId } = await api.callAnonymously(findInvite, { code: words.slice(0, CODE_WORDS).join('-') })
  return { groupId, inviteId, secret: await passphraseSecret(words.slice(CODE_WORDS).join(' '), inviteId) }
}
