import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openHeader, openRange } from '../../shared/crypto/open-object.ts'
import { newKey, newMediaId, newSetName, randomBytes } from '../../shared/crypto/random.ts'
import { sealMadeObject, sealObject } from '../../shared/crypto/seal-object.ts'
import { HEADER_BYTES } from '../../shared/format/layout.ts'
import { findTools } from '../../worker/ffmpeg/tools.ts'
import { createLoopback } from '../../worker/loopback.ts'
import { createUploads } from '../../worker/media/uploads.ts'
import { processVideo } from '../../worker/media/video.ts'
import { createCachedSource } from '../../worker/source.ts'
import { type Bench, figure, inTurn } from '../figure.ts'

const ROUNDS = 3

/** The worker's whole way, sealed in and sealed out, against its own ffmpeg commands on plain files. */
export const bench: Bench = {
  name: 'transcode',
  async run(log) {
    const folder = mkdtempSync(join(tmpdir(), 'kith-bench-'))
    try {
      const video = corpusVideo() ?? generated(folder)
      const plain = new Uint8Array(readFileSync(video))
      const { wrapper, commands } = recorder(folder)
      await convert(plain, wrapper)
      const recorded = commands()
      log(`${recorded.length} commands of ffmpeg`)
      const ours = () => timed(() => convert(plain, 'ffmpeg'))
      const peer = () =>
        timed(async () => {
          for (const [i, args] of recorded.entries()) replay(args, video, join(folder, `out-${i}`))
        })
      const { ours: sealed, peer: bare } = await inTurn(ROUNDS, ours, peer)
      const peerName = 'the same commands on plain files'
      return [figure('transcode, wall', 's', { ours: sealed, peer: bare, peerName }, { atMost: 1.08 })]
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

async function convert(plain: Uint8Array<ArrayBuffer>, ffmpeg: string): Promise<void> {
  const object = { contentKey: newKey(), mediaId: newMediaId(), name: 'original' }
  const sealed = await sealObject(object, plain, randomBytes(16))
  const opened = await openHeader(object, sealed.subarray(0, HEADER_BYTES), sealed.length)
  const loopback = await createLoopback()
  try {
    await processVideo({
      source: createCachedSource(opened.trueBytes, (start, end) =>
        openRange(opened, start, end, async (from, to) => sealed.subarray(from, to)),
      ),
      set: newSetName(),
      uploads: createUploads(async (name, made) => {
        await sealMadeObject({ ...object, name }, made)
      }),
      announce: async () => undefined,
      report: () => undefined,
      signal: new AbortController().signal,
      loopback,
      tools: { ...(await findTools('ffmpeg', 'ffprobe')), ffmpeg },
      stallMs: 60_000,
      maxObjectBytes: 28 * 2 ** 20,
    })
  } finally {
    await loopback.close()
  }
}

/** An ffmpeg that writes down how it was called. */
function recorder(folder: string) {
  const [wrapper, notes] = [join(folder, 'ffmpeg'), join(folder, 'calls')]
  const note = `{ for a in "$@"; do printf '%s\\037' "$a"; done; printf '\\036'; } >> '${notes}'`
  writeFileSync(wrapper, `#!/bin/sh\n${note}\nexec ffmpeg "$@"\n`)
  chmodSync(wrapper, 0o755)
  const commands = () =>
    readFileSync(notes, 'utf8')
      .split('\x1e')
      .map((line) => line.split('\x1f').slice(0, -1))
      .filter((args) => args.some((argument) => argument.startsWith('http://')))
  return { wrapper, commands }
}

/** The same command with files for addresses. */
function replay(args: readonly string[], video: string, out: string): void {
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
  const run = spawnSync('nice', ['ffmpeg', '-y', ...plain], { cwd: out, encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`ffmpeg ${plain.join(' ')}: ${run.stderr.slice(-800)}`)
}

function corpusVideo(): string | undefined {
  const path = join(process.env.KITH_CORPUS ?? '/nowhere', 'big-buck-bunny-480p-30s.mp4')
  return existsSync(path) ? path : undefined
}

function generated(folder: string): string {
  const path = join(folder, 'source.mp4')
  const picture = ['-f', 'lavfi', '-i', 'testsrc2=s=854x480:r=24:d=20', '-f', 'lavfi', '-i', 'sine=d=20']
  spawnSync('ffmpeg', ['-v', 'error', ...picture, '-c:v', 'mpeg4', '-q:v', '4', '-c:a', 'aac', path])
  return path
}
