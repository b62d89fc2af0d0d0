import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sha256 } from '../../shared/crypto/hash.ts'
import { toBase64Url } from '../../shared/format/base64url.ts'
import { CHEAP, generate, hueAt, inspect, luma, type Made, make, picture, textOf, tone } from '../fixtures.ts'

const base = (made: Made, file: string) => `r/${made.document.set}/${file}`
const playlist = (made: Made, rung: string) => textOf(made, base(made, `${rung}/index.m3u8`))
/** What cameras write beside the picture, as text, so that it can be searched for. */
const POSITION = '+48.2082+016.3738/'
const CAMERA = ['-metadata', 'title=Kanarienvogel', '-metadata:s:v', 'handler_name=Bluthaenfling']
const ANDROID = [...CAMERA, '-metadata', `location=${POSITION}`, '-f', 'mov']
const APPLE_KEY = 'com.apple.quicktime.location.ISO6709'
const APPLE = [...CAMERA, '-metadata', `${APPLE_KEY}=${POSITION}`, '-movflags', 'use_metadata_tags']
function expectWithoutCamera(source: Uint8Array, made: Made) {
  for (const canary of ['Kanarienvogel', 'Bluthaenfling', POSITION]) {
    expect(Buffer.from(source).includes(canary), canary).toBe(true)
    for (const [name, plain] of made.objects) expect(Buffer.from(plain).includes(canary), name).toBe(false)
  }
}
/** Times of the keyframes, in seconds. */
function keyframes(made: Made, rung: string): number[] {
  const { frames = [] } = inspect(made, rung, 'frame=key_frame,media_type,pts_time')
  return frames
    .filter(({ media_type, key_frame }) => media_type === 'video' && key_frame === 1)
    .map(({ pts_time }) => Number(pts_time))
}
const durations = (text: string) => [...text.matchAll(/#EXTINF:([\d.]+)/g)].map(([, seconds]) => Number(seconds))

describe('a video that has to be converted', () => {
  let made: Made
  let source: ReturnType<typeof generate>
  beforeAll(async () => {
    source = generate('source.mov', ...picture('854x480', 9, 10), ...tone(9), ...CHEAP, ...ANDROID)
    made = await make(source)
  }, 60_000)

  it('announces the smallest rendition first, then all', () => {
    expect(made.documents.map(({ status }) => status)).toEqual(['partial', 'ready'])
    expect(made.documents[0]?.renditions?.map(({ name }) => name)).toEqual(['360p'])
    expect(made.documents[1]?.renditions?.map(({ name }) => name).sort()).toEqual(['360p', '480p'])
    expect(made.document).toMatchObject({ kind: 'video', width: 854, height: 480 })
    expect(made.document.durationMs).toBeGreaterThan(8500)
  })

  it('can be played from its first announcement on, when nothing else has been made yet', async () => {
    const [partial] = made.documents
    const [there] = made.arrived
    expect([...(there?.keys() ?? [])].filter((name) => name.includes('480p'))).toEqual([])
    const server = createServer(({ url = '' }, response) => {
      const body = there?.get(url.slice(1))
      if (!body) response.statusCode = 404
      response.end(body)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const master = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${partial?.master}`
    const count = [
      '-v',
      'error',
      '-select_streams',
      'v',
      '-count_frames',
      '-show_entries',
      'stream=nb_read_frames,height',
    ]
    const { stdout, stderr } = await promisify(execFile)('ffprobe', [...count, '-of', 'csv=p=0', master])
    server.close()
    expect(stderr).toBe('')
    expect([...new Set(stdout.trim().split(/\s+/))]).toEqual(['360,90'])
  })

  it('cuts the first segments after 2 s, the others after 4 s, on all rungs alike', () => {
    const seconds = durations(playlist(made, '360p'))
    expect(seconds.map((value) => Math.round(value))).toEqual([2, 2, 4, 1])
    expect(durations(playlist(made, '480p'))).toEqual(seconds)
    expect(playlist(made, '360p')).toContain('#EXT-X-ENDLIST')
  })

  it('is H.264 in 4:2:0 with AAC, every segment from a keyframe, at the same times on all rungs', () => {
    const { streams } = inspect(made, '480p')
    expect(streams.map(({ codec_name }) => codec_name)).toEqual(['h264', 'aac'])
    expect(streams[0]).toMatchObject({ pix_fmt: 'yuv420p', width: 854, height: 480 })
    const [first = 0, ...keys] = keyframes(made, '480p')
    expect(keys.map((time) => time - first)).toEqual([2, 4, 8].map((time) => expect.closeTo(time, 2)))
    expect(keyframes(made, '360p')).toEqual([first, ...keys])
  })

  it('says in its master playlist what the renditions really are', () => {
    const master = textOf(made, made.document.master ?? '')
    for (const [rung, resolution] of [
      ['360p', '640x360'],
      ['480p', '854x480'],
    ] as const) {
      const { streams } = inspect(made, rung, 'stream=codec_name,profile,level')
      expect(streams).toMatchObject([{ profile: 'High' }, { codec_name: 'aac', profile: 'LC' }])
      const level = Number(streams[0]?.level).toString(16).padStart(2, '0')
      const seconds = durations(playlist(made, rung))
      const bits = seconds.map((_, i) => 8 * (made.objects.get(base(made, `${rung}/0000${i + 1}.m4s`))?.length ?? 0))
      const total = (of: number[]) => of.reduce((sum, one) => sum + one, 0)
      const line = new RegExp(
        `BANDWIDTH=(\\d+),AVERAGE-BANDWIDTH=(\\d+),CODECS="avc1.6400${level},mp4a.40.2",RESOLUTION=${resolution},FRAME-RATE=10.000\\n${rung}/`,
      )
      const [, peak, average] = line.exec(master)?.map(Number) ?? []
      expect(average).toBe(Math.ceil(total(bits) / total(seconds)))
      // The last second is too short to count alone: a run is at least half of the longest segment.
      expect(peak).toBeGreaterThanOrEqual(Math.max(...bits.slice(0, 3).map((one, i) => one / (seconds[i] ?? 0))))
    }
    // Names only: nothing in it can lead a player to another place.
    for (const line of master.split('\n')) if (!line.startsWith('#')) expect(line).toMatch(/^([\w./-]*)$/)
  })

  it('has a poster, and a shape of it for the time before', () => {
    const poster = made.objects.get(made.document.poster ?? '')
    expect(Buffer.from(poster ?? []).toString('latin1', 8, 12)).toBe('WEBP')
    expect(made.document.thumbhash).toMatch(/^[\w-]{20,40}$/)
  })

  it('lost what the camera wrote into it', () => expectWithoutCamera(source, made))

  it('is made of objects that arrived before they were named', () => {
    for (const rung of made.document.renditions ?? []) {
      const named = playlist(made, rung.name)
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
      for (const file of ['init.mp4', ...named]) expect(made.objects.has(base(made, `${rung.name}/${file}`))).toBe(true)
    }
  })
})

it('makes several renditions from one decode, each of its size, with all frames at the same times', async () => {
  const made = await make(generate('large.mp4', ...picture('1920x1080', 1, 5), ...CHEAP))
  const sizes = { '1080p': [1920, 1080], '720p': [1280, 720], '480p': [854, 480], '360p': [640, 360] } as const
  expect(made.document.renditions?.map(({ name }) => name).sort()).toEqual(Object.keys(sizes).sort())
  const times: unknown[] = []
  for (const [name, [width, height]] of Object.entries(sizes)) {
    const { streams, frames = [] } = inspect(made, name, 'stream:frame=pts_time')
    expect(streams).toMatchObject([{ codec_name: 'h264', width, height }])
    times.push(frames.map(({ pts_time }) => pts_time))
  }
  expect(times[0]).toHaveLength(5)
  for (const others of times) expect(others).toEqual(times[0])
}, 60_000)

describe('a video that already fits', () => {
  let made: Made
  let source: ReturnType<typeof generate>
  beforeAll(async () => {
    const fits = [
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
      '-g',
      '25',
      '-pix_fmt',
      'yuv420p',
      '-b:v',
      '400k',
      '-c:a',
      'aac',
    ]
    source = generate('fits.mp4', ...picture('640x360', 3), ...tone(3), ...fits, ...APPLE)
    made = await make(source)
  }, 60_000)

  it('keeps its own frames: nothing is encoded again', () => {
    const { streams } = inspect(made, '360p', 'stream=codec_name,profile')
    // ultrafast has no CABAC and no 8x8 transform: an encode of ours would be High.
    expect(streams[0]).toMatchObject({ codec_name: 'h264', profile: 'Constrained Baseline' })
  })

  it('lost what the camera wrote into it, all the same', () => expectWithoutCamera(source, made))

  it('is the same, byte for byte, when the job is done again', async () => {
    const again = await make(source)
    const hashes = async (one: Made) =>
      Promise.all(
        [...one.objects]
          .filter(([name]) => name.endsWith('.m4s'))
          .map(async ([, plain]) => toBase64Url(await sha256(plain))),
      )
    expect(await hashes(again)).toEqual(await hashes(made))
  }, 60_000)
})

describe('a video that is not like others', () => {
  it.each([
    ['without sound', ['-c:v', 'mpeg4'], '320x240', [320, 240]],
    ['with odd sides', ['-c:v', 'ffv1', '-f', 'matroska'], '321x241', [320, 240]],
    ['upright', ['-c:v', 'mpeg4'], '240x426', [240, 426]],
  ])(
    '%s',
    async (what, codec, size, [width, height]) => {
      const made = await make(
        generate(`${what}.bin`, ...picture(size, 1), ...codec, ...(codec.includes('-f') ? [] : ['-f', 'mp4'])),
      )
      const [rung] = made.document.renditions ?? []
      expect(made.document.status).toBe('ready')
      expect(Math.abs((rung?.width ?? 0) - (width as number))).toBeLessThanOrEqual(2)
      expect(Math.abs((rung?.height ?? 0) - (height as number))).toBeLessThanOrEqual(2)
      expect((rung?.width ?? 1) % 2).toBe(0)
    },
    60_000,
  )

  it('turned by a phone: shown upright', async () => {
    // Red on the left, blue on the right; a quarter turn counter-clockwise brings the right to the top.
    const half = (colour: string) => ['-f', 'lavfi', '-i', `color=${colour}:s=160x240:r=25:d=1`]
    const encoded = ['-filter_complex', 'hstack,format=yuv420p', '-c:v', 'libx264', '-preset', 'ultrafast']
    generate('flat.mp4', ...half('red'), ...half('blue'), ...encoded)
    const { folder } = await import('../fixtures.ts')
    // ffmpeg 5 writes the matrix by this tag; newer ones have an option for it, and ignore the tag.
    const major = Number(/version n?(\d+)/.exec(spawnSync('ffmpeg', ['-version'], { encoding: 'utf8' }).stdout)?.[1])
    const input = ['-i', `${folder}/flat.mp4`, '-c', 'copy']
    const turn = major >= 6 ? ['-display_rotation', '90', ...input] : [...input, '-metadata:s:v', 'rotate=90']
    const made = await make(generate('turned.mp4', ...turn))
    expect([made.document.width, made.document.height]).toEqual([240, 320])
    const corners = [0.1, 0.9].map((down) => [0.1, 0.9].map((across) => hueAt(made, '240p', across, down)))
    expect(corners).toEqual([
      ['blue', 'blue'],
      ['red', 'red'],
    ])
  }, 60_000)

  it.each([
    ['PQ', 'smpte2084', 8],
    // Made so that an old screen shows it nearly right: there is little to see in one grey.
    ['HLG', 'arib-std-b67', 0],
  ])(
    'in high dynamic range (%s): tone-mapped, and said to be what it is now',
    async (_what, transfer, moved) => {
      // One grey, brighter than white paper, so that what became of it can be read.
      const grey = ['-f', 'lavfi', '-i', 'color=c=gray:s=320x240:r=25:d=1,format=yuv420p10le,lutyuv=y=640:u=512:v=512']
      const tags = ['-color_primaries', 'bt2020', '-color_trc', transfer, '-colorspace', 'bt2020nc']
      const wide = ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=none', ...tags]
      const made = await make(generate(`${transfer}.mp4`, ...grey, ...wide))
      const { streams } = inspect(made, '240p')
      expect(streams[0]).toMatchObject({ codec_name: 'h264', pix_fmt: 'yuv420p', color_transfer: 'bt709' })
      expect(streams[0]).toMatchObject({ color_primaries: 'bt709', color_space: 'bt709' })
      const shown = luma(made, '240p')
      // Neither its code as it stood (10 bit to 8), nor clipped to white, nor lost in black.
      expect(Math.abs(shown - 640 / 4)).toBeGreaterThan(moved)
      expect(shown).toBeGreaterThan(40)
      expect(shown).toBeLessThan(235)
    },
    60_000,
  )

  it('with a frame rate that varies: every frame keeps its time, none is doubled', async () => {
    // Two seconds at 25 a second, then every fifth frame alone.
    const vary = ['-vf', "select='lt(t,2)+not(mod(n,5))'", '-fps_mode', 'vfr']
    const made = await make(generate('varies.mp4', ...picture('320x240', 6), ...vary, '-c:v', 'mpeg4'))
    const { frames = [] } = inspect(made, '240p', 'frame=pts_time')
    const times = frames.map(({ pts_time }) => Number(pts_time))
    expect(times.filter((time) => time < 2.07)).toHaveLength(50)
    const late = times.filter((time) => time >= 2.1)
    expect(late.length).toBeGreaterThanOrEqual(19)
    expect(late.length).toBeLessThanOrEqual(21)
    for (const [index, time] of late.slice(1).entries()) expect(time - (late[index] ?? 0)).toBeCloseTo(0.2, 2)
    expect(durations(playlist(made, '240p')).map((value) => Math.round(value))).toEqual([2, 2, 2])
  }, 60_000)

  it('cut short at its end: what there is plays', async () => {
    const whole = generate(
      'tail.ts',
      ...picture('320x240', 6),
      ...tone(6),
      '-c:v',
      'mpeg2video',
      '-c:a',
      'mp2',
      '-f',
      'mpegts',
    )
    const made = await make(whole.slice(0, Math.floor(whole.length * 0.7)))
    expect(made.document.status).toBe('ready')
    expect(made.document.durationMs ?? 0).toBeGreaterThan(2500)
  }, 60_000)
})

afterAll(async () => {
  const { rm } = await import('node:fs/promises')
  const { folder } = await import('../fixtures.ts')
  await rm(folder, { recursive: true, force: true })
})
