import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../shared/format/bytes.ts'
import { isObjectName } from '../../shared/format/object-name.ts'
import { codeOf } from '../../shared/testing/people.ts'
import type { Card } from '../../shared/wire/card.ts'
import type { WorkerDocument } from '../../shared/wire/worker-document.ts'
import { choicesOf, filesOf, planOf, usualHeight } from './plan.ts'

const SET = 'r/AAAAAAAAAAAAAAAAAAAAAA'
const card: Card = { title: 't', fileName: 'f.mp4', type: 'video/mp4', sizeBytes: 9_000_000, hasThumb: true }
const made: WorkerDocument = {
  v: 1,
  status: 'ready',
  kind: 'video',
  master: `${SET}/master-2.m3u8`,
  poster: `${SET}/poster.webp`,
  durationMs: 60_000,
  renditions: [
    { name: '1080p', width: 1920, height: 1080, bandwidth: 5_000_000, codecs: 'avc1' },
    { name: '360p', width: 640, height: 360, bandwidth: 800_000, codecs: 'avc1' },
    { name: '720p', width: 1280, height: 720, bandwidth: 2_500_000, codecs: 'avc1' },
  ],
}
const playlists = new Map([
  [
    `${SET}/master-2.m3u8`,
    '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=640x360\n360p/index.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2,RESOLUTION=1280x720\n720p/index.m3u8\n',
  ],
  [`${SET}/720p/index.m3u8`, '#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:2,\n00001.m4s\n#EXTINF:4,\n00002.m4s\n'],
  [`${SET}/360p/index.m3u8`, '#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:2,\n00001.m4s\n'],
])
const open = async (name: string) => utf8(playlists.get(name) ?? '')

it('offers the renditions, smallest first, and the original', () => {
  const choices = choicesOf(card, made)
  expect(choices.map(({ label }) => label)).toEqual(['360p', '720p', '1080p', 'Original'])
  expect(choices[1]?.estimatedBytes).toBe(18_750_000)
  expect(usualHeight(choices)).toBe(720)
  expect(usualHeight(choicesOf(card, null))).toBeNull()
})

it.each([
  [1080, 1080],
  [1079, 720],
  [100, 360],
  [null, null],
])('where at most %s lines are wanted takes %s', (most, height) => {
  expect(usualHeight(choicesOf(card, made), most)).toBe(height)
})

it('takes everything that one rendition asks for', async () => {
  expect(await planOf(card, made, 720, open)).toEqual([
    'thumb',
    `${SET}/poster.webp`,
    `${SET}/master-2.m3u8`,
    `${SET}/720p/index.m3u8`,
    `${SET}/720p/init.mp4`,
    `${SET}/720p/00001.m4s`,
    `${SET}/720p/00002.m4s`,
  ])
})

it('takes the smallest where the wanted one was never made', async () => {
  expect(await planOf(card, made, 1440, open)).toContain(`${SET}/360p/00001.m4s`)
})

it('takes the original of what has no renditions', async () => {
  expect(await planOf(card, null, 720, open)).toEqual(['thumb', 'original'])
  expect(await planOf(card, made, null, open)).toEqual(['thumb', `${SET}/poster.webp`, 'original'])
})

describe('a playlist that was made to lead elsewhere', () => {
  it.each(['../../original', 'https://evil.example/x.m4s', '/api/vault', '..', 'a/b/c/d/e.m4s', '%2e%2e/x'])(
    'refuses %s',
    async (line) => {
      expect(await codeOf(async () => filesOf(`#EXTM3U\n${line}`, `${SET}/720p/index.m3u8`))).toBe('format/invalid')
    },
  )

  it('never names anything but objects, whatever it says', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        try {
          for (const name of filesOf(text, `${SET}/720p/index.m3u8`)) expect(isObjectName(name)).toBe(true)
        } catch (error) {
          expect(error).toMatchObject({ code: 'format/invalid' })
        }
      }),
    )
  })

  it('ends somewhere', async () => {
    const endless = 'x.m4s\n'.repeat(50_001)
    expect(await codeOf(async () => filesOf(endless, `${SET}/720p/index.m3u8`))).toBe('format/invalid')
  })
})
