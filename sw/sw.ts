import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute } from 'workbox-precaching'
import { NavigationRoute, registerRoute } from 'workbox-routing'
import * as z from 'zod/mini'
import { MEDIA_PREFIX, pageMessage, type WorkerMessage } from '../shared/wire/page-sw.ts'
import { keptFirst } from './kept-source.ts'
import { contentKey, fileName } from './keys.ts'
import { MediaDoor } from './media.ts'
import { serverSource } from './source.ts'

declare const self: ServiceWorkerGlobalScope & { readonly __WB_MANIFEST: { url: string; revision: string | null }[] }

const isWebKit = /AppleWebKit/.test(navigator.userAgent) && !/Chrom(e|ium)|Edg/.test(navigator.userAgent)
const media = new MediaDoor({
  contentKey,
  fileName,
  source: (mediaId, object) => keptFirst(mediaId, object, serverSource(mediaId, object)),
  streamsParts: isWebKit,
  notify: (message) => void tellPages(message),
})

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))

self.addEventListener('message', (event) => {
  const message = z.safeParse(pageMessage, event.data)
  if (!message.success) return
  if (message.data.type === 'SKIP_WAITING') event.waitUntil(self.skipWaiting())
  if (message.data.type === 'claim') event.waitUntil(self.clients.claim())
  if (message.data.type === 'forget') media.forget()
})

self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url)
  // By prefix: what hls.js asks for has no `destination`.
  if (url.origin === self.location.origin && url.pathname.startsWith(MEDIA_PREFIX)) {
    event.respondWith(media.answer(event.request))
    event.stopImmediatePropagation()
  }
})

precacheAndRoute(self.__WB_MANIFEST)
cleanupOutdatedCaches()
registerRoute(
  new NavigationRoute(createHandlerBoundToURL('index.html'), {
    denylist: [/^\/(api|media)\//, /^\/(healthz|readyz)$/],
  }),
)

async function tellPages(message: WorkerMessage): Promise<void> {
  for (const page of await self.clients.matchAll({ type: 'window' })) page.postMessage(message)
}
