import { createContext } from '@lit/context'
import type { Items } from '../media/items.ts'
import type { Uploads } from '../upload/uploads.ts'
import { type Crypto, startCrypto } from '../workers/crypto.ts'
import { Api } from './api.ts'
import { Busy } from './busy.ts'
import { Events } from './events.ts'
import { Router } from './router.ts'
import type { MediaWorker } from './service-worker.ts'
import { Session } from './session.ts'
import { Toasts } from './toasts.ts'

/** What screens work with; made once by `main.ts`, handed down by context. */
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
  /** Loads what only somebody who is in needs: it stays out of the first download. */
  openLibrary(): Promise<void>
}

export const servicesContext = createContext<Services>(Symbol('kith services'))

export function createServices(mediaWorker: MediaWorker): Services {
  const api = new Api()
  const crypto = startCrypto()
  const session = new Session(api, crypto)
  const router = new Router()
  mediaWorker.onOpen = (path) => router.go(path)
  const busy = new Busy()
  let library: { items: Items; uploads: Uploads } | undefined
  let opening: Promise<void> | undefined
  const opened = () => {
    if (!library) throw new Error('the library is not open')
    return library
  }
  return {
    api,
    crypto,
    session,
    events: new Events(),
    toasts: new Toasts(),
    busy,
    router,
    mediaWorker,
    get items() {
      return opened().items
    },
    get uploads() {
      return opened().uploads
    },
    openLibrary() {
      opening ??= Promise.all([import('../media/items.ts'), import('../upload/uploads.ts')]).then(
        ([{ Items }, { Uploads }]) => {
          library = { items: new Items({ api, session }), uploads: new Uploads(session, busy) }
        },
      )
      return opening
    },
  }
}
