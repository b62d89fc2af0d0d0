import { FormatError } from '../../shared/errors.ts'

/** RFC 8216. `seconds` as ffmpeg measured them. */
export type Segment = { readonly name: string; readonly seconds: number }
export type Variant = {
  readonly name: string
  readonly width: number
  readonly height: number
  readonly codecs: string
  /** Bits each second. */
  readonly bandwidth: number
  readonly averageBandwidth: number
  readonly frameRate: number
}

/** Segments of the playlist that ffmpeg wrote. @throws {FormatError} where it names anything but our own segments. */
export function parseMediaPlaylist(text: string): Segment[] {
  const segments: Segment[] = []
  let seconds: number | undefined
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line.startsWith('#EXTINF:')) seconds = Number.parseFloat(line.slice(8))
    if (line === '' || line.startsWith('#')) continue
    if (!/^\d{5,6}\.m4s$/.test(line) || seconds === undefined || !(seconds >= 0)) throw new FormatError('playlist')
    segments.push({ name: line, seconds })
    seconds = undefined
  }
  if (segments.length === 0) throw new FormatError('playlist')
  return segments
}

export function renderMediaPlaylist(segments: readonly Segment[]): string {
  return lines([
    '#EXTM3U',
    '#EXT-X-VERSION:7',
    `#EXT-X-TARGETDURATION:${targetSeconds(segments)}`,
    '#EXT-X-MEDIA-SEQUENCE:1',
    '#EXT-X-PLAYLIST-TYPE:VOD',
    '#EXT-X-INDEPENDENT-SEGMENTS',
    '#EXT-X-MAP:URI="init.mp4"',
    ...segments.flatMap(({ name, seconds }) => [`#EXTINF:${seconds.toFixed(6)},`, name]),
    '#EXT-X-ENDLIST',
  ])
}

/** Smallest first: a player that does not know the network yet starts with the first. */
export function renderMasterPlaylist(variants: readonly Variant[]): string {
  const inOrder = [...variants].sort((a, b) => a.bandwidth - b.bandwidth)
  return lines([
    '#EXTM3U',
    '#EXT-X-VERSION:7',
    '#EXT-X-INDEPENDENT-SEGMENTS',
    ...inOrder.flatMap((variant) => [`#EXT-X-STREAM-INF:${attributes(variant)}`, `${variant.name}/index.m3u8`]),
  ])
}

function attributes({ bandwidth, averageBandwidth, width, height, frameRate, codecs }: Variant): string {
  return [
    `BANDWIDTH=${bandwidth}`,
    `AVERAGE-BANDWIDTH=${averageBandwidth}`,
    `CODECS="${codecs}"`,
    `RESOLUTION=${width}x${height}`,
    ...(frameRate > 0 ? [`FRAME-RATE=${frameRate.toFixed(3)}`] : []),
  ].join(',')
}

/**
 * RFC 8216 §4.1: the peak is that of any run of segments between half and one and a half target durations long; a film
 * shorter than that has its average.
 */
export function bandwidthOf(segments: readonly (Segment & { readonly sizeBytes: number })[]): {
  peak: number
  average: number
} {
  const target = targetSeconds(segments)
  const rate = (bytes: number, seconds: number) => (seconds > 0 ? Math.ceil((bytes * 8) / seconds) : 0)
  let peak = 0
  for (let first = 0; first < segments.length; first++) {
    let bytes = 0
    let seconds = 0
    for (const segment of segments.slice(first, first + MOST_IN_A_RUN)) {
      bytes += segment.sizeBytes
      seconds += segment.seconds
      if (seconds > target * 1.5) break
      if (seconds >= target * 0.5) peak = Math.max(peak, rate(bytes, seconds))
    }
  }
  const sum = (pick: (segment: (typeof segments)[number]) => number) =>
    segments.reduce((total, segment) => total + pick(segment), 0)
  const average = rate(
    sum(({ sizeBytes }) => sizeBytes),
    sum(({ seconds }) => seconds),
  )
  return { peak: Math.max(peak, average), average }
}
/** Runs of tiny segments (a copied stream of keyframes only) must not make this quadratic. */
const MOST_IN_A_RUN = 64

function targetSeconds(segments: readonly Segment[]): number {
  return Math.max(1, ...segments.map(({ seconds }) => Math.round(seconds)))
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`
}
