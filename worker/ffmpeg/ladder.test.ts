import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ladderOf } from './ladder.ts'
import { parseProbe, type VideoStream } from './probe.ts'

function videoOf(width: number, height: number): VideoStream {
  const stream = { index: 0, codec_type: 'video', codec_name: 'h264', width, height }
  const { video } = parseProbe(JSON.stringify({ streams: [stream], format: {} }))
  if (!video) throw new Error('no video')
  return video
}
const shown = (width: number, height: number, copies: boolean) =>
  ladderOf(videoOf(width, height), copies).map(
    (rung) => `${rung.name} ${rung.width}x${rung.height}${rung.copy ? ' copied' : ''}`,
  )

it.each<[what: string, width: number, height: number, rungs: string[]]>([
  ['1080p', 1920, 1080, ['1080p 1920x1080', '720p 1280x720', '480p 854x480', '360p 640x360']],
  ['720p', 1280, 720, ['720p 1280x720', '480p 854x480', '360p 640x360']],
  ['480p', 854, 480, ['480p 854x480', '360p 640x360']],
  ['360p', 640, 360, ['360p 640x360']],
  ['4K', 3840, 2160, ['1080p 1920x1080', '720p 1280x720', '480p 854x480', '360p 640x360']],
  ['8K', 7680, 4320, ['1080p 1920x1080', '720p 1280x720', '480p 854x480', '360p 640x360']],
  ['upright 1080p', 1080, 1920, ['1080p 1080x1920', '720p 720x1280', '480p 480x854', '360p 360x640']],
  ['square', 800, 800, ['720p 720x720', '480p 480x480', '360p 360x360']],
  ['one row short of 1080p', 1919, 1079, ['720p 1280x720', '480p 854x480', '360p 640x360']],
  ['odd', 641, 361, ['360p 640x360']],
  ['smaller than the lowest step', 320, 240, ['240p 320x240']],
  ['smaller and odd', 321, 241, ['240p 320x240']],
  ['wider than phones play', 6000, 1080, ['1080p 4096x738', '720p 4000x720', '480p 2666x480', '360p 2000x360']],
])('makes of %s (%i × %i) what is not above it', (_what, width, height, rungs) => {
  expect(shown(width, height, false)).toEqual(rungs)
})

it.each<[what: string, width: number, height: number, rungs: string[]]>([
  ['in place of its step', 1920, 1080, ['1080p 1920x1080 copied', '720p 1280x720', '480p 854x480', '360p 640x360']],
  ['in place of a step a little below', 1024, 768, ['768p 1024x768 copied', '480p 640x480', '360p 480x360']],
  ['beside a step well below', 1600, 900, ['900p 1600x900 copied', '720p 1280x720', '480p 854x480', '360p 640x360']],
  ['alone where it is small', 320, 240, ['240p 320x240 copied']],
])('takes a source that may be copied %s (%i × %i)', (_what, width, height, rungs) => {
  expect(shown(width, height, true)).toEqual(rungs)
})

it('gives each step its rate', () => {
  const rates = ladderOf(videoOf(1920, 1080), false).map(({ maxRate }) => maxRate)
  expect(rates).toEqual([5_000_000, 2_800_000, 1_400_000, 800_000])
})

it('never makes more of a picture than there is, nor odd sides, nor another shape', () => {
  const side = fc.integer({ min: 2, max: 8192 })
  fc.assert(
    fc.property(side, side, (width, height) => {
      const rungs = ladderOf(videoOf(width, height), false)
      expect(rungs.length).toBeGreaterThan(0)
      for (const rung of rungs) {
        expect(rung.width).toBeLessThanOrEqual(width)
        expect(rung.height).toBeLessThanOrEqual(height)
        expect([rung.width % 2, rung.height % 2]).toEqual([0, 0])
        expect(Math.max(rung.width, rung.height)).toBeLessThanOrEqual(4096)
        // Each side may be rounded by a pixel.
        const scale = Math.max(rung.width / width, rung.height / height)
        expect(Math.abs(rung.width - width * scale)).toBeLessThanOrEqual(1 + Math.max(1, width / height))
        expect(Math.abs(rung.height - height * scale)).toBeLessThanOrEqual(1 + Math.max(1, height / width))
      }
      expect(rungs.map((rung) => rung.width * rung.height)).toEqual(
        rungs.map((rung) => rung.width * rung.height).sort((a, b) => b - a),
      )
    }),
  )
})
