import type { ConnectionId } from '../../shared/format/ids.ts'
import type { MessageRef } from '../../shared/wire/message-body.ts'
import type { ChatEngine } from '../chat/chat.ts'
import type { Push } from '../chat/push.ts'
import type { FriendConnections } from '../friends/connections.ts'
import type { Items } from '../media/items.ts'
import type { Uploads } from '../upload/uploads.ts'
import { type Crypto, startCrypto } from '../workers/crypto.ts'
import { Api } from './api.ts'
import type { Busy } from './busy.ts'
import { Events } from './events.ts'
import { Install } from './install.ts'
import { untilOutdated } from './outdated.ts'
import { sayProblem } from './problem.ts'
import { Router } from './router.ts'
import type { MediaWorker } from './service-worker.ts'
import { Session } from './session.ts'
import { Signal } from './signal.ts'
import { Toasts } from './toasts.ts'
import { keepAwake } from './wake-lock.ts'
import { watchWriting } from './writing.ts'

/** What screens work with; made once by `start.ts`, handed down by context. */
export type Services = {
  readonly api: Api
  readonly crypto: Crypto
  readonly session: Session
  readonly events: Events
  readonly toasts: Toasts
  readonly busy: Busy
  readonly router: Router
  readonly mediaWorker: MediaWorker
  /** There once `openLibrary` has resolved, which every screen behind the lock waits for. */
  readonly items: Items
  readonly uploads: Uploads
  readonly install: Install
  /** Another tab runs a newer version, which took the device's database along. */
  readonly isOutdated: Signal<boolean>
  /** Friends and chats, once `openTalk` has resolved. */
  readonly talk: Signal<Talk | null>
  /** Opens them after unlocking; nobody waits for it to see the library. */
  openTalk(): Promise<Talk>
  /** Loads what only somebody who is in needs: it stays out of the first download. */
  openLibrary(): Promise<void>
}

/** What two people have with each other. */
export type Talk = {
  readonly friends: FriendConnections
  readonly chat: ChatEngine
  readonly push: Push
  /** A message that was found elsewhere: its conversation shows it and sets this back. */
  readonly wanted: Signal<{ readonly connectionId: ConnectionId; readonly ref: MessageRef } | null>
}

export function createServices(mediaWorker: MediaWorker, busy: Busy): Services {
  const api = new Api()
  const crypto = startCrypto()
  const session = new Session(api, crypto)
  const router = new Router()
  mediaWorker.onOpen = (path) => router.go(path)
  const toasts = new Toasts()
  const install = new Install((link) => {
    router.visit(link)
    sayProblem(toasts, link)
  })
  keepAwake(busy)
  watchWriting(busy)
  const isOutdated = new Signal(false)
  // A browser that closes no database for it may say nothing until somebody is back from its settings.
  document.addEventListener('visibilitychange', () => {
    // Not of a page that goes: WebKitGTK's next one would wait for an answer without end.
    if (document.visibilityState === 'visible') void session.lookWhetherWiped()
  })
  void untilOutdated(() => void session.lookWhetherWiped()).then(
    () => {
      isOutdated.value = true
      void mediaWorker.follow()
    },
    () => undefined, // without a database, whoever needs it says so
  )
  let library: { items: Items; uploads: Uploads } | undefined
  let opening: Promise<void> | undefined
  const opened = () => {
    if (!library) throw new Error('the library is not open')
    return library
  }
  const events = new Events()
  const talk = new Signal<Talk | null>(null)
  let openingTalk: Promise<Talk> | undefined
  const openLibrary = () => {
    opening ??= Promise.all([import('../media/items.ts'), import('../upload/uploads.ts')]).then(
      ([{ Items }, { Uploads }]) => {
        library = { items: new Items({ api, session }), uploads: new Uploads(session, busy) }
      },
    )
    return opening
  }
  return {
    api,
    crypto,
    session,
    events,
    toasts,
    busy,
    install,
    isOutdated,
    router,
    mediaWorker,
    get items() {
      return opened().items
    },
    get uploads() {
      return opened().uploads
    },
    openLibrary,
    talk,
    openTalk() {
      openingTalk ??= openLibrary()
        .then(() => import('./talk.ts'))
        .then(({ openTalk }) => openTalk({ api, crypto, session, events, uploads: opened().uploads }))
        .then((made) => {
          talk.value = made
          return made
        })
        .catch((error: unknown) => {
          openingTalk = undefined
          throw error
        })
      return openingTalk
    },
  }
}
