import { rgbaToThumbHash } from 'thumbhash'
import { AppError, isAppError } from '../../shared/errors.ts'
import { toBase64Url } from '../../shared/format/base64url.ts'
import { type Bytes, utf8 } from '../../shared/format/bytes.ts'
import type { WorkerDocument } from '../../shared/wire/worker-document.ts'
import {
  encodeArguments,
  inside,
  keyframeArguments,
  LIMITS,
  posterArguments,
  probeArguments,
  THUMBHASH_PIXELS,
} from '../ffmpeg/arguments.ts'
import { SNIFF_BYTES, sniff } from '../ffmpeg/formats.ts'
import { frameRateOf, LONGEST_COPIED_GOP_SECONDS, ladderOf, mayCopyVideo, type Rung } from '../ffmpeg/ladder.ts'
import { longestGopSeconds, type Probe, parseProbe, type VideoStream } from '../ffmpeg/probe.ts'
import type { Progress } from '../ffmpeg/progress.ts'
import { type RunResult, run } from '../ffmpeg/run.ts'
import type { Tools } from '../ffmpeg/tools.ts'
import type { Loopback } from '../loopback.ts'
import type { Source } from '../source.ts'
import { UnprocessableError } from './outcome.ts'
import { renderMasterPlaylist, type Variant } from './playlist.ts'
import { createRenditionWriter, LONGEST_SEGMENT_SECONDS, type Rendition } from './rendition.ts'
import type { Uploads } from './uploads.ts'

export type Stage = 'reading' | 'converting' | 'finishing'
export type VideoJob = {
  readonly source: Source
  /** New for each attempt; objects are named `r/<set>/…`. */
  readonly set: string
  readonly uploads: Uploads
  /** Seals and stores the next revision of the worker document. */
  readonly announce: (document: WorkerDocument) => Promise<void>
  readonly report: (stage: Stage, permille: number) => void
  readonly signal: AbortSignal
  readonly loopback: Loopback
  readonly tools: Tools
  readonly stallMs: number
  /** Largest plaintext of one object. */
  readonly maxObjectBytes: number
}

/**
 * Makes one source streamable. The smallest rendition is announced first (`partial`), then the others, from one decode
 * (`ready`); what is no video but known ends as `nothing-to-do`. The last announced document is returned.
 * @throws {UnprocessableError} when trying again would end the same way
 * @throws {AppError} `job/cancelled`, `job/stalled`, `internal`, or what the source, the uploads or `announce` threw
 */
export async function processVideo(job: VideoJob): Promise<WorkerDocument> {
  const { source } = job
  if (source.sizeBytes === 0) throw new UnprocessableError('empty')
  const sniffed = sniff(await source.read(0, Math.min(SNIFF_BYTES, source.sizeBytes)))
  if (sniffed === 'playlist') throw new UnprocessableError('refused')
  if (sniffed === 'image') return announced(job, { v: 1, status: 'nothing-to-do', kind: 'image' })

  job.report('reading', 0)
  const probe = await probeSource(job)
  const { video } = probe
  if (video === null) return announced(job, { v: 1, status: 'nothing-to-do', kind: 'audio' })
  if (video.codedWidth * video.codedHeight > LIMITS.pixels) throw new UnprocessableError('too-large')
  if (probe.durationMs > LIMITS.durationMs) throw new UnprocessableError('too-long')

  const copies = mayCopyVideo(probe) && (await keyframesAreClose(job, video))
  try {
    return await makeRenditions(job, { ...probe, video }, ladderOf(video, copies))
  } catch (error) {
    // The first 30 s promised more than the rest keeps: a keyframe is missing for long, or a segment is huge.
    if (!copies || !(error instanceof NotCopyable || isAppError(error, 'request/too-large'))) throw error
    return makeRenditions(job, { ...probe, video }, ladderOf(video, false))
  }
}

class NotCopyable extends Error {}
type VideoProbe = Probe & { readonly video: VideoStream }

