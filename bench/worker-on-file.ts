import { open, readFile } from 'node:fs/promises'
import { openChunk, openHeader } from '../shared/crypto/open-object.ts'
import { newKey, newMediaId, newSetName, randomBytes } from '../shared/crypto/random.ts'
import { createObjectSealer, plainRange, sealMadeObject } from '../shared/crypto/seal-object.ts'
import { sealedSize } from '../shared/format/layout.ts'
import { findTools } from '../worker/ffmpeg/tools.ts'
import { createLoopback } from '../worker/loopback.ts'
import { createUploads } from '../worker/media/uploads.ts'
import { processVideo } from '../worker/media/video.ts'
import { createCachedSource } from '../worker/source.ts'

/** Converts the file that the command line names as the worker does, sealed on the way, and tells its own peak memory. */
const file = await open(process.argv[2] ?? '')
const { size } = await file.stat()
const object = { contentKey: newKey(), mediaId: newMediaId(), name: 'original' }
const sealer = await createObjectSealer({ ...object, salt: randomBytes(16), trueBytes: size })
const opened = await openHeader(object, sealer.header, sealedSize(sealer.layout))

/** Each chunk is sealed as a server would have it, and opened again as the worker does. */
async function chunk(index: number): Promise<Uint8Array<ArrayBuffer>> {
  const [start, end] = plainRange(sealer.layout, size, index)
  const plain = new Uint8Array(end - start)
  await file.read(plain, 0, plain.length, start)
  const { sealed } = await sealer.sealChunk(index, plain)
  return openChunk(opened, index, sealed)
}

const { chunkBytes } = sealer.layout
const source = createCachedSource(size, async (start, end) => {
  const first = Math.floor(start / chunkBytes)
  const count = Math.ceil(end / chunkBytes) - first
  const out = new Uint8Array(end - start)
  for (let i = 0; i < count; i++) {
    const at = (first + i) * chunkBytes - start
    const plain = await chunk(first + i)
    out.set(plain.subarray(Math.max(0, -at), end - start - at), Math.max(0, at))
  }
  return out
})
const loopback = await createLoopback()
const { status } = await processVideo({
  source,
  set: newSetName(),
  uploads: createUploads(async (name, plain) => {
    await sealMadeObject({ ...object, name }, plain)
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
