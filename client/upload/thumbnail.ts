import { rgbaToThumbHash } from 'thumbhash'
import { toBase64Url } from '../../shared/format/base64url.ts'

const THUMB_PX = 640
const HASH_PX = 96
const FRAME_WAIT_MS = 8000

/** What a device can tell of a file by itself. */
export type Preview = {
  readonly thumb: Blob | null
  readonly thumbhash: string | null
  readonly width: number | null
  readonly height: number | null
  readonly durationMs: number | null
}
const NOTHING: Preview = { thumb: null, thumbhash: null, width: null, height: null, durationMs: null }

/** A small picture of a photo or video, upright. A file that this browser cannot read has none; that is no failure. */
export async function previewOf(file: File): Promise<Preview> {
  try {
    if (file.type.startsWith('image/')) return await previewOfImage(file)
    if (file.type.startsWith('video/')) return await previewOfVideo(file)
  } catch {
    // HEIC, a codec that is missing, a damaged file: the worker may know more.
  }
  return NOTHING
}

async function previewOfImage(file: File): Promise<Preview> {
  // Turns the picture as its EXIF says.
  const bitmap = await createImageBitmap(file)
  const { width, height } = bitmap
  const drawn = await draw(bitmap, width, height)
  bitmap.close()
  return { ...drawn, width, height, durationMs: null }
}

async function previewOfVideo(file: File): Promise<Preview> {
  const url = URL.createObjectURL(file)
  const video = Object.assign(document.createElement('video'), { muted: true, playsInline: true, preload: 'auto' })
  try {
    video.src = url
    await once(video, 'loadeddata')
    const { videoWidth: width, videoHeight: height, duration } = video
    if (width === 0) return NOTHING
    const isKnown = Number.isFinite(duration)
    video.currentTime = isKnown ? Math.min(duration * 0.1, 10) : 0
    await once(video, 'seeked')
    const drawn = await draw(video, width, height)
    return { ...drawn, width, height, durationMs: isKnown ? Math.round(duration * 1000) : null }
  } finally {
    video.removeAttribute('src')
    video.load()
    URL.revokeObjectURL(url)
  }
}

function once(target: HTMLVideoElement, type: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(FRAME_WAIT_MS)
    signal.addEventListener('abort', () => reject(new Error(`no ${type}`)), { once: true })
    target.addEventListener(type, () => resolve(), { once: true })
    target.addEventListener('error', () => reject(target.error ?? new Error('not playable')), { once: true })
  })
}

async function draw(
  source: CanvasImageSource,
  width: number,
  height: number,
): Promise<Pick<Preview, 'thumb' | 'thumbhash'>> {
  const canvas = scaled(source, width, height, THUMB_PX)
  const webp = await canvas.convertToBlob({ type: 'image/webp', quality: 0.8 })
  // Engines without a WebP encoder answer with PNG, many times as large.
  const thumb = webp.type === 'image/webp' ? webp : await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.8 })
  const small = scaled(source, width, height, HASH_PX)
  const pixels = small.getContext('2d')?.getImageData(0, 0, small.width, small.height)
  const hash = pixels && rgbaToThumbHash(small.width, small.height, pixels.data)
  return { thumb, thumbhash: hash ? toBase64Url(hash) : null }
}

function scaled(source: CanvasImageSource, width: number, height: number, maxPx: number): OffscreenCanvas {
  const factor = Math.min(1, maxPx / Math.max(width, height))
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * factor)), Math.max(1, Math.round(height * factor)))
  canvas.getContext('2d')?.drawImage(source, 0, 0, canvas.width, canvas.height)
  return canvas
}
