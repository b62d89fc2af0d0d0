import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { utf8 } from '../../shared/format/bytes.ts'
import { CHEAP, folder, generate, make, picture } from '../fixtures.ts'

/** Somebody who waits to be called by a file that points at them. */
let listener: Server
let called = 0
let canary: string
let address: string
beforeAll(async () => {
  listener = createServer((_, response) => {
    called++
    response.end()
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  address = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`
  canary = join(folder, 'canary.mp4')
  generate('canary.mp4', ...picture('64x64', 1), '-c:v', 'mpeg4')
})
afterAll(() => new Promise((resolve) => listener.close(resolve)))

const files: [string, () => Uint8Array<ArrayBuffer>][] = [
  ['nothing at all', () => new Uint8Array(0)],
  ['noise', () => new Uint8Array(20_000).map((_, i) => (i * 7919) % 251)],
  ['a text', () => utf8('dear diary\n'.repeat(500))],
  ['a page', () => utf8('<!doctype html><script src="https://example.org/x.js"></script>')],
  [
    'an HLS playlist of an address',
    () => utf8(`#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n${address}/a.ts\n#EXT-X-ENDLIST\n`),
  ],
  [
    'an HLS playlist of a file',
    () => utf8(`#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://${canary}\n#EXT-X-ENDLIST\n`),
  ],
  ['a list of files', () => utf8(`ffconcat version 1.0\nfile '${canary}'\n`)],
  [
    'a session description',
    () =>
      utf8(
        'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n',
      ),
  ],
  [
    'a DASH manifest',
    () => utf8(`<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>${address}/</BaseURL></MPD>`),
  ],
  ['a head without a body', () => generate('head.mp4', ...picture('64x64', 1), '-c:v', 'mpeg4').slice(0, 300)],
]

describe('what is no video', () => {
  it.each(files)(
    '%s ends as unprocessable, and calls nobody',
    async (_, file) => {
      const before = called
      await expect(make(file())).rejects.toMatchObject({ code: 'job/unprocessable' })
      expect(called).toBe(before)
    },
    30_000,
  )

  it('a picture is left as it is', async () => {
    const jpeg = generate('picture.jpg', ...picture('64x64', 1), '-frames:v', '1')
    expect((await make(jpeg)).document).toMatchObject({ status: 'nothing-to-do', kind: 'image' })
  })
})

/** The same file with another size in the header of its video track. */
function claiming(avi: Uint8Array<ArrayBuffer>, side: number): Uint8Array<ArrayBuffer> {
  const lie = avi.slice()
  const at = Buffer.from(lie).indexOf('strf') // size, then BITMAPINFOHEADER: its size, width, height
  new DataView(lie.buffer).setInt32(at + 12, side, true)
  new DataView(lie.buffer).setInt32(at + 16, side, true)
  return lie
}
/** PNG 1.2 §11.2.2: the header chunk begins with width and height. */
function claimingInside(mov: Uint8Array<ArrayBuffer>, side: number): Uint8Array<ArrayBuffer> {
  const lie = mov.slice()
  const bytes = Buffer.from(lie.buffer)
  for (let at = bytes.indexOf('IHDR'); at >= 0; at = bytes.indexOf('IHDR', at + 4)) {
    bytes.writeUInt32BE(side, at + 4)
    bytes.writeUInt32BE(side, at + 8)
  }
  return lie
}
const small = picture('64x64', 1)
const raw = ['-c:v', 'rawvideo', '-pix_fmt', 'yuv420p']
const grey = (size: string) => ['-f', 'lavfi', '-i', `color=c=gray:s=${size}:r=1:d=1`]

describe('a video that is too much', () => {
  it.each<[string, string, () => Uint8Array<ArrayBuffer>]>([
    ['truly is larger than 8K', 'too-large', () => generate('6500.avi', ...grey('6500x6500'), '-c:v', 'mjpeg')],
    ['says 7000×7000 of raw pictures', 'too-large', () => claiming(generate('raw.avi', ...small, ...raw), 7000)],
    ['says 30000×30000 of them', 'too-large', () => claiming(generate('raw.avi', ...small, ...raw), 30_000)],
    [
      'says 60000×60000 in every one of its pictures, and 64×64 in front',
      'too-large',
      () => claimingInside(generate('bomb.mov', ...small, '-c:v', 'png'), 60_000),
    ],
    ['lasts 13 hours', 'too-long', () => generate('13h.mp4', ...picture('64x64', 13 * 3600, 1 / 1800), ...CHEAP)],
  ])(
    'because it %s is refused as %s',
    async (_, reason, file) => {
      await expect(make(file())).rejects.toMatchObject({ code: 'job/unprocessable', reason })
    },
    60_000,
  )

  it('in its header alone is converted as what it is', async () => {
    const made = await make(claiming(generate('small.avi', ...small, '-c:v', 'mjpeg'), 30_000))
    expect(made.document).toMatchObject({ status: 'ready', width: 64, height: 64 })
  }, 60_000)
})
