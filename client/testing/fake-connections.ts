import { AppError } from '../../shared/errors.ts'
import { type Bytes, equalBytes } from '../../shared/format/bytes.ts'
import type { ConnectionId, UserId } from '../../shared/format/ids.ts'
import { parseMessageHeader } from '../../shared/format/message-layout.ts'
import { hashEntry, type SignedEntry } from '../../shared/logs/signed.ts'
import {
  appendConnectionLog,
  type ConnectionView,
  catchUp,
  denyConnection,
  endConnection,
  listConnections,
  requestConnection,
  type StoredMessage,
  sendMessage,
  writeReceipt,
} from '../../shared/wire/connections.ts'
import { block, listBlocks, unblock } from '../../shared/wire/people.ts'
import type { BodyOf, ReplyOf, Route } from '../../shared/wire/route.ts'

type Stored = {
  readonly connectionId: ConnectionId
  readonly asker: UserId
  readonly asked: UserId
  readonly note: Bytes | null
  state: 'pending' | 'friends' | 'ended'
  isDenied: boolean
  entries: SignedEntry[]
  messages: StoredMessage[]
  readonly changes: Map<UserId, number>
}
type Call = { params?: Record<string, unknown>; query?: { since: number }; body?: unknown }

/** Connections as an honest server keeps them, for tests of what clients make of them. */
export class FakeConnections {
  readonly all = new Map<ConnectionId, Stored>()
  readonly names = new Map<UserId, string>()
  readonly blocks = new Set<string>()
  /** Runs before an append is looked at: another client that was faster. */
  beforeAppend: () => Promise<void> = async () => undefined
  /** Entries and messages in one answer. */
  rowsMax = 1024
  /** Everything that ever came to be sent, refused or not. */
  readonly offered: Bytes[] = []
  /** Says of everything that there is more. */
  isEndless = false
  #changes = 0

  /** `undefined`: not a route of connections. */
  async answer(user: UserId, route: Route, { params, query, body }: Call): Promise<unknown> {
    const one = () => this.#one(user, params?.connectionId as ConnectionId)
    switch (route as unknown) {
      case listConnections:
        return { connections: this.#list(user, query?.since ?? 0), more: false }
      case requestConnection:
        return this.#request(user, body as BodyOf<typeof requestConnection>)
      case appendConnectionLog:
        return this.#append(user, one(), body as BodyOf<typeof appendConnectionLog>)
      case denyConnection:
        one().isDenied = true
        this.#change(one(), user)
        return null
      case endConnection:
        if (one().asker !== user && one().state === 'pending') one().isDenied = true
        else one().state = 'ended'
        this.#change(one())
        return null
      case catchUp:
        return { connections: this.#catchUp(user, body as BodyOf<typeof catchUp>) }
      case listBlocks: {
        const people = [...this.names].filter(([userId]) => this.blocks.has(`${user} ${userId}`))
        return { people: people.map(([userId, username]) => ({ userId, username })) }
      }
      case sendMessage:
        return this.#send(user, one(), body as BodyOf<typeof sendMessage>)
      case writeReceipt:
        return null
      case block:
      case unblock: {
        const key = `${user} ${params?.userId}`
        if ((route as unknown) === block) this.blocks.add(key)
        else this.blocks.delete(key)
        for (const stored of this.all.values()) if (peerIn(stored, user) === params?.userId) this.#change(stored, user)
        return null
      }
      default:
        return undefined
    }
  }

  view(user: UserId, stored: Stored): ConnectionView {
    const { connectionId, asker, asked, entries, messages, changes, note, isDenied } = stored
    const peer = asker === user ? asked : asker
    const isEnded = stored.state === 'ended' || (isDenied && user === asked)
    const state = isEnded
      ? 'ended'
      : this.blocks.has(`${user} ${peer}`)
        ? 'blocked'
        : stored.state === 'friends'
          ? 'friends'
          : asker === user
            ? 'asking'
            : 'asked'
    return {
      connectionId,
      peer: { userId: peer, username: this.names.get(peer) ?? '' },
      state,
      length: entries.length,
      head: hashEntry(entries.at(-1) as SignedEntry),
      lastSeq: messages.length,
      note: state === 'asked' ? note : null,
      createdAt: 1,
      changeSeq: changes.get(user) ?? 0,
    }
  }

  #list(user: UserId, since: number): ConnectionView[] {
    return [...this.all.values()]
      .filter((stored) => (stored.asker === user || stored.asked === user) && (stored.changes.get(user) ?? 0) > since)
      .map((stored) => this.view(user, stored))
      .sort((a, b) => a.changeSeq - b.changeSeq)
  }

  #request(user: UserId, { connectionId, peerId, entry, note }: BodyOf<typeof requestConnection>): ConnectionView {
    const known = this.all.get(connectionId)
    if (known) return this.view(user, known)
    for (const { asker, asked, state } of this.all.values()) {
      const isBetween = [asker, asked].includes(user) && [asker, asked].includes(peerId)
      if (isBetween && state !== 'ended') throw new AppError('connection/exists')
    }
    if (this.blocks.has(`${peerId} ${user}`)) throw new AppError('connection/refused')
    const stored: Stored = {
      connectionId,
      asker: user,
      asked: peerId,
      note,
      state: 'pending',
      isDenied: false,
      entries: [entry],
      messages: [],
      changes: new Map(),
    }
    this.all.set(connectionId, stored)
    this.#change(stored)
    return this.view(user, stored)
  }