async function makeRenditions(job: VideoJob, probe: VideoProbe, rungs: readonly Rung[]): Promise<WorkerDocument> {
  const folder = `r/${job.set}`
  const smallest = rungs.slice(-1)
  const others = rungs.slice(0, -1)
  const pixels = (some: readonly Rung[]) =>
    some.reduce((sum, { width, height, copy }) => sum + (copy ? 1 : width * height), 0)
  const share = pixels(smallest) / pixels(rungs)

  const poster = await makePoster(job, probe, folder)
  const first = await encode(job, probe, smallest, folder, (part) => job.report('converting', 1000 * share * part))
  const base: WorkerDocument = {
    v: 1,
    status: others.length === 0 ? 'ready' : 'partial',
    kind: 'video',
    set: job.set,
    ...poster,
    durationMs: Math.round(Math.max(...first.map(({ seconds }) => seconds)) * 1000),
    width: probe.video.width,
    height: probe.video.height,
    probe: describeSource(probe),
  }
  const partial = await announceRenditions(job, base, folder, 1, first)
  if (others.length === 0) return partial

  const rest = await encode(job, probe, others, folder, (part) =>
    job.report('converting', 1000 * (share + (1 - share) * part)),
  )
  job.report('finishing', 999)
  return announceRenditions(job, { ...base, status: 'ready' }, folder, 2, [...rest, ...first])
}

async function announceRenditions(
  job: VideoJob,
  base: WorkerDocument,
  folder: string,
  revision: number,
  renditions: readonly Rendition[],
): Promise<WorkerDocument> {
  const variants = renditions.map(({ variant }) => variant)
  const master = `${folder}/master-${revision}.m3u8`
  await job.uploads.publish(master, utf8(renderMasterPlaylist(variants)))
  await job.uploads.flush() // nobody hears of an object that has not arrived
  return announced(job, { ...base, master, renditions: variants.map(presentVariant) })
}

function presentVariant({ name, width, height, bandwidth, codecs }: Variant) {
  return { name, width, height, bandwidth, codecs }
}

async function announced(job: VideoJob, document: WorkerDocument): Promise<WorkerDocument> {
  await job.announce(document)
  return document
}

async function encode(
  job: VideoJob,
  probe: VideoProbe,
  rungs: readonly Rung[],
  folder: string,
  report: (part: number) => void,
): Promise<Rendition[]> {
  const rate = (rung: Rung) =>
    rung.copy ? probe.video.averageRate : Math.min(frameRateOf(probe.video), probe.video.averageRate || 60)
  const writers = new Map(
    rungs.map((rung) => [rung.name, createRenditionWriter(rung, rate(rung), folder, job.uploads)]),
  )
  let uploaded = false
  const result = await throughDoor(job, {
    accept: async (name, body) => {
      uploaded = true
      const [rung = '', file = ''] = name.split('/')
      await writers.get(rung)?.accept(file, body)
    },
    program: job.tools.ffmpeg,
    arguments: (sourceUrl, outputUrl) =>
      encodeArguments({
        sourceUrl,
        outputUrl,
        video: probe.video,
        audio: probe.audio,
        rungs,
        tonemaps: job.tools.tonemaps,
      }),
    onProgress: ({ atMs, done }) =>
      report(done ? 1 : Math.min(0.999, probe.durationMs > 0 ? atMs / probe.durationMs : 0)),
  })
  // A signal ended it (no memory, a crash of a decoder): another attempt may do better.
  if (result.exitCode < 0 || result.exitCode > 128)
    throw new AppError('internal', `ffmpeg was ended: ${result.exitCode}`)
  const renditions = await Promise.all([...writers.values()].map((writer) => writer.finish()))
  const made = renditions.filter((rendition) => rendition !== null)
  if (made.length < rungs.length) {
    if (result.exitCode === 0 && uploaded) throw new AppError('internal', 'ffmpeg did not finish a rendition')
    throw unreadable(result)
  }
  const copied = made.filter((_, i) => rungs[i]?.copy)
  if (copied.some(({ longestSegmentSeconds }) => longestSegmentSeconds > LONGEST_SEGMENT_SECONDS))
    throw new NotCopyable()
  return made
}

