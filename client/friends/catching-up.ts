import { AppError, isAppError } from '../../shared/errors.ts'
import { equalBytes } from '../../shared/format/bytes.ts'
import type { ConnectionId } from '../../shared/format/ids.ts'
import { parseMessageHeader } from '../../shared/format/message-layout.ts'
import { type ConnectionState, peerOf } from '../../shared/logs/connection.ts'
import type { SignedEntry } from '../../shared/logs/signed.ts'
import { type ConnectionView, catchUp, listConnections, type StoredMessage } from '../../shared/wire/connections.ts'
import { isPassing } from '../app/passing.ts'
import { Turns } from '../groups/turns.ts'
import { advanceItem } from './advance.ts'
import { blockedUntil, withoutBlocked } from './block-items.ts'
import type { ConnectionBook, Known } from './book.ts'
import type { ConnectionItem } from './item.ts'
import type { KeptConnection } from './kept.ts'
import { learnIdentity } from './people.ts'
import { Reached, type Served } from './reached.ts'
import type { Inbox } from './types.ts'

/** In one answer of the server. */
const AT_ONCE = 64

/** Asks the server what changed, and takes it: log first, then keys into the vault, then messages. One at a time. */
export class CatchingUp {
  inbox: Inbox | null = null
  readonly #book: ConnectionBook
  /** Requests that were written down only. @returns whether there were any. */
  readonly #sendUnsent: () => Promise<boolean>
  readonly #turns = new Turns<'all'>()
  /** `null`: nothing was asked since the start; then everything is looked at, also what failed before. */
  #since: number | null = null

  constructor(book: ConnectionBook, sendUnsent: () => Promise<boolean>) {
    this.#book = book
    this.#sendUnsent = sendUnsent
  }

