import { sealDocument, workerDocumentKey } from '../shared/crypto/document.ts'
import { objectId } from '../shared/crypto/object-key.ts'
import { openHeader, openRange } from '../shared/crypto/open-object.ts'
import { newSetName } from '../shared/crypto/random.ts'
import { sealMadeObject } from '../shared/crypto/seal-object.ts'
import { sign } from '../shared/crypto/signing.ts'
import { AppError, isAppError } from '../shared/errors.ts'
import { HEADER_BYTES } from '../shared/format/layout.ts'
import { ORIGINAL } from '../shared/format/object-name.ts'
import { type ClaimedJob, completeJob, failJob, heartbeatJob, releaseJob } from '../shared/wire/jobs.ts'
import { writeWorkerDocument } from '../shared/wire/media.ts'
import { type WorkerDocument, workerDocument } from '../shared/wire/worker-document.ts'
import { type Api, isPassing } from './api.ts'
import type { Tools } from './ffmpeg/tools.ts'
import { type JobKeys, type KeyPorts, openJobKeys } from './keys.ts'
import type { Loopback } from './loopback.ts'
import { failedDocument, UnprocessableError } from './media/outcome.ts'
import { createUploads } from './media/uploads.ts'
import { processVideo } from './media/video.ts'
import { createCollector } from './memory.ts'
import { createCachedSource, type Source } from './source.ts'

/** A cancel is heard of with the next heartbeat: within two seconds it has to take effect. */
const HEARTBEAT_MS = 1000
const RETRY_MS = 1000
/** The server takes 32 MiB in one request; padding may add an eighth. */
const MAX_OBJECT_BYTES = 28 * 2 ** 20

export type JobPorts = KeyPorts & {
  readonly loopback: Loopback
  readonly tools: Tools
  readonly stallMs: number
  /** The worker is to stop: the job is given back. */
  readonly stopping: AbortSignal
  readonly log: (event: string, details?: Record<string, unknown>) => void
}

/** Why work on a job ended before its end. */
type Ended = 'cancelled' | 'lease-lost' | 'stopping'

/** Does one job to its end, whatever that is, and tells the server. Never rejects for a fault of the item. */
export async function runJob(ports: JobPorts, job: ClaimedJob): Promise<void> {
  const ending = new AbortController()
  const end = (why: Ended) => ending.abort(why)
  const stop = () => end('stopping')
  ports.stopping.addEventListener('abort', stop, { once: true })
  if (ports.stopping.aborted) stop()
  const progress = {
    stage: 'starting' as 'starting' | 'reading' | 'converting' | 'finishing',
    permille: 0,
    startedAt: Date.now(),
  }
  const heart = beat(ports, job, progress, end, ending.signal)
  let revision = job.documentRevision
  let keys: JobKeys | undefined
  const announce = async (document: WorkerDocument) => {
    if (!keys) return
    const opened = keys
    let isUnanswered = false
    await persist(ending.signal, async () => {
      try {
        await publish(ports, job, opened, document, revision)
      } catch (error) {
        // Under this lease nobody else writes: what stands there is this document, whose answer was lost.
        if (isUnanswered && isAppError(error, 'log/conflict')) return
        isUnanswered ||= isAppError(error, 'server/unreachable') || isAppError(error, 'server/unavailable')
        throw error
      }
    })
    revision++
  }
  try {
    keys = await persist(ending.signal, () => openJobKeys(ports, job))
    await convert(ports, job, keys, announce, progress, ending.signal)
    await persist(ending.signal, () =>
      ports.api.call(completeJob, { params: { jobId: job.jobId }, body: { fence: job.fence } }),
    )
    ports.log('job done', { jobId: job.jobId })
  } catch (error) {
    await settle(ports, job, ending.signal, error, announce)
  } finally {
    ports.stopping.removeEventListener('abort', stop)
    ending.abort('over')
    await heart
  }
}

async function convert(
  { api, loopback, tools, stallMs }: JobPorts,
  job: ClaimedJob,
  { contentKey }: JobKeys,
  announce: (document: WorkerDocument) => Promise<void>,
  progress: { stage: string; permille: number },
  signal: AbortSignal,
): Promise<void> {
  const lease = `${job.jobId}.${job.fence}`
  const { mediaId } = job
  const uploads = createUploads(async (name, plain) => {
    const sealed = await sealMadeObject({ contentKey, mediaId, name }, plain)
    const id = await objectId(contentKey, name)
    await persist(signal, () => api.writeObject(mediaId, id, sealed, lease, signal))
  })
  await processVideo({
    source: await openSource(api, job, contentKey, signal),
    set: newSetName(),
    uploads,
    announce,
    report: (stage, permille) => Object.assign(progress, { stage, permille: Math.round(permille) }),
    signal,
    loopback,
    tools,
    stallMs,
    maxObjectBytes: MAX_OBJECT_BYTES,
  })
}

