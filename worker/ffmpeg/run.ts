import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { AppError } from '../../shared/errors.ts'
import { createProgressReader, type Progress } from './progress.ts'

export type RunOptions = {
  readonly program: string
  readonly arguments: readonly string[]
  readonly signal: AbortSignal
  /** No step forward for this long ends it with `job/stalled`. */
  readonly stallMs: number
  /** While this says true the program waits for us, and does not stall. */
  readonly isWaiting?: () => boolean
  readonly onProgress?: (progress: Progress) => void
  /** With it, standard output is collected up to this size; without, it is read as `-progress`. */
  readonly outputBytes?: number
}

/** How it ended. `complaint` is ffmpeg's last words: may hold names out of the file, so never log it. */
export type RunResult = { readonly exitCode: number; readonly output: string; readonly complaint: string }

const COMPLAINT_CHARS = 4000
const PDEATHSIG = existsSync('/usr/bin/setpriv')

/**
 * Runs ffmpeg or ffprobe in a process group of its own, at low priority.
 * @throws {AppError} `job/stalled`, or `job/cancelled` when `signal` fires; the whole group is dead then.
 */
export function run(options: RunOptions): Promise<RunResult> {
  options.signal.throwIfAborted()
  const child = start(options.program, options.arguments)
  return new Promise((resolve, reject) => {
    let failure: AppError | undefined
    let output = ''
    let complaint = ''
    const end = (error: AppError) => {
      failure ??= error
      killGroup(child)
    }
    const abort = () => end(new AppError('job/cancelled', 'stopped', { cause: options.signal.reason }))
    options.signal.addEventListener('abort', abort, { once: true })

    let mark = ''
    let movedAt = performance.now()
    const watchdog = setInterval(
      () => {
        if (options.isWaiting?.()) movedAt = performance.now()
        if (performance.now() - movedAt > options.stallMs) end(new AppError('job/stalled', 'no progress'))
      },
      Math.min(1000, options.stallMs / 4),
    )
    const readProgress = createProgressReader()
    child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
      if (options.outputBytes !== undefined) {
        movedAt = performance.now()
        output += piece
        if (output.length > options.outputBytes) end(new AppError('job/unprocessable', 'too much to say'))
        return
      }
      for (const progress of readProgress(piece)) {
        if (progress.mark !== mark) movedAt = performance.now()
        mark = progress.mark
        options.onProgress?.(progress)
      }
    })
    child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
      complaint = (complaint + piece).slice(-COMPLAINT_CHARS)
    })
    const settle = (finish: () => void) => {
      clearInterval(watchdog)
      options.signal.removeEventListener('abort', abort)
      finish()
    }
    child.once('error', (cause) => settle(() => reject(new AppError('internal', 'ffmpeg does not start', { cause }))))
    child.once('close', (code) =>
      settle(() => (failure === undefined ? resolve({ exitCode: code ?? -1, output, complaint }) : reject(failure))),
    )
  })
}

function start(program: string, args: readonly string[]): ChildProcess {
  // A core file would be plaintext on the disk. The parent-death signal ends ffmpeg also when the worker is kill -9ed;
  // where setpriv is missing it ends by itself when the loopback goes silent.
  const launch = `ulimit -c 0; exec nice -n 10 ${PDEATHSIG ? 'setpriv --pdeathsig KILL -- ' : ''}"$@"`
  return spawn('/bin/sh', ['-c', launch, 'sh', program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    // Nothing of our environment: http_proxy would send the loopback's plaintext elsewhere, FFREPORT would write a log file.
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
    cwd: '/',
  })
}

/** The shell, nice and ffmpeg are one process by exec; whatever ffmpeg may have started is in its group. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It ended between our decision and the kill.
  }
}
