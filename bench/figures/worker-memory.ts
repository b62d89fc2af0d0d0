import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { newKey, newMediaId, randomBytes } from '../../shared/crypto/random.ts'
import { createObjectSealer, plainRange } from '../../shared/crypto/seal-object.ts'
import { toBase64Url } from '../../shared/format/base64url.ts'
import { concat } from '../../shared/format/bytes.ts'
import { HEADER_BYTES, sealedChunk, sealedSize } from '../../shared/format/layout.ts'
import { type Bench, figure } from '../figure.ts'

const SOURCE_BYTES = 2 * 2 ** 30
const FRAME_BYTES = 1280 * 720 * 1.5

/** The most that the worker's own process ever holds, beside ffmpeg, while it converts a source of 2 GiB. */
export const bench: Bench = {
  name: 'worker-memory',
  async run(log) {
    const folder = mkdtempSync(join(tmpdir(), 'kith-bench-'))
    try {
      const video = join(folder, 'source.avi')
      const frames = Math.ceil(SOURCE_BYTES / FRAME_BYTES)
      log('making a source of 2 GiB')
      const source = ['-f', 'lavfi', '-i', 'testsrc2=s=1280x720:r=60', '-frames:v', String(frames)]
      spawnSync('ffmpeg', ['-v', 'error', ...source, '-c:v', 'rawvideo', '-pix_fmt', 'yuv420p', video])
      if (statSync(video).size < SOURCE_BYTES) throw new Error('the source is too small')
      log('converting it')
      const server = await serveSealed(video)
      const program = fileURLToPath(new URL('../worker-on-file.ts', import.meta.url))
      // As `npm start` and `npm run worker` start it.
      const frugal = fileURLToPath(new URL('../../bin/frugal', import.meta.url))
      const child = spawn('sh', [frugal, program, server.url, server.keys], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let said = ''
      for await (const part of child.stdout) said += part
      server.close()
      const { peakMib, status } = JSON.parse(said) as { peakMib: number; status: string }
      if (status !== 'ready') throw new Error(`the source was not converted: ${status}`)
      return [figure('worker memory beside ffmpeg, 2 GiB source', 'MiB', { ours: peakMib }, { atMost: 150 })]
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

/** The file as a blind server would have it: each part is sealed when it is asked for, and what is sent is let go. */
async function serveSealed(path: string) {
  const file = await open(path)
  const { size } = await file.stat()
  const object = { contentKey: newKey(), mediaId: newMediaId(), name: 'original' }
  const sealer = await createObjectSealer({ ...object, salt: randomBytes(16), trueBytes: size })
  const { layout } = sealer
  const sealChunk = async (index: number) => {
    const [start, end] = plainRange(layout, size, index)
    const plain = new Uint8Array(end - start)
    await file.read(plain, 0, plain.length, start)
    return (await sealer.sealChunk(index, plain)).sealed
  }
  const server = createServer(async (request, response) => {
    if (request.method === 'PUT') {
      request.resume().on('end', () => response.writeHead(201).end())
      return
    }
    const [, from = 0, last = 0] = (/bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []).map(Number)
    const parts: Uint8Array[] = from === 0 ? [sealer.header] : []
    for (let index = 0, at = HEADER_BYTES; index < layout.chunks && at <= last; index++) {
      const [start, end] = sealedChunk(layout, index)
      if (start >= from && end <= last + 1) parts.push(await sealChunk(index))
      at = end
    }
    response.writeHead(206, { 'content-range': `bytes ${from}-${last}/${sealedSize(layout)}` })
    response.end(concat(...parts))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const keys = JSON.stringify({ contentKey: toBase64Url(object.contentKey), mediaId: object.mediaId })
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, keys, close }
}