  async #append(
    user: UserId,
    stored: Stored,
    { ifHead, ifLastSeq, entry }: BodyOf<typeof appendConnectionLog>,
  ): Promise<ConnectionView> {
    const { beforeAppend } = this
    this.beforeAppend = async () => undefined
    await beforeAppend()
    const isThere = stored.entries.some((one) => equalBytes(hashEntry(one), hashEntry(entry)))
    if (!isThere) {
      if (!equalBytes(hashEntry(stored.entries.at(-1) as SignedEntry), ifHead)) throw new AppError('log/conflict')
      if (stored.messages.length !== ifLastSeq) throw new AppError('connection/behind')
      stored.entries.push(entry)
      if (stored.state === 'pending') stored.state = 'friends'
      this.#change(stored)
    }
    return this.view(user, stored)
  }

  #send(user: UserId, stored: Stored, { sealed }: BodyOf<typeof sendMessage>): { seq: number; createdAt: number } {
    const { deviceId, counter, epoch } = parseMessageHeader(sealed)
    this.offered.push(sealed)
    const known = stored.messages.find((one) => one.deviceId === deviceId && one.counter === counter)
    if (known) {
      if (known.sealed && equalBytes(known.sealed, sealed)) return { seq: known.seq, createdAt: known.createdAt }
      throw new AppError('message/conflict')
    }
    if (epoch !== stored.entries.length - 2) throw new AppError('connection/stale-epoch')
    const row = { seq: stored.messages.length + 1, senderId: user, deviceId, counter, sealed, createdAt: 1 }
    stored.messages.push({ ...row, expiresAt: null })
    this.#change(stored)
    return { seq: row.seq, createdAt: row.createdAt }
  }

  /** What no longer fits comes with the next question. */
  #catchUp(user: UserId, { cursors }: BodyOf<typeof catchUp>): ReplyOf<typeof catchUp>['connections'] {
    let room = this.rowsMax
    return cursors.map(({ connectionId, logFrom, since }) => {
      const stored = this.#one(user, connectionId)
      const entries = stored.entries.slice(logFrom, logFrom + room)
      room -= entries.length
      const isLogWhole = logFrom + entries.length >= stored.entries.length
      const messages = isLogWhole ? stored.messages.slice(since, since + room) : []
      room -= messages.length
      const lastSeq = stored.messages.length
      const more = this.isEndless || !isLogWhole || since + messages.length < lastSeq
      return { connectionId, entries, messages, receipts: [], lastSeq, more }
    })
  }

  #one(user: UserId, connection: ConnectionId): Stored {
    const stored = this.all.get(connection)
    if (!stored || (stored.asker !== user && stored.asked !== user)) throw new AppError('connection/not-found')
    return stored
  }

  #change(stored: Stored, only?: UserId): void {
    for (const user of only ? [only] : [stored.asker, stored.asked]) stored.changes.set(user, ++this.#changes)
  }
}

const peerIn = ({ asker, asked }: Stored, user: UserId): UserId => (asker === user ? asked : asker)
