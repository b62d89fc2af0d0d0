import * as z from 'zod/mini'
import { AppError } from '../../shared/errors.ts'
import { toBase64Url } from '../../shared/format/base64url.ts'
import type { Bytes } from '../../shared/format/bytes.ts'
import type { GroupId, UserId } from '../../shared/format/ids.ts'
import { groupEntry } from '../../shared/logs/group-entries.ts'
import { verifyStatement } from '../../shared/logs/identity.ts'
import { decodeUnverified, hashEntry, type SignedEntry, verifySignature } from '../../shared/logs/signed.ts'
import { VAULT_WRITE_LABEL, vaultWriteInput } from '../../shared/logs/vault-write.ts'
import { readIdentity } from '../../shared/wire/accounts.ts'
import {
  appendGroupLog,
  type GroupAppend,
  type GroupBox,
  type GroupProfile,
  type InviteKeys,
  listGroups,
  type NewGroup,
  openInvite,
  readGroupBoxes,
  readGroupLog,
  readGroupProfile,
  writeGroupProfile,
} from '../../shared/wire/groups.ts'
import type { Route } from '../../shared/wire/route.ts'
import { readVault, type VaultItem, type VaultWrite, writeVault } from '../../shared/wire/vault.ts'
import type { Api } from '../app/api.ts'
import { FakeConnections } from './fake-connections.ts'

type Stored = {
  entries: SignedEntry[]
  boxes: GroupBox[]
  profile: GroupProfile | null
  invites: Map<string, InviteKeys>
}
/** `owner`: key of the identity that was known with the first write, whatever is shown of it later. */
type StoredVault = { index: VaultWrite['index'] | null; items: Map<string, VaultItem>; owner: Bytes | null }
type Call = { params?: Record<string, unknown>; query?: Record<string, unknown>; body?: unknown }

/** Groups, vaults and identities as an honest server keeps them, for tests of what clients make of it. */
export class FakeServer {
  readonly groups = new Map<GroupId, Stored>()
  readonly identities = new Map<UserId, SignedEntry[]>()
  readonly vaults = new Map<UserId, StoredVault>()
  readonly connections = new FakeConnections()
  /** Runs before an append is looked at: another client that was faster. */
  beforeAppend: () => Promise<void> = async () => undefined
  /** Runs when a request was answered and before whoever asked hears of it: where it throws, the answer is lost. */
  afterAnswer: (route: Route) => Promise<void> = async () => undefined

  add({ groupId, entries, boxes, profile }: NewGroup): void {
    this.groups.set(groupId, { entries: [...entries], boxes: [...boxes], profile, invites: new Map() })
  }

  /** What one person's client calls. What goes out and in passes the route's schemas, as on the wire. */
  apiOf(user: UserId): Api {
    const call = async (route: Route, options: Call = {}): Promise<unknown> => {
      if (options.body !== undefined) z.encode(route.body, options.body)
      const reply = await this.#answer(user, route, options)
      const sent = reply === undefined ? null : JSON.stringify(z.encode(route.reply, reply))
      await this.afterAnswer(route)
      return sent === null ? undefined : z.decode(route.reply, JSON.parse(sent))
    }
    return { call, behindMs: 0, onSignedOut: () => undefined } as unknown as Api
  }

  async #answer(user: UserId, route: Route, { params, query, body }: Call): Promise<unknown> {
    const group = () => this.#group(params?.groupId as GroupId)
    const groupOfMine = () => this.#groupOf(user, params?.groupId as GroupId)
    switch (route as unknown) {
      case listGroups: {
        const mine = [...this.groups].filter(([, { entries }]) => isIn(user, entries))
        const groups = mine.map(([groupId, { entries }]) => ({
          groupId,
          seq: entries.length - 1,
          head: headOf(entries),
        }))
        return { groups }
      }
      case readGroupLog:
        return { entries: groupOfMine().entries }
      case readGroupProfile:
        return { profile: groupOfMine().profile }
      case writeGroupProfile:
        groupOfMine().profile = body as GroupProfile
        return undefined
      case readGroupBoxes:
        return { boxes: groupOfMine().boxes.filter(({ memberId }) => memberId === user) }
      case appendGroupLog:
        return this.#append(group(), body as GroupAppend)
      case openInvite: {
        const { groupId, inviteId } = body as { groupId: GroupId; inviteId: string }
        const { entries, profile, invites } = this.#group(groupId)
        return { sealed: invites.get(inviteId)?.sealed, entries, profile }
      }
      case readIdentity:
        return { entries: this.identities.get(params?.userId as UserId) ?? [] }
      case readVault: {
        const { index, items } = this.#vault(user)
        return { index, items: [...items.values()] }
      }
      case writeVault:
        return this.#write(user, body as VaultWrite)
      default: {
        const reply = await this.connections.answer(user, route, { params: params ?? {}, query: query as never, body })
        if (reply === undefined) throw new AppError('request/not-found', `${route.method} ${route.path}`)
        return reply ?? undefined
      }
    }
  }

  async #append(group: Stored, { ifHead, entries, boxes, invites }: GroupAppend): Promise<void> {
    const { beforeAppend } = this
    this.beforeAppend = async () => undefined
    await beforeAppend()
    if (toBase64Url(headOf(group.entries)) !== toBase64Url(ifHead)) throw new AppError('log/conflict')
    group.entries.push(...entries)
    group.boxes.push(...boxes)
    for (const invite of invites) group.invites.set(invite.inviteId, invite)
  }

  #write(user: UserId, write: VaultWrite): void {
    const { ifIndexVersion, index, put, remove, sig } = write
    const vault = this.#vault(user)
    const identity = this.identities.get(user)?.at(-1)
    vault.owner ??= identity ? verifyStatement(identity).identityKey : null
    if (!vault.owner || !verifySignature(VAULT_WRITE_LABEL, vaultWriteInput(user, write), sig, vault.owner))
      throw new AppError('vault/forbidden')
    if ((vault.index?.version ?? 0) !== ifIndexVersion) throw new AppError('vault/conflict')
    vault.index = index
    for (const item of put) vault.items.set(item.name, item)
    for (const name of remove) vault.items.delete(name)
  }

  #group(groupId: GroupId): Stored {
    const found = this.groups.get(groupId)
    if (!found) throw new AppError('group/not-found')
    return found
  }

  /** The same answer for a group that does not exist and for one that somebody is out of. */
  #groupOf(user: UserId, groupId: GroupId): Stored {
    const found = this.groups.get(groupId)
    if (!found || !isIn(user, found.entries)) throw new AppError('group/not-member')
    return found
  }

  #vault(user: UserId): StoredVault {
    const found = this.vaults.get(user) ?? { index: null, items: new Map(), owner: null }
    this.vaults.set(user, found)
    return found
  }
}

function headOf(entries: readonly SignedEntry[]) {
  return hashEntry(entries.at(-1) as SignedEntry)
}

/** By what the entries claim, for some are not good. */
function isIn(user: UserId, entries: readonly SignedEntry[]): boolean {
  return entries.reduce((was, { bytes }) => {
    const { type, actor, payload } = decodeUnverified(groupEntry, bytes)
    if (type === 'remove') return was && payload.memberId !== user
    if (actor !== user) return was
    return type === 'create' || type === 'join' || (was && type !== 'leave')
  }, false)
}
