import { type DeviceDb, openDevice } from '../../shared/device/db.ts'
import { keepGrantedKey, sealGranted } from '../../shared/device/granted-store.ts'
import { AppError, isAppError } from '../../shared/errors.ts'
import type { ConnectionId, MediaId } from '../../shared/format/ids.ts'
import type { StoredMessage } from '../../shared/wire/connections.ts'
import type { Api } from '../app/api.ts'
import type { Events } from '../app/events.ts'
import { isPassing, passAppError } from '../app/passing.ts'
import { Signal } from '../app/signal.ts'
import type { Connection, Connections } from '../friends/types.ts'
import type { Uploads } from '../upload/uploads.ts'
import { settingsItem } from '../vault/items.ts'
import type { Secrets } from '../vault/secrets.ts'
import type { Vault } from '../vault/vault.ts'
import { Announced } from './announced.ts'
import { composeKept, composeWaiting, type Scene } from './compose.ts'
import { ALL_STANDS, type ChatContext, type Moved, NOTHING_MOVED } from './context.ts'
import { ChatInbox, GAP_MS, LOOK_MS } from './inbox.ts'
import { Leftovers } from './leftovers.ts'
import { ChatMedia } from './media.ts'
import { Outbox } from './outbox.ts'
import type { ChatCrypto } from './ports.ts'
import { Receipts } from './receipts.ts'
import { isVisible, RowKey } from './rows.ts'
import { missingIn } from './state.ts'
import { ChatStore } from './store.ts'
import { Sweep } from './sweep.ts'
import { OpenThread } from './thread.ts'
import type { Chat, Conversation, Message, Thread } from './types.ts'
import { Typing } from './typing.ts'

const FOUND_MAX = 100
const CATCH_UP_MS = 1500
const TABS_CHANNEL = 'kith/chat'

/** What the chat engine is made of. */
export type ChatParts = {
  readonly api: Pick<Api, 'call' | 'behindMs'>
  readonly crypto: ChatCrypto
  readonly connections: Connections
  readonly vault: Pick<Vault, 'read'>
  readonly secrets: Secrets
  /** For tests: more than one device in a program. */
  readonly openDb?: () => Promise<DeviceDb>
  readonly lock?: ChatContext['lock']
  readonly now?: () => number
}

/** Conversations of the account that is unlocked. Nothing of it is shown anywhere before it was verified. */
export class ChatEngine implements Chat {
  readonly conversations = new Signal<readonly Conversation[]>([])
  readonly unread = new Signal(0)
  readonly inbox: ChatInbox
  readonly outbox: Outbox
  readonly media: ChatMedia
  readonly receipts: Receipts
  readonly typing: Typing
  readonly #leftovers: Leftovers
  readonly #sweep: Sweep
  readonly #announced: Announced
  readonly #context: ChatContext
  readonly #shown = new Map<ConnectionId, Conversation>()
  #listed: ReadonlyMap<ConnectionId, Connection> = new Map()
  readonly #threads = new Set<OpenThread>()
  readonly #stale = new Map<ConnectionId, Moved>()
  readonly #tabs: BroadcastChannel | undefined
  readonly #stops: (() => void)[] = []
  #updating: Promise<void> | undefined
  #isCaughtUp = false
  #catchingUp: Promise<void> | undefined

