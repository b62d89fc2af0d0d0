import { createContext } from '@lit/context'
import { Items } from '../media/items.ts'
import { Uploads } from '../upload/uploads.ts'
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
  readonly items: Items
  readonly uploads: Uploads
}

export const servicesContext = createContext<Services>(Symbol('kith services'))

export function createServices(mediaWorker: MediaWorker): Services {
  const api = new Api()
  const crypto = startCrypto()
  const session = new Session(api, crypto)
  const busy = new Busy()
  return {
    api,
    crypto,
    session,
    events: new Events(),
    toasts: new Toasts(),
    busy,
    router: new Router(),
    mediaWorker,
    items: new Items({ api, session }),
    uploads: new Uploads(session, busy),
  }
}
