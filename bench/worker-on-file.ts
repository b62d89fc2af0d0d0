import { readFile } from 'node:fs/promises'
import { openHeader, openRange } from '../shared/crypto/open-object.ts'
import { newSetName } from '../shared/crypto/random.ts'
import { sealMadeObject } from '../shared/crypto/seal-object.ts'
import { fromBase64Url } from '../shared/format/base64url.ts'
import { parseMediaId } from '../shared/format/ids.ts'
import { HEADER_BYTES } from '../shared/format/layout.ts'
import { findTools } from '../worker/ffmpeg/tools.ts'
import { createLoopback } from '../worker/loopback.ts'
import { createUploads } from '../worker/media/uploads.ts'
import { processVideo } from '../worker/media/video.ts'
import { createCollector } from '../worker/memory.ts'
import { createCachedSource } from '../worker/source.ts'

/** Converts the object at an address as the worker does, sends there what it makes, and tells the most memory that it held. */
const [, , url = '', keys = '{}'] = process.argv
const { contentKey, mediaId } = JSON.parse(keys) as { contentKey: string; mediaId: string }
const object = { contentKey: fromBase64Url(contentKey), mediaId: parseMediaId(mediaId), name: 'original' }

const handled = createCollector()
async function read(from: number, to: number) {
  const response = await fetch(url, { headers: { range: `bytes=${from}-${to - 1}` } })
  const totalBytes = Number(response.headers.get('content-range')?.split('/')[1])
  const bytes = new Uint8Array(await response.arrayBuffer())
  handled(bytes.length)
  return { bytes, totalBytes }
}

const head = await read(0, HEADER_BYTES)
const opened = await openHeader(object, head.bytes, head.totalBytes)
const loopback = await createLoopback()
const { status } = await processVideo({
  source: createCachedSource(opened.trueBytes, (start, end) =>
    openRange(opened, start, end, async (from, to) => (await read(from, to)).bytes),
  ),
  set: newSetName(),
  uploads: createUploads(async (name, plain) => {
    const body = await sealMadeObject({ ...object, name }, plain)
    await (await fetch(url, { method: 'PUT', body })).body?.cancel()
  }),
  announce: async () => undefined,
  report: () => undefined,
  signal: new AbortController().signal,
  loopback,
  tools: await findTools('ffmpeg', 'ffprobe'),
  stallMs: 120_000,
  maxObjectBytes: 28 * 2 ** 20,
})
const peakKib = Number(/^VmHWM:\s+(\d+) kB/m.exec(await readFile('/proc/self/status', 'utf8'))?.[1] ?? 0)
process.stdout.write(JSON.stringify({ status, peakMib: peakKib / 1024 }))
process.exit(0)
