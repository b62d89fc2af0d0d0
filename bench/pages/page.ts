/// <reference path="../../client/viewer/hls-light.d.ts" />
import Hls from 'hls.js/light'
import { newGroupId, newKey, newUserId, randomBytes } from '../../shared/crypto/random.ts'
import { wrapContentKey } from '../../shared/crypto/wraps.ts'
import { writeGroupKeys } from '../../shared/device/group-keys.ts'
import { takeMedia } from '../../shared/device/media-store.ts'
import { createDeviceKey } from '../../shared/device/sealed-store.ts'
import { fromBase64Url } from '../../shared/format/base64url.ts'
import type { MediaId } from '../../shared/format/ids.ts'

const PART_BYTES = 2 * 2 ** 20

/** What the bench calls in the page. */
const page = {
  /** Keeps on this device what the app keeps of an item that it knows, and waits for the Service Worker. */
  async control(keys: { mediaId: MediaId; contentKey: string; streamKey: string }): Promise<void> {
    await keepItem(keys.mediaId, fromBase64Url(keys.contentKey))
    await navigator.serviceWorker.register('/sw.js')
    const registration = await navigator.serviceWorker.ready
    if (!navigator.serviceWorker.controller) {
      await new Promise((resolve) =>
        navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true }),
      )
    }
    const { port1, port2 } = new MessageChannel()
    const ready = new Promise((resolve) => {
      port1.onmessage = resolve
    })
    registration.active?.postMessage(keys, [port2])
    await ready
  },

  /** Seconds that the Service Worker takes to open what it has in memory. */
  async open(way: 'kith' | 'secretstream', path: string, mediaId: string): Promise<number> {
    const { port1, port2 } = new MessageChannel()
    const answer = new Promise<number>((resolve) => {
      port1.onmessage = ({ data }) => resolve(data)
    })
    const registration = await navigator.serviceWorker.ready
    registration.active?.postMessage({ open: way, path, mediaId }, [port2])
    return answer
  },

  /** Seconds to read all of `url` in the parts that a video element asks for. */
  async readParts(url: string, totalBytes: number): Promise<number> {
    const started = performance.now()
    for (let at = 0; at < totalBytes; ) {
      const range = `bytes=${at}-${Math.min(totalBytes, at + PART_BYTES) - 1}`
      const part = await (await fetch(url, { headers: { range } })).arrayBuffer()
      if (part.byteLength === 0) throw new Error(`nothing at ${at}`)
      at += part.byteLength
    }
    return (performance.now() - started) / 1000
  },

  /** Seconds to read all of `url` as it comes. */
  async readAll(url: string, totalBytes: number): Promise<number> {
    const started = performance.now()
    const { body } = await fetch(url)
    const reader = (body as ReadableStream<Uint8Array>).getReader()
    let bytes = 0
    for (let part = await reader.read(); !part.done; part = await reader.read()) bytes += part.value.length
    if (bytes !== totalBytes) throw new Error(`${bytes} of ${totalBytes} bytes`)
    return (performance.now() - started) / 1000
  },

  /** Milliseconds to the first frame, then to the frame at `seekTo`. */
  async play(url: string, seekTo: number): Promise<{ firstFrameMs: number; seekMs: number }> {
    const video = Object.assign(document.createElement('video'), { muted: true })
    document.body.append(video)
    const hls = new Hls({ maxBufferLength: 4, maxMaxBufferLength: 4 })
    const frame = () => new Promise<void>((resolve) => video.requestVideoFrameCallback(() => resolve()))
    const started = performance.now()
    hls.loadSource(url)
    hls.attachMedia(video)
    const first = frame()
    video.play().catch(() => undefined)
    await first
    const firstFrameMs = performance.now() - started
    const seekStarted = performance.now()
    const seeked = new Promise((resolve) => video.addEventListener('seeked', resolve, { once: true }))
    video.currentTime = seekTo
    await seeked
    await frame()
    const seekMs = performance.now() - seekStarted
    hls.destroy()
    video.remove()
    return { firstFrameMs, seekMs }
  },
}
export type BenchPage = typeof page

async function keepItem(mediaId: MediaId, contentKey: Uint8Array<ArrayBuffer>): Promise<void> {
  const context = { mediaId, groupId: newGroupId(), epoch: 1 }
  const media = newKey()
  await createDeviceKey()
  await writeGroupKeys(context.groupId, new Map([[context.epoch, { media, meta: newKey() }]]))
  const record = {
    ...context,
    wrappedContent: await wrapContentKey(media, context, contentKey),
    wrappedCard: randomBytes(60),
    card: { revision: 1, sealed: randomBytes(100) },
    authorId: newUserId(),
    state: 'ready',
    workerDocument: null,
    job: null,
    createdAt: 1,
    changeSeq: 1,
  } as const
  await takeMedia([record])
}

Object.assign(globalThis, { page })
