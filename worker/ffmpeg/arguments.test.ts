import { expect, it } from 'vitest'
import { keyframeArguments, posterArguments, probeArguments } from './arguments.ts'
import { ALLOWED_DEMUXERS, sniff } from './formats.ts'
import { parseProbe } from './probe.ts'

const url = 'http://127.0.0.1:1/secret/source'

it.each([
  ['probing', probeArguments(url)],
  ['looking for keyframes', keyframeArguments(url, 0)],
])('%s reads the loopback only, and only containers that hold their own bytes', (_, args) => {
  const text = args.join(' ')
  expect(text).toContain('-protocol_whitelist http,tcp')
  expect(text).toContain('-format_whitelist')
  expect(args.indexOf('-protocol_whitelist')).toBeLessThan(args.indexOf(url))
})

it.each(['smpte2084', 'bt709'])('makes pictures (%s) small before it holds 24 of them', (color_transfer) => {
  const eightK = { index: 0, codec_type: 'video', codec_name: 'hevc', width: 7680, height: 4320, color_transfer }
  const { video } = parseProbe(JSON.stringify({ streams: [eightK], format: {} }))
  if (!video) throw new Error('no video')
  const args = posterArguments({ sourceUrl: url, outputUrl: `${url}/out`, video, tonemaps: true }, 0)
  const graph = args[args.indexOf('-filter_complex') + 1] ?? ''
  expect(graph).toMatch(/scale=640:360.*thumbnail=n=24/)
  expect(graph).not.toMatch(/7680|4320/)
})

it('knows no demuxer that opens other files or addresses', () => {
  for (const name of [
    'hls',
    'applehttp',
    'concat',
    'dash',
    'sdp',
    'rtsp',
    'image2',
    'lavfi',
    'tedcaptions',
    'webvtt',
  ]) {
    expect(ALLOWED_DEMUXERS).not.toContain(name)
  }
})

it.each([
  ['#EXTM3U\n', 'playlist'],
  ['ffconcat version 1.0\n', 'playlist'],
  ['\xff\xd8\xff\xe0', 'image'],
  ['\0\0\0\x18ftypheic', 'image'],
  ['\0\0\0\x18ftypisom', 'unknown'],
])('sniffs %j as %s', (head, kind) => {
  expect(sniff(Buffer.from(head, 'latin1'))).toBe(kind)
})
