import { ALLOWED_DEMUXERS } from './formats.ts'
import { frameRateOf, mayCopyAudio, type Rung } from './ladder.ts'
import type { AudioStream, VideoStream } from './probe.ts'

/** What may be asked of one source; more is refused or cut. */
export const LIMITS = {
  /** 8K is 33 million. */
  pixels: 36_000_000,
  durationMs: 12 * 3_600_000,
  /** Largest single block that ffmpeg may ask memory for: a header that lies ends in an error. */
  allocationBytes: 512 * 1024 * 1024,
} as const

export const FIRST_SEGMENT_SECONDS = 2
/** The long side of the poster, and of the picture that the thumbhash is made of. */
export const POSTER_PIXELS = 640
export const THUMBHASH_PIXELS = 100

/**
 * How a source nobody vouches for is opened. The first two stop a file that points at other files or hosts: only http
 * (the loopback) can be spoken, and no demuxer that reads references can be chosen.
 */
function openSafely(url: string): string[] {
  return [
    ...['-protocol_whitelist', 'http,tcp'],
    ...['-format_whitelist', ALLOWED_DEMUXERS.join(',')],
    ...['-max_pixels', String(LIMITS.pixels)], // a picture of 60000×60000 is refused before its memory is asked for
    ...['-seekable', '1'],
    ...['-i', url],
  ]
}
const QUIET = ['-hide_banner', '-v', 'error', '-max_alloc', String(LIMITS.allocationBytes)]

export function probeArguments(url: string): string[] {
  return [...QUIET, '-print_format', 'json', '-show_format', '-show_streams', ...openSafely(url)]
}

/** Times and flags of the video packets of the first 30 s: enough to know the encoder's habit. */
export function keyframeArguments(url: string, streamIndex: number): string[] {
  return [
    ...QUIET,
    ...['-select_streams', String(streamIndex), '-read_intervals', '%+30'],
    ...['-show_entries', 'packet=pts_time,flags', '-of', 'csv=p=0'],
    ...openSafely(url),
  ]
}

/** Segments end at 2, 4, 8, 12 … s. Made of the time grid, not counted, so that a hole in the source makes no burst of keyframes. */
export const KEYFRAME_TIMES = (() => {
  // A frame that belongs on the boundary may lie a rounding error before it.
  const interval = (t: string) => `if(lt(${t}+0.001,4),floor((${t}+0.001)/2),1+floor((${t}+0.001)/4))`
  return `expr:if(isnan(prev_forced_t),1,gt(${interval('t')},${interval('prev_forced_t')}))`
})()

export type Encoding = {
  readonly sourceUrl: string
  /** Outputs go to `<outputUrl>/<rung>/…`. */
  readonly outputUrl: string
  readonly video: VideoStream
  readonly audio: AudioStream | null
  /** Largest first; all from one decode. */
  readonly rungs: readonly Rung[]
  /** Whether ffmpeg was built with zscale. */
  readonly tonemaps: boolean
}

export function encodeArguments(encoding: Encoding): string[] {
  const { video, rungs } = encoding
  const encoded = rungs.filter((rung) => !rung.copy)
  const largest = encoded[0]
  const graph: string[] = []
  if (largest !== undefined) {
    const split = encoded.map((_, i) => `[s${i}]`).join('')
    graph.push(`[0:${video.index}]${[...prepare(encoding, largest), `split=${encoded.length}`].join(',')}${split}`)
    encoded.forEach((rung, i) => {
      graph.push(`[s${i}]scale=${rung.width}:${rung.height}:out_range=tv,format=yuv420p,setsar=1[${rung.name}]`)
    })
  }
  return [
    ...QUIET,
    ...['-nostdin', '-nostats', '-progress', 'pipe:1'],
    ...['-fflags', '+genpts'], // old AVI files have no presentation times
    ...openSafely(encoding.sourceUrl),
    ...(graph.length > 0 ? ['-filter_complex', graph.join(';')] : []),
    ...rungs.flatMap((rung) => [...streams(encoding, rung), ...hls(encoding.outputUrl, rung)]),
  ]
}

/** What all rungs share, done once. ffmpeg has turned the picture upright before (autorotate). */
function prepare(
  { video, tonemaps }: Pick<Encoding, 'video' | 'tonemaps'>,
  size: { width: number; height: number },
): string[] {
  return [
    ...(video.progressive ? [] : ['bwdif=mode=send_frame:deint=interlaced']),
    ...(video.hdr && tonemaps ? tonemap(size) : []),
  ]
}

/** PQ or HLG to BT.709, made smaller first: this is done in 32-bit floats. */
function tonemap({ width, height }: { width: number; height: number }): string[] {
  return [
    `scale=${width}:${height}`,
    'zscale=t=linear:npl=100',
    'format=gbrpf32le',
    'zscale=p=bt709',
    'tonemap=hable:desat=0',
    'zscale=t=bt709:m=bt709:r=tv',
    'format=yuv420p',
  ]
}

