import * as z from 'zod/mini'
import { FormatError } from '../../shared/errors.ts'

/** What the pipeline needs to know of a source. Sizes are of the picture as people see it: rotated, square pixels. */
export type Probe = {
  readonly durationMs: number
  readonly bitRate: number
  readonly video: VideoStream | null
  readonly audio: AudioStream | null
}
export type VideoStream = {
  readonly index: number
  readonly codec: string
  readonly profile: string
  readonly pixelFormat: string
  readonly width: number
  readonly height: number
  /** Stored size, before rotation and pixel shape. */
  readonly codedWidth: number
  readonly codedHeight: number
  /** Clockwise quarter turns to show it upright, in degrees: 0, 90, 180, 270. */
  readonly rotation: number
  readonly squarePixels: boolean
  readonly progressive: boolean
  /** Frames each second: the average, and the rate of the time grid. 0 where unknown. */
  readonly averageRate: number
  readonly gridRate: number
  /** PQ (SMPTE ST 2084) or HLG (ARIB STD-B67). */
  readonly hdr: boolean
  readonly bitRate: number
}
export type AudioStream = {
  readonly index: number
  readonly codec: string
  readonly profile: string
  readonly channels: number
  readonly sampleRate: number
}

const text = z.catch(z.string(), '')
const number = z.catch(z.number(), 0)
const stream = z.object({
  index: z.number(),
  codec_type: text,
  codec_name: text,
  profile: text,
  pix_fmt: text,
  width: number,
  height: number,
  sample_aspect_ratio: text,
  field_order: text,
  r_frame_rate: text,
  avg_frame_rate: text,
  color_transfer: text,
  bit_rate: text,
  channels: number,
  sample_rate: text,
  duration: text,
  disposition: z.catch(z.record(z.string(), z.number()), {}),
  side_data_list: z.catch(z.array(z.object({ rotation: z.optional(z.number()) })), []),
})
const report = z.object({
  streams: z.catch(z.array(stream), []),
  format: z.object({ duration: text, bit_rate: text }),
})
type Stream = z.output<typeof stream>

/** Reads `ffprobe -print_format json -show_format -show_streams`. @throws {FormatError} */
export function parseProbe(json: string): Probe {
  let parsed: z.output<typeof report>
  try {
    parsed = report.parse(JSON.parse(json))
  } catch (cause) {
    throw new FormatError('ffprobe report', { cause })
  }
  const streams = parsed.streams
  // A cover picture inside a song is a stream of type "video" too; it does not make the song a film.
  const video = streams.find(
    (one) => one.codec_type === 'video' && !one.disposition.attached_pic && !one.disposition.timed_thumbnails,
  )
  const sounds = streams.filter((one) => one.codec_type === 'audio' && one.codec_name !== '' && one.channels > 0)
  const audio = sounds.find((one) => one.disposition.default) ?? sounds[0]
  const durations = [parsed.format.duration, video?.duration ?? '', audio?.duration ?? ''].map(seconds)
  return {
    durationMs: Math.round((durations.find((one) => one > 0) ?? 0) * 1000),
    bitRate: positive(parsed.format.bit_rate),
    video: video === undefined ? null : videoStream(video),
    audio:
      audio === undefined
        ? null
        : {
            index: audio.index,
            codec: audio.codec_name,
            profile: audio.profile,
            channels: audio.channels,
            sampleRate: positive(audio.sample_rate),
          },
  }
}

function videoStream(from: Stream): VideoStream {
  const turned = from.side_data_list.find((one) => one.rotation !== undefined)?.rotation ?? 0
  // ffprobe counts counter-clockwise, from -180 to 180.
  const rotation = (((Math.round(-turned / 90) * 90) % 360) + 360) % 360
  const [across = 1, down = 1] = from.sample_aspect_ratio.split(':').map(Number)
  const pixelRatio = across > 0 && down > 0 ? across / down : 1
  // Stretch in the direction that loses no pixels.
  const shownWidth = pixelRatio >= 1 ? Math.round(from.width * pixelRatio) : from.width
  const shownHeight = pixelRatio >= 1 ? from.height : Math.round(from.height / pixelRatio)
  const sideways = rotation % 180 !== 0
  return {
    index: from.index,
    codec: from.codec_name,
    profile: from.profile,
    pixelFormat: from.pix_fmt,
    width: sideways ? shownHeight : shownWidth,
    height: sideways ? shownWidth : shownHeight,
    codedWidth: from.width,
    codedHeight: from.height,
    rotation,
    squarePixels: Math.abs(pixelRatio - 1) < 0.001,
    progressive: from.field_order === '' || from.field_order === 'progressive' || from.field_order === 'unknown',
    averageRate: ratio(from.avg_frame_rate),
    gridRate: ratio(from.r_frame_rate),
    hdr: from.color_transfer === 'smpte2084' || from.color_transfer === 'arib-std-b67',
    bitRate: positive(from.bit_rate),
  }
}

function ratio(value: string): number {
  const [over = 0, under = 0] = value.split('/').map(Number)
  return over > 0 && under > 0 ? over / under : 0
}

function positive(value: string): number {
  const parsed = Number(value)
  return Number.isFinite(parsed) && parsed > 0 ? parsed : 0
}

const seconds = positive

/**
 * Longest distance between keyframes, in seconds, in the output of `keyframeArguments`; the end of what was read counts
 * as a keyframe. `Infinity` where there is none.
 */
export function longestGopSeconds(csv: string): number {
  const packets = csv
    .split('\n')
    .map((line) => line.split(','))
    .map(([time = '', flags = '']) => ({ at: time === '' ? Number.NaN : Number(time), key: flags.includes('K') }))
    .filter(({ at }) => Number.isFinite(at))
  const keys = packets.filter(({ key }) => key).map(({ at }) => at)
  if (keys.length === 0) return Number.POSITIVE_INFINITY
  const marks = [...keys, Math.max(...packets.map(({ at }) => at))].sort((a, b) => a - b)
  return Math.max(...marks.slice(1).map((mark, i) => mark - (marks[i] ?? mark)))
}