  catchUp(): Promise<void> {
    return this.#turns.run('all', async () => {
      await this.#catchUp()
      // Once: a server that takes a request, and never shows it, is not asked without end.
      if (await this.#sendUnsent()) await this.#catchUp()
    })
  }

  fetch(connection: ConnectionId): Promise<void> {
    return this.#turns.run('all', async () => {
      const known = this.#book.known.get(connection)
      if (known) await this.#takeAll([known.view])
    })
  }

  arrived(connection: ConnectionId, message: StoredMessage): Promise<void> {
    return this.#turns.run('all', async () => {
      const known = this.#book.known.get(connection)
      if (!known) return
      const { inbox } = this
      const since = (await inbox?.sent(connection))?.lastSeq ?? 0
      // One's own, which its answer has brought here already.
      if (message.seq === since && message.senderId === this.#book.me) return
      // Under other keys, or after others that did not come: what lies in between is asked for.
      if (!inbox || known.fault || message.seq !== since + 1 || !this.#isOfNewestEpoch(connection, message)) {
        await this.#takeAll([known.view])
        return
      }
      const served = { messages: [message], receipts: [], since, lastSeq: message.seq, more: false }
      await inbox.take(connection, this.#heeded(known.view, served))
    })
  }

  #heeded<S extends Parameters<Inbox['take']>[1]>({ peer }: ConnectionView, served: S): S {
    return withoutBlocked(served, peer.userId, blockedUntil(this.#book.context.vault, peer.userId))
  }

  #isOfNewestEpoch(connection: ConnectionId, { sealed }: StoredMessage): boolean {
    try {
      return sealed !== null && parseMessageHeader(sealed).epoch === this.#book.item(connection)?.schedule?.epoch
    } catch {
      return false
    }
  }

  async #catchUp(): Promise<void> {
    const { api } = this.#book.context
    const failed: ConnectionView[] = []
    for (let since = this.#since ?? 0, more = true; more; ) {
      const page = await api.call(listConnections, { query: { since } })
      failed.push(...(await this.#takeAll(page.connections)))
      since = Math.max(since, ...page.connections.map(({ changeSeq }) => changeSeq))
      more = page.more && page.connections.length > 0
      this.#since = since
    }
    // What failed for a passing reason is asked for again from the start.
    if (failed.length > 0) this.#since = null
  }

  /** @returns those that have to be looked at again. */
  async #takeAll(views: readonly ConnectionView[]): Promise<ConnectionView[]> {
    const failed: ConnectionView[] = []
    const reached = new Map<ConnectionId, Reached>()
    const askedTwice = new Set<ConnectionId>()
    // By id: what a server lists twice would be asked for twice at once.
    let waiting = [...new Map(views.map((view) => [view.connectionId, view])).values()]
    while (waiting.length > 0) {
      const batch = waiting.slice(0, AT_ONCE)
      const rest = waiting.slice(AT_ONCE)
      for (const { connectionId } of batch) {
        if (!reached.has(connectionId)) reached.set(connectionId, await this.#start(connectionId))
      }
      const cursors = batch.flatMap(({ connectionId }) => reached.get(connectionId)?.cursor ?? [])
      const { connections } = await this.#book.context.api.call(catchUp, { body: { cursors } })
      const served = new Map(connections.map((one) => [one.connectionId, one]))
      const again: ConnectionView[] = []
      const leadsOn = connections.some((one) => reached.get(one.connectionId)?.leadsOn(one))
      for (const view of batch) {
        const answer = served.get(view.connectionId)
        if (!answer) continue
        try {
          if (answer.more && !leadsOn) throw new AppError('server/bad-answer', 'there is more, and it does not come')
          const part = reached.get(view.connectionId)?.next(answer)
          if (part) await this.#take({ ...view, lastSeq: answer.lastSeq }, part.logFrom, part.served)
          if (answer.more) again.push(view)
        } catch (error) {
          const { connectionId } = view
          if (mayBeLate(error) && !askedTwice.has(connectionId)) {
            askedTwice.add(connectionId)
            reached.delete(connectionId)
            again.push(await this.#askForView(view))
            continue
          }
          failed.push(view)
          if (isPassing(error)) throw error
          // Whatever one friend brings about ends their conversation at most, and nobody else's.
          this.#book.setFault(view, faultOf(error))
        }
      }
      waiting = [...again, ...rest]
    }
    this.#book.show(new Set(views.map(({ connectionId }) => connectionId)))
    return failed
  }

  /** As the server shows it by now. */
  async #askForView(view: ConnectionView): Promise<ConnectionView> {
    const since = Math.max(0, view.changeSeq - 1)
    const { connections } = await this.#book.context.api.call(listConnections, { query: { since } })
    return connections.find(({ connectionId }) => connectionId === view.connectionId) ?? view
  }

  async #start(connectionId: ConnectionId): Promise<Reached> {
    const known = this.#book.known.get(connectionId)
    const since = (await this.inbox?.since(connectionId)) ?? 0
    return new Reached({ connectionId, logFrom: known?.entries.length ?? 0, since }, known?.state ?? null)
  }

  async #take(view: ConnectionView, logFrom: number, served: Served): Promise<void> {
    const { connectionId } = view
    const before = this.#book.known.get(connectionId)
    const entries = [...(before?.entries.slice(0, logFrom) ?? []), ...served.entries]
    const item = await this.#itemFor(view)
    const verified = before?.entries.length === logFrom ? (before.state ?? undefined) : undefined
    const state = this.#book.replay(connectionId, entries, verified)
    const peer = item ? null : (before?.peer ?? (await this.#learnAsker(state)))
    this.#checkView(view, state, item?.peer.username ?? peer?.username)
    const note = before?.note ?? (await this.#openNote(view, state))
    if (item && (item.pin?.length ?? 0) < entries.length) await this.#advance(connectionId, entries, verified)
    const isGone = view.state === 'ended' && !this.#book.item(connectionId)?.schedule
    if (isGone) return this.#book.forget(connectionId)
    // As it is by now: somebody may have met them meanwhile.
    const { doubt } = this.#book.known.get(connectionId) ?? {}
    const known: Known = { view, entries, peer, note, doubt, state, fault: null }
    this.#book.known.set(connectionId, known)
    // Messages of an epoch are opened by keys that are in the vault by now.
    if (this.inbox && this.#book.item(connectionId)?.schedule) {
      this.#book.show(new Set([connectionId]))
      await this.inbox.take(connectionId, this.#heeded(view, served))
    }
    await this.#book.kept.write({ view, entries, peer, note, doubt: this.#book.known.get(connectionId)?.doubt })
  }

  /** Whoever asked: their identity as the server shows it has to be the one that signed. */
  async #learnAsker(state: ConnectionState): Promise<KeptConnection['peer']> {
    const { userId, identityKey } = peerOf(state, this.#book.me)
    const identity = await learnIdentity(this.#book.context.api, userId)
    if (!equalBytes(identity.identityKey, identityKey))
      throw new AppError('identity/changed', 'asked by another identity than the server shows')
    const { username, seq, head } = identity
    return { username, identityKey, pin: { seq, head } }
  }

  /** What the server says must be what was signed. */
  #checkView(view: ConnectionView, state: ConnectionState, username: string | undefined): void {
    if (peerOf(state, this.#book.me).userId !== view.peer.userId)
      throw new AppError('identity/changed', 'the server names another person than the log')
    // Else one friend would be shown under the name of another, with the mark of having been verified.
    if (view.peer.username !== '' && view.peer.username !== username)
      throw new AppError('identity/changed', 'the server gives this person another name than they signed')
    const isAsker = state.requester.userId === this.#book.me
    const isOpen = state.epoch < 0
    const fits =
      view.state === 'ended' ||
      view.state === 'blocked' ||
      (view.state === 'friends' ? !isOpen : isOpen && (view.state === 'asking') === isAsker)
    if (!fits) throw new AppError('connection/fork', 'the server says otherwise than the log')
  }

  async #openNote(view: ConnectionView, state: ConnectionState): Promise<string | null> {
    if (!view.note || view.state !== 'asked') return null
    return this.#book.context.crypto.openNote(
      view.connectionId,
      this.#book.context.secrets.agreement,
      view.note,
      state.note,
    )
  }

  async #itemFor(view: ConnectionView): Promise<ConnectionItem | null> {
    const item = this.#book.item(view.connectionId)
    if (item || view.state === 'asked' || view.state === 'ended') return item
    // Asked or accepted on another device: its vault write came before.
    await this.#book.context.vault.openServed()
    const fresh = this.#book.item(view.connectionId)
    if (!fresh && view.state !== 'blocked')
      throw new AppError('connection/swapped-key', 'a connection this account never made')
    return fresh
  }

  async #advance(
    connection: ConnectionId,
    entries: readonly SignedEntry[],
    verified: ConnectionState | undefined,
  ): Promise<void> {
    const { crypto, vault } = this.#book.context
    const advance = () =>
      this.#book.change(connection, (item) => {
        if ((item.pin?.length ?? 0) >= entries.length) return item
        return advanceItem(crypto, this.#book.me, connection, item, { entries, verified })
      })
    try {
      await advance()
    } catch (error) {
      if (!isAppError(error, 'key/unavailable')) throw error
      await vault.openServed()
      await advance()
    }
  }
}

/**
 * Another tab or device may have taken the log further while an answer was on its way, or the friend have signed between two
 * answers: what is asked for once more then fits, and nobody is accused.
 */
function mayBeLate(error: unknown): boolean {
  return isAppError(error, 'connection/rollback') || isAppError(error, 'connection/fork')
}

function faultOf(error: unknown): AppError {
  return isAppError(error) ? error : new AppError('internal', 'a connection could not be taken', { cause: error })
}
