/// <reference lib="webworker" />
import sodium from 'libsodium-wrappers'
import { openHeader, openParts } from '../../shared/crypto/open-object.ts'
import { fromBase64Url } from '../../shared/format/base64url.ts'
import type { MediaId } from '../../shared/format/ids.ts'
import { HEADER_BYTES } from '../../shared/format/layout.ts'
import { keptFirst } from '../../sw/kept-source.ts'
import { contentKey, fileName } from '../../sw/keys.ts'
import { MediaDoor } from '../../sw/media.ts'
import { serverSource } from '../../sw/source.ts'

declare const self: ServiceWorkerGlobalScope

/** 4 MiB of plaintext in each message, as Ente has it. */
const MESSAGE_BYTES = 4 * 2 ** 20
let keyAtHand = new Uint8Array(32)
let streamKey = new Uint8Array(32)
/** As `sw/sw.ts` has it. */
const door = new MediaDoor({
  contentKey,
  fileName,
  source: (mediaId, cache) => keptFirst(mediaId, (object) => serverSource(mediaId, object, cache)),
  notify: () => undefined,
  removed: async () => undefined,
  engine: 'chromium',
})

self.addEventListener('install', (event) => event.waitUntil(self.skipWaiting()))
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))
self.addEventListener('message', ({ data, ports }) => {
  if (data.open) {
    void timeToOpen(data.open, data.path, data.mediaId).then((seconds) => ports[0]?.postMessage(seconds))
    return
  }
  keyAtHand = fromBase64Url(data.contentKey)
  streamKey = fromBase64Url(data.streamKey)
  void sodium.ready.then(() => ports[0]?.postMessage('ready'))
})
self.addEventListener('fetch', (event) => {
  const { pathname } = new URL(event.request.url)
  if (pathname.startsWith('/media/')) event.respondWith(door.answer(event.request))
  else if (pathname.startsWith('/pass/')) {
    event.respondWith(fetch(pathname.replace('/pass/', '/plain/'), { headers: event.request.headers }))
  } else if (pathname.startsWith('/secretstream/')) event.respondWith(openSecretstream(pathname))
})

async function openSecretstream(path: string): Promise<Response> {
  const sealed = new Uint8Array(await (await fetch(path.replace('/secretstream/', '/stream/'))).arrayBuffer())
  const headerBytes = sodium.crypto_secretstream_xchacha20poly1305_HEADERBYTES
  const stride = MESSAGE_BYTES + sodium.crypto_secretstream_xchacha20poly1305_ABYTES
  const state = sodium.crypto_secretstream_xchacha20poly1305_init_pull(sealed.subarray(0, headerBytes), streamKey)
  let at = headerBytes
  return new Response(
    new ReadableStream({
      pull(controller) {
        if (at >= sealed.length) return controller.close()
        const opened = sodium.crypto_secretstream_xchacha20poly1305_pull(state, sealed.subarray(at, at + stride), null)
        if (!opened) return controller.error(new Error('tampered'))
        at += stride
        controller.enqueue(opened.message)
      },
    }),
  )
}

/** Seconds to open an object that lies in memory, 4 MiB at a time in both ways. */
async function timeToOpen(way: 'kith' | 'secretstream', path: string, mediaId: MediaId): Promise<number> {
  const sealed = new Uint8Array(await (await fetch(path)).arrayBuffer())
  const started = performance.now()
  if (way === 'kith') {
    const object = { contentKey: keyAtHand, mediaId, name: 'original' }
    const opened = await openHeader(object, sealed.slice(0, HEADER_BYTES), sealed.length)
    for (let at = 0; at < opened.trueBytes; at += MESSAGE_BYTES)
      await openParts(opened, at, at + MESSAGE_BYTES, async (from, to) => sealed.subarray(from, to))
  } else {
    const headerBytes = sodium.crypto_secretstream_xchacha20poly1305_HEADERBYTES
    const stride = MESSAGE_BYTES + sodium.crypto_secretstream_xchacha20poly1305_ABYTES
    const state = sodium.crypto_secretstream_xchacha20poly1305_init_pull(sealed.subarray(0, headerBytes), streamKey)
    for (let at = headerBytes; at < sealed.length; at += stride) {
      if (!sodium.crypto_secretstream_xchacha20poly1305_pull(state, sealed.subarray(at, at + stride), null))
        throw new Error('tampered')
    }
  }
  return (performance.now() - started) / 1000
}
