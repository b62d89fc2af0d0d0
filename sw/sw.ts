import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute } from 'workbox-precaching'
import { NavigationRoute, registerRoute } from 'workbox-routing'
import * as z from 'zod/mini'
import { MEDIA_PREFIX, pageMessage, type WorkerMessage } from '../shared/wire/page-sw.ts'
import { call } from './call.ts'
import { type Fetched, keepFetched } from './keep.ts'
import { keptFirst } from './kept-source.ts'
import { contentKey, fileName } from './keys.ts'
import { MediaDoor } from './media.ts'
import { OUTBOX_TAG, sendOutbox } from './outbox.ts'
import { announce, type PushPorts } from './push.ts'
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
  source: (mediaId, object) => keptFirst(mediaId, object, serverSource(mediaId, object)),
  engine,
  notify: (message) => void tellPages(message),
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
  badge: async (count) => {
    await (count > 0 ? navigator.setAppBadge?.(count) : navigator.clearAppBadge?.())
  },
  forget,
}

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))

self.addEventListener('message', (event) => {
  const message = z.safeParse(pageMessage, event.data)
  if (!message.success) return
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
  // The share sheet has no referrer; a form on another site may well have one, and is none of ours.
  const isForeign = referrer !== '' && referrer !== 'about:client' && new URL(referrer).origin !== origin
  if (method === 'POST' && origin === self.location.origin && pathname === '/share' && !isForeign) {
    event.respondWith(takeShare(event.request))
    event.stopImmediatePropagation()
  }
})

self.addEventListener('push', (event) => event.waitUntil(announce(pushPorts)))

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(openPage((event.notification.data as { url?: string } | null)?.url ?? '/chats'))
})

// Background Sync is not in every engine, nor in TypeScript's types.
self.addEventListener('sync' as 'message', (event) => {
  if ((event as ExtendableEvent & { tag?: string }).tag === OUTBOX_TAG) event.waitUntil(sendOutbox())
})

// Background Fetch, likewise.
self.addEventListener('backgroundfetchsuccess' as 'message', (event) => {
  event.waitUntil(keepFetched((event as ExtendableEvent as ExtendableEvent & { registration: Fetched }).registration))
})

precacheAndRoute(self.__WB_MANIFEST)
cleanupOutdatedCaches()
registerRoute(
  new NavigationRoute(createHandlerBoundToURL('index.html'), {
    denylist: [/^\/(api|media)\//, /^\/(healthz|readyz)$/],
  }),
)

/** Keys are gone: so is what was opened with them, and what announcements show of it. */
async function forget(): Promise<void> {
  media.forget()
  for (const shown of await self.registration.getNotifications()) shown.close()
  await navigator.clearAppBadge?.()
}

/** The page that is open goes there; else a new one. */
async function openPage(url: string): Promise<void> {
  const [page] = await self.clients.matchAll({ type: 'window' })
  if (!page) {
    await self.clients.openWindow(url)
    return
  }
  await page.focus()
  page.postMessage({ type: 'open', path: url } satisfies WorkerMessage)
}

async function tellPages(message: WorkerMessage): Promise<void> {
  for (const page of await self.clients.matchAll({ type: 'window' })) page.postMessage(message)
}
