import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { FormatError } from '../../shared/errors.ts'
import { folder, generate, picture, tone } from '../fixtures.ts'
import { codecsOf } from './codecs.ts'

/** An init segment, and what ffmpeg's own master playlist says of it. */
function made(name: string, ...args: string[]) {
  const place = join(folder, `codecs-${name}`)
  mkdirSync(place, { recursive: true })
  const hls = ['-f', 'hls', '-hls_segment_type', 'fmp4', '-hls_playlist_type', 'vod', '-master_pl_name', 'master.m3u8']
  generate(`codecs-${name}/index.m3u8`, ...args, ...hls)
  const master = readFileSync(join(place, 'master.m3u8'), 'utf8')
  return { init: new Uint8Array(readFileSync(join(place, 'init.mp4'))), said: /CODECS="([^"]+)"/.exec(master)?.[1] }
}

const h264 = (profile: string, level: string) => {
  const options = ['-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-profile:v', profile, '-level', level]
  return ['-c:v', 'libx264', ...options]
}

it.each([
  // ultrafast leaves out what only the higher profiles have, and would be called Baseline.
  ['baseline', '1.3', 'cabac=0', 'avc1.42c00d'],
  ['main', '3.1', 'cabac=1', 'avc1.4d401f'],
  ['high', '4.0', 'cabac=1:8x8dct=1', 'avc1.640028'],
])('names H.264 %s at level %s, and the sound beside it, as ffmpeg does', (profile, level, tools, name) => {
  const coding = [...h264(profile, level), '-x264-params', tools, '-c:a', 'aac']
  const { init, said } = made(profile, ...picture('64x64', 1, 5), ...tone(1), ...coding)
  expect(said?.toLowerCase()).toBe(`${name},mp4a.40.2`)
  expect(codecsOf(init)).toBe(`${name},mp4a.40.2`)
})

it('names a video without sound, and refuses what is cut short anywhere', () => {
  const { init } = made('mute', ...picture('64x64', 1, 5), ...h264('baseline', '1.3'))
  expect(codecsOf(init)).toBe('avc1.42c00d')
  for (let length = 0; length < init.length; length++) {
    expect(() => codecsOf(init.subarray(0, length)), String(length)).toThrow(FormatError)
  }
})
