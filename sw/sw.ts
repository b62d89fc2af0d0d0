import { cleanupOutdatedCaches, PrecacheController } from 'workbox-precaching'
import * as z from 'zod/mini'
import { forgetGroupKeys } from '../shared/device/group-keys.ts'
import { MEDIA_PREFIX, pageMessage, type WorkerMessage } from '../shared/wire/page-sw.ts'
import { call } from './call.ts'
import { type Fetched, keepFetched } from './keep.ts'
import { keptFirst } from './kept-source.ts'
import { contentKey, fileName } from './keys.ts'
import { MediaDoor } from './media.ts'
import { openPage } from './open-page.ts'
import { OUTBOX_TAG, sendOutbox } from './outbox.ts'
import { announce, type PushPorts } from './push.ts'
import { eraseRemoved } from './removed.ts'
import { renewSubscription } from './renew-subscription.ts'
import { takeShare } from './share.ts'
import { serverSource } from './source.ts'

declare const self: ServiceWorkerGlobalScope & { readonly __WB_MANIFEST: { url: string; revision: string | null }[] }

const engine = /Chrom(e|ium)/.test(navigator.userAgent)
  ? 'chromium'
  : /AppleWebKit/.test(navigator.userAgent)
    ? 'webkit'
    : 'gecko'
const media = new MediaDoor({
  contentKey,
  fileName,
  source: (mediaId, cache) => keptFirst(mediaId, (object) => serverSource(mediaId, object, cache)),
  engine,
  notify: (message) => void tellPages(message),
  removed: () => eraseRemoved(forget),
})

const pushPorts: PushPorts = {
  call,
  now: () => new Date(),
  isWatched: async () =>
    (await self.clients.matchAll({ type: 'window' })).some((page) => page.visibilityState === 'visible'),
  show: (title, options) => self.registration.showNotification(title, options),
  close: async (tag) => {
    for (const shown of await self.registration.getNotifications({ tag })) shown.close()
  },
  countsShowing: engine === 'webkit',
  standing: async () => (await self.registration.getNotifications()).length,
  badge: async (count) => {
    await (count > 0 ? navigator.setAppBadge?.(count) : navigator.clearAppBadge?.())
  },
  forget,
}

// What the API answers is none of this worker's: where the browser can be told so, it does not even wake it up for that.
self.addEventListener('install', (event) => {
  const { addRoutes } = event as { addRoutes?: (rule: object) => Promise<void> }
  void addRoutes?.call(event, { condition: { urlPattern: { pathname: '/api/*' } }, source: 'network' })
})

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))

self.addEventListener('message', (event) => {
  const message = z.safeParse(pageMessage, event.data)
  if (!message.success) return event.source?.postMessage({ type: 'unknown' } satisfies WorkerMessage)
  if (message.data.type === 'SKIP_WAITING') event.waitUntil(self.skipWaiting())
  if (message.data.type === 'claim') event.waitUntil(self.clients.claim())
  if (message.data.type === 'forget') event.waitUntil(forget())
})

self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url)
  // By prefix: what hls.js asks for has no `destination`.
  if (url.origin === self.location.origin && url.pathname.startsWith(MEDIA_PREFIX)) {
    event.respondWith(media.answer(event.request))
    event.stopImmediatePropagation()
  }
})

self.addEventListener('fetch', (event) => {
  const { method, url, referrer } = event.request
  const { pathname, origin } = new URL(url)
  // The share sheet has no referrer; a form on another site that has one is none of ours. One that hides it looks like the sheet.
  const isForeign = referrer !== '' && referrer !== 'about:client' && new URL(referrer).origin !== origin
  if (method === 'POST' && origin === self.location.origin && pathname === '/share' && !isForeign) {
    event.respondWith(takeShare(event.request))
    event.stopImmediatePropagation()
  }
})

self.addEventListener('push', (event) => event.waitUntil(announce(pushPorts)))

// Not in TypeScript's types.
self.addEventListener('pushsubscriptionchange' as 'message', (event) => {
  event.waitUntil(renewSubscription(self.registration.pushManager, forget))
})

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(openPage(self.clients, (event.notification.data as { url?: string } | null)?.url ?? '/chats'))
})

// Background Sync is not in every engine, nor in TypeScript's types.
self.addEventListener('sync' as 'message', (event) => {
  if ((event as ExtendableEvent & { tag?: string }).tag === OUTBOX_TAG) event.waitUntil(sendOutbox(forget))
})

// Background Fetch, likewise. What came before a failure counts, too.
for (const end of ['success', 'fail', 'abort'])
  self.addEventListener(`backgroundfetch${end}` as 'message', (event) => {
    const { registration } = event as ExtendableEvent as ExtendableEvent & { registration: Fetched }
    event.waitUntil(keepFetched(registration, end === 'abort'))
  })
self.addEventListener('backgroundfetchclick' as 'message', (event) =>
  event.waitUntil(openPage(self.clients, '/offline')),
)

// Without workbox's router: two rules are all that it would hold.
const shell = new PrecacheController()
shell.precache(self.__WB_MANIFEST)
cleanupOutdatedCaches()
const openShell = shell.createHandlerBoundToURL('index.html')
/** Addresses that are the server's own; every other one is the app's, and shows its one page. */
const NO_PAGE = /^\/(api|media)\/|^\/(healthz|readyz)$/

self.addEventListener('fetch', (event) => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  if (request.method !== 'GET' || origin !== self.location.origin) return
  if (shell.getCacheKeyForURL(request.url)) event.respondWith(shell.strategy.handle(event))
  else if (request.mode === 'navigate' && !NO_PAGE.test(pathname))
    event.respondWith(openShell({ event, request, url: new URL(request.url) }))
})

/** Keys are gone: so is what was opened with them, and what announcements show of it. */
async function forget(): Promise<void> {
  media.forget()
  forgetGroupKeys()
  for (const shown of await self.registration.getNotifications()) shown.close()
  await navigator.clearAppBadge?.()
}

async function tellPages(message: WorkerMessage): Promise<void> {
  for (const page of await self.clients.matchAll({ type: 'window' })) page.postMessage(message)
}
