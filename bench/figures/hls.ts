import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { objectId } from '../../shared/crypto/object-key.ts'
import { newKey, newMediaId, newSetName } from '../../shared/crypto/random.ts'
import { sealMadeObject } from '../../shared/crypto/seal-object.ts'
import { toBase64Url } from '../../shared/format/base64url.ts'
import { objectPath } from '../../shared/wire/media.ts'
import { FROM_START, mediaUrl } from '../../shared/wire/page-sw.ts'
import { FIRST_SEGMENT_SECONDS, KEYFRAME_TIMES } from '../../worker/ffmpeg/arguments.ts'
import { sendBytes, withBrowser } from '../browser.ts'
import { type Bench, figure, median } from '../figure.ts'
import type { BenchPage } from '../pages/page.ts'

const ROUNDS = 21
const SECONDS = 60
declare const page: BenchPage

/** The same HLS, sealed through the Service Worker and in plain from the same server, played by the same hls.js. */
export const bench: Bench = {
  name: 'hls',
  async run() {
    const folder = mkdtempSync(join(tmpdir(), 'kith-bench-'))
    try {
      makeHls(folder)
      const [contentKey, mediaId, set] = [newKey(), newMediaId(), newSetName()]
      const files = new Map<string, { bytes: Uint8Array; type: string }>()
      for (const file of readdirSync(folder)) {
        const name = `r/${set}/720p/${file}`
        const plain = new Uint8Array(readFileSync(join(folder, file)))
        const type = file.endsWith('m3u8') ? 'application/vnd.apple.mpegurl' : 'video/mp4'
        files.set(`/plain/${file}`, { bytes: plain, type })
        const bytes = await sealMadeObject({ contentKey, mediaId, name }, plain)
        files.set(objectPath(mediaId, await objectId(contentKey, name)), { bytes, type: 'application/octet-stream' })
      }
      const answer: Parameters<typeof withBrowser>[1] = (request, response, asked) => {
        const file = files.get(asked)
        if (file) sendBytes(request, response, file.bytes, file.type)
        return file !== undefined
      }
      return await withBrowser(['sw', 'page'], answer, async (tab) => {
        const text = { mediaId, contentKey: toBase64Url(contentKey), streamKey: toBase64Url(newKey()) }
        await tab.evaluate((given) => page.control(given), text)
        const play = (url: string) => tab.evaluate(([at, to]) => page.play(at, to), [url, SECONDS - 15] as const)
        const sealedUrl = `${mediaUrl(mediaId, `r/${set}/720p/index.m3u8`)}?${FROM_START}`
        await play(sealedUrl)
        await play('/plain/index.m3u8')
        const sealed: Awaited<ReturnType<typeof play>>[] = []
        const plain: typeof sealed = []
        for (let round = 0; round < ROUNDS; round++) {
          sealed.push(await play(sealedUrl))
          plain.push(await play('/plain/index.m3u8'))
        }
        const compare = (name: string, of: 'firstFrameMs' | 'seekMs') =>
          figure(
            name,
            'ms',
            {
              ours: median(sealed.map((run) => run[of])),
              peer: median(plain.map((run) => run[of])),
              peerName: 'the same HLS in plain',
            },
            { atMost: 1.25 },
          )
        return [compare('first frame of sealed HLS', 'firstFrameMs'), compare('seek in sealed HLS', 'seekMs')]
      })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

/** Cut as the worker cuts. */
function makeHls(folder: string): void {
  const source = [
    '-f',
    'lavfi',
    '-i',
    `testsrc2=s=1280x720:r=24:d=${SECONDS}`,
    '-f',
    'lavfi',
    '-i',
    `sine=d=${SECONDS}`,
  ]
  const codec = [
    '-c:v',
    'libx264',
    '-preset',
    'veryfast',
    '-b:v',
    '2500k',
    '-force_key_frames',
    KEYFRAME_TIMES,
    '-g',
    '100000',
    '-sc_threshold',
    '0',
    '-pix_fmt',
    'yuv420p',
    '-c:a',
    'aac',
  ]
  const hls = [
    '-f',
    'hls',
    '-hls_time',
    String(FIRST_SEGMENT_SECONDS),
    '-hls_playlist_type',
    'vod',
    '-hls_segment_type',
    'fmp4',
    '-start_number',
    '1',
    '-hls_segment_filename',
    '%05d.m4s',
    'index.m3u8',
  ]
  const run = spawnSync('ffmpeg', ['-v', 'error', ...source, ...codec, ...hls], { cwd: folder, encoding: 'utf8' })
  if (run.status !== 0) throw new Error(run.stderr)
}