async function probeSource(job: VideoJob): Promise<Probe> {
  const result = await throughDoor(job, {
    program: job.tools.ffprobe,
    arguments: (sourceUrl) => probeArguments(sourceUrl),
    outputBytes: 2_000_000,
  })
  if (result.exitCode !== 0) {
    throw new UnprocessableError(/not on whitelist/i.test(result.complaint) ? 'refused' : 'not-a-video')
  }
  const probe = parseProbe(result.output)
  if (probe.video === null && probe.audio === null) throw new UnprocessableError('not-a-video')
  if (probe.video !== null && probe.video.width * probe.video.height === 0) throw unreadable(result)
  return probe
}

/** No picture came out of it. ffmpeg gives a picture above `LIMITS.pixels` no size at all, and says so. */
function unreadable({ complaint }: RunResult): UnprocessableError {
  const isTooLarge = /Picture size \d+x\d+ (?:is invalid|exceeds)/.test(complaint)
  return new UnprocessableError(isTooLarge ? 'too-large' : 'damaged')
}

async function keyframesAreClose(job: VideoJob, video: VideoStream): Promise<boolean> {
  const result = await throughDoor(job, {
    program: job.tools.ffprobe,
    arguments: (sourceUrl) => keyframeArguments(sourceUrl, video.index),
    outputBytes: 2_000_000,
  })
  return result.exitCode === 0 && longestGopSeconds(result.output) <= LONGEST_COPIED_GOP_SECONDS
}

/** A film without a poster is still a film: what ffmpeg cannot do here is left out. */
async function makePoster(job: VideoJob, probe: VideoProbe, folder: string) {
  const tenth = Math.min(probe.durationMs / 10_000, 30)
  for (const atSeconds of tenth > 0 ? [tenth, 0] : [0]) {
    const made = new Map<string, Bytes>()
    await throughDoor(job, {
      accept: async (name, body) => void made.set(name, body),
      program: job.tools.ffmpeg,
      arguments: (sourceUrl, outputUrl) =>
        posterArguments({ sourceUrl, outputUrl, video: probe.video, tonemaps: job.tools.tonemaps }, atSeconds),
    })
    const picture = made.get('poster.webp')
    const tiny = made.get('tiny.rgba')
    const { width, height } = inside(probe.video, THUMBHASH_PIXELS)
    if (picture === undefined || picture.length === 0 || tiny?.length !== width * height * 4) continue
    await job.uploads.publish(`${folder}/poster`, picture)
    return { poster: `${folder}/poster`, thumbhash: toBase64Url(rgbaToThumbHash(width, height, tiny)) }
  }
  return {}
}

type Errand = {
  readonly program: string
  readonly arguments: (sourceUrl: string, outputUrl: string) => string[]
  readonly accept?: (name: string, body: Bytes) => Promise<void>
  readonly onProgress?: (progress: Progress) => void
  readonly outputBytes?: number
}

/** Runs a program with a door of its own, which is closed behind it. What fails on our side of the door ends the program. */
async function throughDoor(job: VideoJob, errand: Errand): Promise<RunResult> {
  const failing = new AbortController()
  const door = job.loopback.open({
    source: job.source,
    accept: errand.accept ?? (() => Promise.resolve()),
    onError: (error) => failing.abort(error),
    maxOutputBytes: job.maxObjectBytes,
  })
  const signal = AbortSignal.any([job.signal, failing.signal])
  signal.addEventListener('abort', door.close, { once: true })
  try {
    const result = await run({
      program: errand.program,
      arguments: errand.arguments(door.sourceUrl, door.outputUrl),
      signal,
      stallMs: job.stallMs,
      isWaiting: () => door.isWaiting(),
      ...(errand.onProgress && { onProgress: errand.onProgress }),
      ...(errand.outputBytes && { outputBytes: errand.outputBytes }),
    })
    await door.idle()
    signal.throwIfAborted()
    return result
  } catch (error) {
    throw failing.signal.aborted && !job.signal.aborted ? failing.signal.reason : error
  } finally {
    door.close()
  }
}

function describeSource({ video, audio, bitRate }: VideoProbe): NonNullable<WorkerDocument['probe']> {
  return {
    videoCodec: video.codec.slice(0, 64),
    audioCodec: audio?.codec.slice(0, 64) ?? null,
    frameRate: Number(video.averageRate.toFixed(3)),
    bitRate: Math.round(bitRate),
    rotation: video.rotation,
    hdr: video.hdr,
  }
}
