import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { utf8 } from '../../shared/format/bytes.ts'
import { folder, generate, make, picture } from '../fixtures.ts'

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

  it('a picture of a size that no memory holds is refused', async () => {
    // PNG would be an image; an AVI claims whatever it likes of its frames.
    const avi = generate('huge.avi', ...picture('64x64', 1), '-c:v', 'mjpeg')
    const view = new DataView(avi.buffer)
    const at = Buffer.from(avi).indexOf('strf')
    view.setInt32(at + 12, 30_000, true)
    view.setInt32(at + 16, 30_000, true)
    writeFileSync(join(folder, 'huge-lie.avi'), avi)
    const outcome = await make(avi).then(
      ({ document }) => document.status,
      (error: { code?: string }) => error.code,
    )
    expect(['job/unprocessable', 'ready']).toContain(outcome)
  }, 60_000)
})