/** The original, opened part by part as it is asked for. */
async function openSource(
  api: Api,
  job: ClaimedJob,
  contentKey: JobKeys['contentKey'],
  signal: AbortSignal,
): Promise<Source> {
  const { mediaId } = job
  const id = await objectId(contentKey, ORIGINAL)
  const handled = createCollector()
  const read = async (from: number, to: number) => {
    const part = await persist(signal, () => api.readObject(mediaId, id, from, to, signal))
    handled(part.bytes.length)
    return part
  }
  const head = await read(0, HEADER_BYTES)
  const opened = await openHeader({ contentKey, mediaId, name: ORIGINAL }, head.bytes, head.totalBytes)
  const open = (start: number, end: number) =>
    openRange(opened, start, end, async (from, to) => (await read(from, to)).bytes)
  // Nobody would ever read an empty source: that it is empty has to be authentic before we say so in public.
  if (opened.trueBytes === 0) await open(0, 0)
  return createCachedSource(opened.trueBytes, open)
}

async function publish(
  { api, identity }: JobPorts,
  job: ClaimedJob,
  { contentKey, group }: JobKeys,
  document: WorkerDocument,
  revision: number,
): Promise<void> {
  const { mediaId } = job
  const sealed = await sealDocument(
    { label: 'kith/v1/worker-doc', id: mediaId, revision },
    await workerDocumentKey(contentKey),
    {
      author: identity.workerId,
      groupHead: group.head,
      schema: workerDocument,
      body: document,
      sign: (label, bytes) => sign(identity.seed, label, bytes),
    },
  )
  const lease = `${job.jobId}.${job.fence}`
  await api.call(writeWorkerDocument, { params: { mediaId }, body: { revision, sealed }, lease })
}

/** Tells the server how a job ended that did not come to its end. */
async function settle(
  { api, log }: JobPorts,
  job: ClaimedJob,
  signal: AbortSignal,
  error: unknown,
  announce: (document: WorkerDocument) => Promise<void>,
): Promise<void> {
  const { jobId, fence } = job
  const why: Ended | null = signal.aborted ? signal.reason : isAppError(error, 'job/lease-lost') ? 'lease-lost' : null
  log('job ended early', { jobId, why: why ?? (isAppError(error) ? error.code : 'internal') })
  // Given back: a cancelled one is then cancelled, any other waits for the next worker.
  if (why === 'stopping' || why === 'cancelled')
    return quietly(api.call(releaseJob, { params: { jobId }, body: { fence } }))
  if (why === 'lease-lost') return
  const isTampered = isAppError(error) && error.code.startsWith('object/') && error.code !== 'object/not-found'
  if (error instanceof UnprocessableError || isTampered) {
    const document = failedDocument(error instanceof UnprocessableError ? error.reason : 'tampered')
    await quietly(announce(document))
    const code = isTampered ? 'object/tampered' : 'job/unprocessable'
    return quietly(api.call(failJob, { params: { jobId }, body: { fence, code, final: true } }))
  }
  const code = isAppError(error, 'job/stalled') || isAppError(error, 'key/unavailable') ? error.code : 'internal'
  if (job.attempt >= 2) await quietly(announce(failedDocument('unfinished')))
  await quietly(
    api.call(failJob, {
      params: { jobId },
      body: { fence, code: code as 'job/stalled' | 'key/unavailable' | 'internal', final: false },
    }),
  )
}

/** Renews the lease and hears of a cancel, until the job is over. */
async function beat(
  { api }: JobPorts,
  { jobId, fence }: ClaimedJob,
  progress: { stage: 'starting' | 'reading' | 'converting' | 'finishing'; permille: number; startedAt: number },
  end: (why: Ended) => void,
  over: AbortSignal,
): Promise<void> {
  while (!over.aborted) {
    try {
      const { stage, permille } = progress
      const body = { fence, stage, permille, etaMs: etaOf(progress, Date.now()) }
      const { cancel } = await api.call(heartbeatJob, { params: { jobId }, body })
      if (cancel) end('cancelled')
    } catch (error) {
      // The server is away: it may be back before the lease has run out.
      if (
        isAppError(error, 'job/lease-lost') ||
        isAppError(error, 'job/not-found') ||
        isAppError(error, 'group/not-member')
      ) {
        end('lease-lost')
      }
    }
    await sleep(HEARTBEAT_MS, over)
  }
}

/** From what is done and how long it took; nothing before there is something to go by. */
export function etaOf({ permille, startedAt }: { permille: number; startedAt: number }, nowMs: number): number | null {
  if (permille < 20) return null
  return Math.round(((nowMs - startedAt) * (1000 - permille)) / permille)
}

/** Tries again while the server is away or full. */
async function persist<T>(signal: AbortSignal, action: () => Promise<T>): Promise<T> {
  for (;;) {
    if (signal.aborted) throw new AppError('job/cancelled', 'stopped')
    try {
      return await action()
    } catch (error) {
      if (!isPassing(error)) throw error
      await sleep(RETRY_MS, signal)
    }
  }
}

async function quietly(action: Promise<unknown>): Promise<void> {
  await action.catch(() => undefined)
}

export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
    if (signal.aborted) done()
    function done() {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}
