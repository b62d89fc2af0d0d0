import { expect, it } from 'vitest'
import { bandwidthOf, parseMediaPlaylist, renderMasterPlaylist, type Variant } from './playlist.ts'

const segments = (...all: [seconds: number, sizeBytes: number][]) =>
  all.map(([seconds, sizeBytes], i) => ({ name: `0000${i + 1}.m4s`, seconds, sizeBytes }))

// By hand, from RFC 8216 §4.1: the target is the longest segment, rounded; runs are of 0.5 to 1.5 targets.
it.each([
  ['of segments that are all alike', segments([4, 1000], [4, 1000]), 2000, 2000],
  ['of a heavy segment that is half a target long', segments([2, 1000], [2, 3000], [4, 2000]), 12_000, 6000],
  ['of a heavy end that is too short to count alone', segments([4, 4000], [4, 4000], [1, 4000]), 12_800, 10_667],
  ['of a heavy start that no player can spread', segments([4, 9000], [4, 1000], [4, 1000]), 18_000, 7334],
  ['of a run that is longer than one and a half targets', segments([4, 1000], [3, 3000], [3, 3000]), 8000, 5600],
  ['of a film shorter than half a target', segments([0.4, 100]), 2000, 2000],
  ['of a film without a length', segments([0, 100]), 0, 0],
])('knows peak and average %s', (_, film, peak, average) => {
  expect(bandwidthOf(film)).toEqual({ peak, average })
})

it.each(['../00001.m4s', 'http://example.org/00001.m4s', '/00001.m4s', '00001.ts', '%2e%2e/00001.m4s'])(
  'refuses a playlist that names %s',
  (name) => {
    expect(() => parseMediaPlaylist(`#EXTM3U\n#EXTINF:2.0,\n${name}\n`)).toThrow()
    expect(parseMediaPlaylist('#EXTM3U\n#EXTINF:2.0,\n00001.m4s\n')).toEqual([{ name: '00001.m4s', seconds: 2 }])
  },
)

it('lists the smallest first, where players start that do not know the network', () => {
  const variant = (name: string, bandwidth: number): Variant => ({
    ...{ name, bandwidth, averageBandwidth: bandwidth - 1, codecs: 'avc1.64001e' },
    ...{ width: 2, height: 2, frameRate: 25 },
  })
  const master = renderMasterPlaylist([variant('720p', 9000), variant('360p', 800), variant('480p', 1000)])
  expect(master.match(/^\d+p/gm)).toEqual(['360p', '480p', '720p'])
  expect(master).toContain('BANDWIDTH=800,AVERAGE-BANDWIDTH=799,CODECS="avc1.64001e",RESOLUTION=2x2,FRAME-RATE=25.000')
})
