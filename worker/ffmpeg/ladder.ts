import type { AudioStream, Probe, VideoStream } from './probe.ts'

/** One rendition to make. Sizes in pixels, both even; rates in bits each second. */
export type Rung = {
  readonly name: string
  readonly width: number
  readonly height: number
  readonly maxRate: number
  /** The source's own video stream, not encoded again. */
  readonly copy: boolean
}

const STEPS = [
  { size: 1080, maxRate: 5_000_000 },
  { size: 720, maxRate: 2_800_000 },
  { size: 480, maxRate: 1_400_000 },
  { size: 360, maxRate: 800_000 },
] as const
const TOP = STEPS[0]
const BOTTOM = STEPS[3]
/** H.264 level 5.1, which phones stop at. */
const LONGEST_SIDE = 4096
/** A source this much above its rung is copied beside it, not in its place. */
const SAME_SIZE = 1.1
/** A copied stream may have this much more than what we would encode. */
const COPY_RATE = 1.6
/** Seeking and switching wait for a keyframe. */
export const LONGEST_COPIED_GOP_SECONDS = 6

/**
 * The renditions of a source, largest first, none above it. The size that counts is the short side of the upright
 * picture: its height, or its width where it is portrait. Sources below 360 get one rung of their own size.
 */
export function ladderOf(video: VideoStream, copies: boolean): Rung[] {
  const short = Math.min(video.width, video.height)
  const sizes = STEPS.filter(({ size }) => size <= short)
  const rungs = (sizes.length > 0 ? sizes : [{ ...BOTTOM, size: even(short) }]).map(({ size, maxRate }) => ({
    name: `${size}p`,
    ...sizeWithin(video, size / short),
    maxRate,
    copy: false,
  }))
  if (!copies) return rungs
  const own = {
    name: `${short}p`,
    width: video.width,
    height: video.height,
    maxRate: stepAbove(short).maxRate,
    copy: true,
  }
  const top = rungs[0]
  return top !== undefined && short > Math.min(top.width, top.height) * SAME_SIZE
    ? [own, ...rungs]
    : [own, ...rungs.slice(1)]
}

/** Whether every player takes the video stream as it is; its keyframes are checked apart (`longestGopSeconds`). */
export function mayCopyVideo(probe: Probe): boolean {
  const video = probe.video
  if (video === null) return false
  const short = Math.min(video.width, video.height)
  const rate = video.bitRate || probe.bitRate
  return (
    video.codec === 'h264' &&
    ['Constrained Baseline', 'Baseline', 'Main', 'High'].includes(video.profile) &&
    video.pixelFormat === 'yuv420p' &&
    video.rotation === 0 &&
    video.squarePixels &&
    video.progressive &&
    !video.hdr &&
    short <= TOP.size &&
    Math.max(video.width, video.height) <= LONGEST_SIDE &&
    video.averageRate <= 60.5 &&
    rate > 0 &&
    rate <= stepAbove(short).maxRate * COPY_RATE
  )
}

/** More than two channels and the AAC profiles that browsers disagree on are encoded again. */
export function mayCopyAudio(audio: AudioStream): boolean {
  return audio.codec === 'aac' && audio.profile === 'LC' && audio.channels <= 2 && audio.sampleRate <= 48_000
}

/**
 * Frames each second to encode at, at most 60. A source without a steady rate gets the finest grid, so that its own
 * times are kept to 8 ms; frames are only ever dropped, never invented (`-fps_mode vfr`).
 */
export function frameRateOf(video: VideoStream): number {
  const { averageRate, gridRate } = video
  const steady = averageRate > 0 && Math.abs(gridRate - averageRate) / averageRate < 0.01
  return steady && gridRate <= 60.5 ? gridRate : 60
}

function stepAbove(short: number) {
  return STEPS.findLast(({ size }) => size >= short) ?? TOP
}

function sizeWithin(video: VideoStream, wanted: number): { width: number; height: number } {
  const scale = Math.min(wanted, 1, LONGEST_SIDE / Math.max(video.width, video.height))
  return { width: even(video.width * scale, video.width), height: even(video.height * scale, video.height) }
}

/** 4:2:0 needs even sides; never more than there is. */
function even(pixels: number, most = pixels): number {
  return Math.max(2, Math.min(2 * Math.round(pixels / 2), 2 * Math.floor(most / 2)))
}