function streams({ video, audio, tonemaps }: Encoding, rung: Rung): string[] {
  return [
    ...(rung.copy ? ['-map', `0:${video.index}`, '-c:v', 'copy'] : ['-map', `[${rung.name}]`, ...h264(video, rung)]),
    ...(!rung.copy && video.hdr && tonemaps
      ? ['-color_primaries', 'bt709', '-color_trc', 'bt709', '-colorspace', 'bt709']
      : []),
    ...(audio === null ? [] : ['-map', `0:${audio.index}`, ...sound(audio, rung)]),
    ...['-map_metadata', '-1', '-map_chapters', '-1'], // position, camera and capture date stay out of the stream
    ...['-map_metadata:s', '-1'], // and out of its tracks
    ...['-fflags', '+bitexact'], // the same source gives the same bytes: a retried job uploads nothing new
    ...['-t', String(LIMITS.durationMs / 1000)],
    ...['-max_muxing_queue_size', '4096'], // sound that starts late must not end the job
  ]
}

function h264(video: VideoStream, rung: Rung): string[] {
  return [
    ...['-c:v', 'libx264', '-preset', 'veryfast', '-profile:v', 'high'],
    ...['-crf', '23', '-maxrate', String(rung.maxRate), '-bufsize', String(rung.maxRate * 2)],
    ...['-r', rate(frameRateOf(video)), '-fps_mode', 'vfr'], // a ceiling and a grid: frames are dropped, never doubled
    ...['-force_key_frames', KEYFRAME_TIMES, '-forced-idr', '1'],
    // No other keyframes than these: segments are cut at every one of them, on all rungs alike.
    ...['-g', '100000', '-sc_threshold', '0', '-flags:v', '+cgop+bitexact'],
    // How long a frame really stands. The muxer lets a segment begin where the last frame of the one before should have
    // ended by the frame rate: without this the first frame after a pause would be shown a pause too early.
    ...['-bsf:v', 'setts=pts=PTS:dts=DTS:duration=if(eq(NEXT_DTS\\,NOPTS)\\,DURATION\\,NEXT_DTS-DTS)'],
  ]
}

function sound(audio: AudioStream, rung: Rung): string[] {
  if (rung.copy && mayCopyAudio(audio)) return ['-c:a', 'copy']
  return ['-c:a', 'aac', '-b:a', '128k', '-ac', '2', '-ar', '48000', '-flags:a', '+bitexact']
}

function hls(outputUrl: string, rung: Rung): string[] {
  return [
    ...['-f', 'hls', '-hls_segment_type', 'fmp4', '-hls_playlist_type', 'vod'],
    // Not -hls_init_time: it has no effect on a playlist that keeps every segment. An encoded rung has keyframes
    // only where a segment shall end, so that "2 s at least" cuts at each of them.
    ...['-hls_time', rung.copy ? '4' : String(FIRST_SEGMENT_SECONDS)],
    ...['-hls_flags', 'independent_segments', '-start_number', '1'],
    ...['-hls_fmp4_init_filename', 'init.mp4', '-hls_segment_filename', `${outputUrl}/${rung.name}/%05d.m4s`],
    ...['-method', 'PUT', '-http_persistent', '1'],
    `${outputUrl}/${rung.name}/index.m3u8`,
  ]
}

/** The most telling of the frames after `atSeconds`: as WebP, and small and raw for the thumbhash. */
export function posterArguments(
  encoding: Pick<Encoding, 'sourceUrl' | 'outputUrl' | 'video' | 'tonemaps'>,
  atSeconds: number,
): string[] {
  const { video } = encoding
  const poster = inside(video, POSTER_PIXELS)
  const tiny = inside(video, THUMBHASH_PIXELS)
  const choice = [EVERY_EIGHTH, `scale=${poster.width}:${poster.height}`, THE_MOST_TELLING]
  const graph = [
    `[0:${video.index}]${[...prepare(encoding, poster), ...choice, 'split'].join(',')}[a][b]`,
    `[a]scale=${poster.width}:${poster.height}:out_range=tv,format=yuv420p,setsar=1[poster]`,
    `[b]scale=${tiny.width}:${tiny.height},format=rgba,setsar=1[tiny]`,
  ]
  const one = ['-frames:v', '1', '-map_metadata', '-1', '-method', 'PUT']
  return [
    ...QUIET,
    ...['-nostdin', '-nostats', '-progress', 'pipe:1'],
    ...['-ss', atSeconds.toFixed(3)],
    ...openSafely(encoding.sourceUrl),
    ...['-filter_complex', graph.join(';')],
    ...['-map', '[poster]', ...one, '-c:v', 'libwebp', '-quality', '80', '-f', 'image2pipe'],
    `${encoding.outputUrl}/poster.webp`,
    ...['-map', '[tiny]', ...one, '-c:v', 'rawvideo', '-f', 'rawvideo', `${encoding.outputUrl}/tiny.rgba`],
  ]
}
/** One of 24 frames out of 8 s: many films begin in black. It holds all 24, so they are made small first. */
const EVERY_EIGHTH = "select='not(mod(n,8))'"
const THE_MOST_TELLING = 'thumbnail=n=24'

/** The largest size of the picture's shape within a square of `pixels`, never above the picture. */
export function inside(video: VideoStream, pixels: number): { width: number; height: number } {
  const scale = Math.min(1, pixels / Math.max(video.width, video.height))
  const side = (length: number) => Math.max(1, Math.round(length * scale))
  return { width: side(video.width), height: side(video.height) }
}

/** 29.97 and its kin are fractions of 1001. */
function rate(value: number): string {
  const ntsc = Math.round(value * 1.001)
  return Math.abs((ntsc * 1000) / 1001 - value) < 0.002 ? `${ntsc}000/1001` : String(Number(value.toFixed(3)))
}