  private constructor(context: ChatContext, tellsRead: () => boolean) {
    this.#context = context
    this.inbox = new ChatInbox(context)
    this.media = new ChatMedia(context, () => this.outbox)
    this.outbox = new Outbox(context, {
      isCaughtUp: () => this.#isCaughtUp,
      prepareMedia: (id, waiting) => this.media.ready(id, waiting),
      clearLeftovers: (id) => this.#leftovers.clear(id),
      requestSync: () => void requestSync(),
    })
    this.receipts = new Receipts(context, tellsRead)
    this.typing = new Typing(context, tellsRead, (id) => this.#touch(id, ALL_STANDS))
    this.inbox.onHeard = (id) => this.typing.hush(id)
    this.#leftovers = new Leftovers(context, {
      isCaughtUp: () => this.#isCaughtUp,
      withdrawMedia: (id, media) => this.media.withdraw(id, media),
    })
    this.#sweep = new Sweep(context, this.#leftovers, () => this.#isCaughtUp)
    this.#announced = new Announced(context)
    this.#tabs = context.isAlone ? undefined : new BroadcastChannel(TABS_CHANNEL)
    this.#tabs?.addEventListener('message', ({ data }) => this.#touch(data as ConnectionId, null))
  }

  /** Opens what the device keeps; the server is asked by `catchUp`. */
  static async open(parts: ChatParts): Promise<ChatEngine> {
    const { api, crypto, connections, secrets, vault, openDb = openDevice, now = Date.now } = parts
    const { userId, accountKey, identitySeed, identityKey } = secrets
    await keepGrantedKey(accountKey)
    let changed: ChatContext['changed'] = () => undefined
    const context: ChatContext = {
      api,
      crypto,
      connections,
      store: new ChatStore(openDb, await RowKey.from(accountKey)),
      me: { userId, accountKey, identitySeed, identityKey },
      now,
      latest: () => now() + api.behindMs,
      lock: parts.lock ?? ((name, task) => navigator.locks.request(name, task) as ReturnType<typeof task>),
      isAlone: parts.openDb !== undefined,
      sealGranted,
      changed: (id, moved) => changed(id, moved),
    }
    const chat = new ChatEngine(context, () => vault.read(settingsItem, 'settings')?.tellsRead ?? true)
    changed = (id, moved) => {
      chat.#touch(id, moved)
      chat.#tabs?.postMessage(id)
    }
    chat.inbox.onGap = (id) => chat.#askAgain(id)
    connections.setInbox(chat.inbox)
    chat.#stops.push(connections.list.watch(() => void chat.#showListed()))
    await chat.#showListed()
    await chat.#sweep.start()
    return chat
  }

  /** What makes it go by itself: the socket, the uploads, the network. */
  connect({ events, uploads }: { events: Events; uploads: Uploads }): void {
    const catchUp = () => void this.catchUp().catch(passAppError)
    let later: ReturnType<typeof setTimeout> | undefined
    const goOn = () => {
      catchUp()
      void this.outbox.kickAll()
    }
    // Also where nobody writes: what came last was then seen lately, and nothing after it can be over yet.
    const looking = setInterval(catchUp, LOOK_MS)
    const onLook = () => {
      if (document.visibilityState === 'visible') goOn()
    }
    this.media.onProgress = () => {
      for (const { id } of this.#threads) this.#touch(id, NOTHING_MOVED)
    }
    this.typing.send = (payload) => events.send('typing', payload)
    addEventListener('online', goOn)
    // A window that was beside another one, seen all the time.
    addEventListener('focus', goOn)
    document.addEventListener('visibilitychange', onLook)
    this.#stops.push(
      this.media.connect(uploads),
      events.on('connection', ({ connectionId, message }) => {
        // The conversation itself at once; what else changed with it may wait a little, and is then asked for once.
        const isOwn = message?.sealed && this.outbox.isLatest(connectionId, message.sealed)
        if (this.#context.connections.newestEpoch(connectionId) !== null && !isOwn)
          void this.#askFor(connectionId, message)
        clearTimeout(later)
        later = setTimeout(catchUp, this.#shown.has(connectionId) ? CATCH_UP_MS : 0)
      }),
      () => clearTimeout(later),
      () => clearInterval(looking),
      events.on('typing', (payload) => void this.typing.heard(payload)),
      events.connected.watch((isConnected) => isConnected && goOn()),
      () => removeEventListener('online', goOn),
      () => removeEventListener('focus', goOn),
      () => document.removeEventListener('visibilitychange', onLook),
    )
    if (events.connected.value) goOn()
    else void this.outbox.kickAll()
  }

  /** Asks what came; then what waits can be sent. @throws {AppError} what `Connections.catchUp` throws. */
  catchUp(): Promise<void> {
    const at = this.#context.now()
    this.#catchingUp ??= this.#context.connections
      .catchUp()
      .then(async () => {
        const isFirst = !this.#isCaughtUp
        this.#isCaughtUp = true
        // Without an answer nobody knew how late this device is, and what is over by now.
        if (this.#context.api.behindMs > 0) await this.#sweep.start()
        else void this.#sweep.forget()
        if (isFirst) await this.outbox.kickAll()
        await this.inbox.looked(at)
      })
      .finally(() => {
        this.#catchingUp = undefined
      })
    return this.#catchingUp
  }

  async open(id: ConnectionId): Promise<Thread> {
    await this.#show([id])
    const conversation = this.#shown.get(id)
    if (!conversation) throw new AppError('connection/not-found', 'no such conversation')
    const thread = new OpenThread(
      this.#context,
      {
        outbox: this.outbox,
        media: this.media,
        receipts: this.receipts,
        sceneOf: (one) => this.#sceneOf(one),
        sayTyping: (one) => void this.typing.say(one).catch(passAppError),
        updated: async () => {
          await this.#updating
          // What came too late for one look is in the next.
          await this.#updating
        },
        closed: (one) => void this.#threads.delete(one),
      },
      new Signal(conversation),
    )
    this.#threads.add(thread)
    await thread.update(null)
    return thread
  }

  async search(text: string): Promise<readonly { conversation: Conversation; message: Message }[]> {
    const found: { conversation: Conversation; message: Message }[] = []
    for (const conversation of this.conversations.value) {
      const thread = await this.open(conversation.connectionId)
      for (const position of (await thread.search(text)).slice(0, FOUND_MAX)) {
        const [message] = await thread.read(position, position + 1)
        if (message) found.push({ conversation, message })
      }
      thread.close()
    }
    return found.sort((a, b) => b.message.sentAt - a.message.sentAt).slice(0, FOUND_MAX)
  }

  /** Passes an item of the library on to one friend. */
  shareItem(id: ConnectionId, media: MediaId): Promise<void> {
    return this.media.share(id, media)
  }

  unshareItem(id: ConnectionId, media: MediaId): Promise<void> {
    return this.media.unshare(id, media)
  }

  /** Resolves once what has changed is shown. */
  async settled(): Promise<void> {
    await this.outbox.settled()
    await this.#sweep.settled()
    await this.#leftovers.settled()
    while (this.#updating) await this.#updating
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop()
    this.outbox.stop()
    this.receipts.stop()
    this.typing.stop()
    this.#sweep.stop()
    this.#announced.stop()
    this.#tabs?.close()
  }

  /** Many changes become one look. */
  #touch(id: ConnectionId, moved: Moved): void {
    const before = this.#stale.get(id)
    const isFirst = before === undefined
    this.#stale.set(id, isFirst ? moved : join(before, moved))
    this.#updating ??= this.#update().finally(() => {
      this.#updating = undefined
      const [next] = this.#stale.keys()
      if (next) this.#touch(next, ALL_STANDS)
    })
  }

  async #update(): Promise<void> {
    // What else happens in this turn is looked at with it.
    await Promise.resolve()
    const stale = new Map(this.#stale)
    this.#stale.clear()
    // The open conversation first: somebody looks at it.
    await Promise.all([...this.#threads].map((one) => stale.has(one.id) && one.update(stale.get(one.id) ?? null)))
    await this.#show([...stale.keys()])
    for (const id of stale.keys()) this.receipts.soon(id)
  }

  /** Whoever has many friends hears of them one by one: only those who changed are looked at. */
  async #showListed(): Promise<void> {
    const listed = new Map(this.#context.connections.list.value.map((one) => [one.connectionId, one]))
    const before = this.#listed
    this.#listed = listed
    for (const id of this.#shown.keys()) if (!listed.has(id)) this.#shown.delete(id)
    await this.#show([...listed.keys()].filter((id) => before.get(id) !== listed.get(id)))
  }

  async #show(ids: readonly ConnectionId[]): Promise<void> {
    await Promise.all(
      ids.map(async (id) => {
        const connection = this.#context.connections.get(id)
        const conversation = connection && (await this.#conversationOf(connection).catch(logged))
        if (conversation) this.#shown.set(id, conversation)
        else this.#shown.delete(id)
      }),
    )
    const all = [...this.#shown.values()].sort((a, b) => timeOf(b) - timeOf(a))
    this.conversations.value = all
    this.unread.value = all.reduce((sum, { unread }) => sum + unread, 0)
    this.#announced.update(all, ids)
    for (const { id, conversation } of this.#threads) {
      const last = conversation.value
      // What ends before anything was said is no conversation any more: whoever looks at it cannot write.
      conversation.value = this.#shown.get(id) ?? (last.canSend ? { ...last, canSend: false } : last)
    }
  }

  async #conversationOf(connection: Connection): Promise<Conversation | null> {
    const { store, now } = this.#context
    const { connectionId: id, peer, state: friendship } = connection
    if (friendship === 'asking' || friendship === 'asked') return null
    const scene = await this.#sceneOf(id)
    const last = await this.#lastOf(id, scene)
    if (friendship !== 'friends' && !last) return null
    const { state } = scene
    const { missing, lost } = missingIn(state)
    const isOver = state.gap !== null && now() - state.gap.since >= GAP_MS
    const newest = await store.newest(id)
    const fault = connection.fault ?? (state.fault ? new AppError(state.fault) : null)
    return {
      connectionId: id,
      peer: { userId: peer.userId, username: peer.username },
      isVerified: connection.isVerified,
      last: newest || last ? last : null,
      unread: state.unread,
      draft: state.draft,
      isTyping: this.typing.isTyping(id),
      disappearAfterMs: state.ttl.ms,
      missing: isOver ? missing : lost,
      lastConfirmedAt: state.confirmedAt,
      hasConfirmed: state.told.delivered.length > 0,
      canSend: friendship === 'friends' && connection.fault === null,
      fault,
    }
  }

  async #lastOf(id: ConnectionId, scene: Scene): Promise<Message | null> {
    const waiting = scene.outbox.filter(({ content }) => isVisible(content.type)).at(-1)
    if (waiting) return composeWaiting(waiting, scene)
    const newest = await this.#context.store.newest(id)
    if (!newest) return null
    const [found] = await this.#context.store.read(id, newest, newest)
    return found ? composeKept(found.kept, found.effects, scene) : null
  }

  async #sceneOf(id: ConnectionId): Promise<Scene> {
    const { store, me } = this.#context
    const [state, outbox] = await Promise.all([store.readState(id), store.outbox(id)])
    const { sending } = this.outbox
    return { me: me.userId, state, outbox, sending, progressOf: (waiting) => this.media.progressOf(waiting) }
  }

  /** A hole is asked for again at once, and looked at once more when its time is over. */
  #askAgain(id: ConnectionId): void {
    const again = setTimeout(() => void this.#askFor(id), 1500)
    const over = setTimeout(() => this.#touch(id, NOTHING_MOVED), GAP_MS + 100)
    this.#stops.push(
      () => clearTimeout(again),
      () => clearTimeout(over),
    )
  }

  /** @param told what the server told of by itself. */
  async #askFor(id: ConnectionId, told?: StoredMessage): Promise<void> {
    const { connections } = this.#context
    await (told ? connections.arrived(id, told) : connections.fetch(id)).catch((error: unknown) => {
      if (!isPassing(error)) passAppError(error)
    })
  }
}

function join(a: Moved, b: Moved): Moved {
  if (!a || !b) return null
  const isOnlyNew = a.isOnlyNew === true && b.isOnlyNew === true
  return { added: [...a.added, ...b.added], removed: [...a.removed, ...b.removed], isOnlyNew }
}

const timeOf = ({ last }: Conversation) => last?.sentAt ?? 0

/** One conversation that does not open must not hide the others. */
function logged(error: unknown): null {
  if (!isAppError(error)) throw error
  return null
}

/** Chromium tells the Service Worker when the network is back, also while no page is open. */
async function requestSync(): Promise<void> {
  const registration = await globalThis.navigator?.serviceWorker?.getRegistration?.()
  const sync = (registration as { sync?: { register(tag: string): Promise<void> } } | undefined)?.sync
  await sync?.register('kith-outbox').catch(() => undefined)
}
