import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openHeader, openRange } from '../../shared/crypto/open-object.ts'
import { newKey, newMediaId, newSetName, randomBytes } from '../../shared/crypto/random.ts'
import { sealMadeObject, sealObject } from '../../shared/crypto/seal-object.ts'
import { HEADER_BYTES } from '../../shared/format/layout.ts'
import { findTools, type Tools } from '../../worker/ffmpeg/tools.ts'
import { createLoopback } from '../../worker/loopback.ts'
import { createUploads } from '../../worker/media/uploads.ts'
import { processVideo } from '../../worker/media/video.ts'
import { createCachedSource } from '../../worker/source.ts'
import { type Bench, figure, inTurn } from '../figure.ts'

const ROUNDS = 3

/** The worker's whole way, sealed in and sealed out, against its own commands (ffprobe and ffmpeg) on plain files. */
export const bench: Bench = {
  name: 'transcode',
  async run(log) {
    const folder = mkdtempSync(join(tmpdir(), 'kith-bench-'))
    try {
      const { path: video, what } = corpusVideo() ?? generated(folder)
      const plain = new Uint8Array(readFileSync(video))
      // Sealed by who uploads it, and looked for when the worker starts: neither is part of a job.
      const source = await sealed(plain)
      const tools = await findTools('ffmpeg', 'ffprobe')
      const { wrappers, commands } = recorder(folder)
      await convert(source, { ...tools, ...wrappers })
      const recorded = commands()
      log(`${recorded.length} commands`)
      const ours = () => timed(() => convert(source, tools))
      const peer = () =>
        timed(async () => {
          for (const [i, command] of recorded.entries()) replay(command, video, join(folder, `out-${i}`))
        })
      const times = await inTurn(ROUNDS, ours, peer)
      const peerName = 'the same commands on plain files'
      return [figure(`transcode ${what}, wall`, 's', { ...times, peerName }, { atMost: 1.08 })]
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

async function timed(action: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await action()
  return (performance.now() - started) / 1000
}

async function sealed(plain: Uint8Array<ArrayBuffer>) {
  const object = { contentKey: newKey(), mediaId: newMediaId(), name: 'original' }
  return { object, bytes: await sealObject(object, plain, randomBytes(16)) }
}

async function convert({ object, bytes }: Awaited<ReturnType<typeof sealed>>, tools: Tools): Promise<void> {
  const opened = await openHeader(object, bytes.subarray(0, HEADER_BYTES), bytes.length)
  const loopback = await createLoopback()
  try {
    await processVideo({
      source: createCachedSource(opened.trueBytes, (start, end) =>
        openRange(opened, start, end, async (from, to) => bytes.subarray(from, to)),
      ),
      set: newSetName(),
      uploads: createUploads(async (name, made) => {
        await sealMadeObject({ ...object, name }, made)
      }),
      announce: async () => undefined,
      report: () => undefined,
      signal: new AbortController().signal,
      loopback,
      tools,
      stallMs: 60_000,
      maxObjectBytes: 28 * 2 ** 20,
    })
  } finally {
    await loopback.close()
  }
}

/** Programs that write down how they were called. */
function recorder(folder: string) {
  const notes = join(folder, 'calls')
  const wrapperOf = (program: 'ffmpeg' | 'ffprobe') => {
    const wrapper = join(folder, program)
    const note = `{ printf '%s\\037' ${program}; for a in "$@"; do printf '%s\\037' "$a"; done; printf '\\036'; } >> '${notes}'`
    writeFileSync(wrapper, `#!/bin/sh\n${note}\nexec ${program} "$@"\n`)
    chmodSync(wrapper, 0o755)
    return wrapper
  }
  const wrappers = { ffmpeg: wrapperOf('ffmpeg'), ffprobe: wrapperOf('ffprobe') }
  const commands = () =>
    readFileSync(notes, 'utf8')
      .split('\x1e')
      .map((line) => line.split('\x1f').slice(0, -1))
      .filter((args) => args.some((argument) => argument.startsWith('http://')))
  return { wrappers, commands }
}

/** The same command with files for addresses. */
function replay([program = 'ffmpeg', ...args]: readonly string[], video: string, out: string): void {
  mkdirSync(out, { recursive: true })
  const dropped = new Set(['-method', '-http_persistent', '-protocol_whitelist', '-seekable'])
  const kept = args.filter((argument, i) => !dropped.has(argument) && !dropped.has(args[i - 1] ?? ''))
  const plain = kept.map((argument, i) => {
    if (!argument.startsWith('http://')) return argument
    if (kept[i - 1] === '-i') return video
    const path = join(out, ...new URL(argument).pathname.split('/').slice(-2))
    mkdirSync(join(path, '..'), { recursive: true })
    return path
  })
  const run = spawnSync('nice', [program, ...(program === 'ffmpeg' ? ['-y'] : []), ...plain], {
    cwd: out,
    encoding: 'utf8',
  })
  if (run.status !== 0) throw new Error(`${program} ${plain.join(' ')}: ${run.stderr.slice(-800)}`)
}

/** `what`: what the row says was converted. */
type Video = { readonly path: string; readonly what: string }

function corpusVideo(): Video | undefined {
  const path = join(process.env.KITH_CORPUS ?? '/nowhere', 'big-buck-bunny-480p-30s.mp4')
  return existsSync(path) ? { path, what: '30 s of a film, 480p' } : undefined
}

function generated(folder: string): Video {
  const path = join(folder, 'source.mp4')
  const picture = ['-f', 'lavfi', '-i', 'testsrc2=s=854x480:r=24:d=20', '-f', 'lavfi', '-i', 'sine=d=20']
  spawnSync('ffmpeg', ['-v', 'error', ...picture, '-c:v', 'mpeg4', '-q:v', '4', '-c:a', 'aac', path])
  return { path, what: '20 s of a test picture, 480p' }
}
